"""The commands of Bulwark with a recovery file, as a user types them."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_recovery_file(path: Path, name: str, store: Mapping[str, Any], vault: Mapping[str, Any]) -> None:
    """Write a recovery file with one store and the vault; what nobody attested is accepted."""
    content = {
        "name": "bench",
        "stores": {name: store},
        "vaults": {"primary": vault},
        "trust": {"unattested": "accept"},
    }
    path.write_text(json.dumps(content))


def write_command(recovery: Path, command: str, *options: str) -> list[str]:
    """Return the arguments of a process that runs a command."""
    return [sys.executable, "-P", "-m", "cli", command, "--recovery", str(recovery), *options]

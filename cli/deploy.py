"""What surrounds an engine run: a question and a clean-up before it, the platform's deployment after it."""

import json
import subprocess
import sys
from typing import Any

from rich.console import Console

from cli.workspace import Workspace
from local.home import TwinHome


def confirmed(stack: str, *, word: str = "up") -> bool:
    """Show the plan and ask; without a terminal there is nobody to ask, so the answer is no."""
    if not sys.stdin.isatty():
        sys.stderr.write(
            f"bulwark: nobody is here to confirm; type `./bulwark {word} --stack {stack} --yes`.\n"
        )
        return False
    if word == "up":
        plan = [sys.executable, "-P", "-m", "cli", "preview", "--stack", stack]
        if subprocess.run(plan, check=False).returncode:
            return False
    return input(f"Type the stack's name ({stack}) to {word} it: ").strip() == stack


def settle(engine: Any, space: Workspace, console: Console) -> None:
    """Clear up what an interrupted run left behind."""


def platform_to_twin(twin: TwinHome, outputs: dict[str, Any], console: Console) -> None:
    """Deploy the sample platform: load its data once, then tell it where its database is."""
    deployed = twin.root / "platform.json"
    partial = deployed.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps({"database_url": outputs["application_database_url"]}))
    partial.replace(deployed)


def platform_gone(twin: TwinHome) -> None:
    """Forget the database of a destroyed stack."""
    (twin.root / "platform.json").unlink(missing_ok=True)

"""Tools that look at the sample platform beside `ready`, in a virtualenv of their own."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from toolchain.cache import ensure_cached
from toolchain.step import run_step
from toolchain.uv import ensure_uv

_LOCK = Path(__file__).parents[1] / "tools.lock"
_LIMIT_SECONDS = 120.0


def run_tool(name: str, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a tool's command line in a folder, where it may leave its files. The first call installs all."""
    return subprocess.run(
        [_find_commands() / name, *arguments],
        cwd=folder,
        env=_choose_environment(os.environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_LIMIT_SECONDS,
        check=False,
    )


def _choose_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without this test run's own Python options and without proxies."""
    return {
        name: value
        for name, value in variables.items()
        if not name.startswith("PYTHON") and not name.lower().endswith("_proxy")
    }


def _find_commands() -> Path:
    version = hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    return ensure_cached(f"test-tools-{version}", _install) / "bin"


def _install(folder: Path) -> None:
    """Install what the lock file pins. The folder is renamed afterwards, so its commands must not name it."""
    uv = ensure_uv()
    run_step(
        "Making a virtualenv for the tools",
        [uv, "venv", "--relocatable", "--allow-existing", "--python", sys.executable, folder],
    )
    # sslyze is published as source alone; what builds it is pinned as well.
    hashes = ["--require-hashes", "--only-binary", ":all:", "--no-binary", "sslyze"]
    files = ["--build-constraints", _LOCK, "--requirements", _LOCK]
    run_step(
        "Installing schemathesis, sslyze and Locust",
        [uv, "pip", "install", "--python", folder / "bin" / "python", *hashes, *files],
    )

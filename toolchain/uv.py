"""uv, the package installer: the machine's own, or one that this project pins."""

import re
import shutil
import venv
from pathlib import Path

from toolchain.cache import cached
from toolchain.step import run_step, version_line

LOCKS = Path(__file__).parent
_OLDEST = (0, 5)
"""The oldest uv that was seen to install the lock file."""


def uv() -> Path:
    """Return a uv that understands the lock file; the pinned one, hash-checked, if the machine has none."""
    found = shutil.which("uv")
    if found and version(version_line([found, "--version"])) >= _OLDEST:
        return Path(found)
    lock = LOCKS / "requirements-uv.lock"
    return cached(f"uv-{pinned(lock)}", lambda folder: _install(lock, folder)) / "bin" / "uv"


def pinned(lock: Path) -> str:
    """Return the version that a lock file of one package names."""
    match = re.search(r"^[\w-]+==([\w.]+)", lock.read_text(), re.MULTILINE)
    if match is None:
        raise ValueError(f"{lock} pins nothing")
    return match[1]


def version(text: str) -> tuple[int, ...]:
    """Read the first dotted number of a tool's version line; empty, and so older than all, without one."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _install(lock: Path, folder: Path) -> None:
    """Use pip once; uv is one binary without paths in it, so the folder may be renamed afterwards."""
    venv.EnvBuilder(symlinks=True).create(folder)
    python = folder / "bin" / "python"
    run_step("Preparing pip", [python, "-m", "ensurepip"])
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install"]
    run_step(
        f"Installing uv {pinned(lock)}",
        [*pip, "--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", lock],
    )

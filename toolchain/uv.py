"""uv, the package installer: the one on PATH, or the pinned one."""

import re
import shutil
import venv
from pathlib import Path

from toolchain.cache import ensure_cached
from toolchain.step import read_version_line, run_step

LOCKS = Path(__file__).parent
_OLDEST = (0, 5)
"""The oldest version that is known to install the lock file."""


def ensure_uv() -> Path:
    """Return a uv that can install the lock file: the one on PATH, else the pinned one, hash-checked."""
    found = shutil.which("uv")
    if found and parse_version(read_version_line([found, "--version"])) >= _OLDEST:
        return Path(found)
    lock = LOCKS / "requirements-uv.lock"
    return ensure_cached(f"uv-{pinned_version(lock)}", lambda folder: _install(lock, folder)) / "bin" / "uv"


def pinned_version(lock: Path) -> str:
    """Return the version in a lock file of one package. Raise ValueError if it has none."""
    match = re.search(r"^[\w-]+==([\w.]+)", lock.read_text(), re.MULTILINE)
    if match is None:
        raise ValueError(f"{lock} pins nothing")
    return match[1]


def parse_version(text: str) -> tuple[int, ...]:
    """Return the first dotted number in a text; without one an empty tuple, older than every version."""
    match = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _install(lock: Path, folder: Path) -> None:
    """Install uv with pip. uv is one binary without paths in it, so the folder can be renamed afterwards."""
    venv.EnvBuilder(symlinks=True).create(folder)
    python = folder / "bin" / "python"
    run_step("Preparing pip", [python, "-m", "ensurepip"])
    pip = [python, "-m", "pip", "--disable-pip-version-check", "install"]
    run_step(
        f"Installing uv {pinned_version(lock)}",
        [*pip, "--require-hashes", "--only-binary", ":all:", "--no-deps", "-r", lock],
    )

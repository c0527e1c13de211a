"""The virtualenv of the checkout: created at the first call, updated when the lock file changes."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from core.failure import Failure
from toolchain.cache import hold_lock
from toolchain.step import print_progress, run_step
from toolchain.uv import ensure_uv

PROJECTS: Final = (".", "sdks/neon", "sdks/railway", "sdks/sentry", "sdks/uptimerobot", "sdks/vercel")
"""Installed by path, editable. On the package index the names of the SDKs belong to others."""
_STAMP = "bulwark.stamp"
"""
File that is written last. A virtualenv without it was interrupted and is not trusted: pip and uv take a
package for installed as soon as its metadata is there.
"""


def ensure_environment(checkout: Path) -> Path:
    """
    Return the virtualenv's Python; install the packages of the lock file first if they are missing.

    Raises:
        Failure: the environment could not be created; the next call starts over.
        OSError: the same, from the file system.
    """
    folder = checkout / ".venv"
    if _read_stamp(folder) != _compute_stamp(checkout, folder):
        with hold_lock(checkout, "this checkout"):
            _install(checkout, folder)
    return _python(folder)


def _install(checkout: Path, folder: Path) -> None:
    found, wanted = _read_stamp(folder), _compute_stamp(checkout, folder)
    if found == wanted:  # the process that held the lock has installed it
        return
    print_progress("Setting up Bulwark in this checkout (once; a minute or two on a fast network)")
    installer = ensure_uv()
    (folder / _STAMP).unlink(missing_ok=True)
    if found[:1] != wanted[:1]:
        _create_virtualenv(folder)
    python = ["--python", _python(folder)]
    if found[:2] != wanted[:2]:
        run_step(
            "Installing the locked packages",
            [installer, "pip", "sync", *python, "--require-hashes", checkout / "requirements.lock"],
            cwd=checkout,
        )
    editable = [argument for project in PROJECTS for argument in ("-e", project)]
    run_step(
        "Installing Bulwark itself",
        [installer, "pip", "install", *python, "--no-deps", "--no-build-isolation", *editable],
        cwd=checkout,
    )
    partial = folder / f"{_STAMP}.partial"
    partial.write_text("\n".join(_compute_stamp(checkout, folder)))
    partial.replace(folder / _STAMP)


def _create_virtualenv(folder: Path) -> None:
    """Create an empty virtualenv, and remove an interrupted or moved one first."""
    if folder.is_symlink() or folder.is_file():
        raise Failure(
            f"{folder} is not a folder of its own, so it is left alone.", "move it away, then run this again."
        )
    import venv  # noqa: PLC0415 - imports logging too, at each call of every command

    venv.EnvBuilder(clear=True, symlinks=True).create(folder)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _compute_stamp(checkout: Path, folder: Path) -> list[str]:
    """
    Return the three lines that identify a complete virtualenv.

    The first line has its path, which its scripts name, and its interpreter; a change makes the virtualenv
    unusable. The second has the digest of the lock file and of this module, the third that of the projects;
    a change is installed into the virtualenv.
    """
    python = _python(folder)
    interpreter = os.path.realpath(python) if python.exists() else "none"
    packages = (checkout / "requirements.lock", Path(__file__))
    projects = (checkout / project / "pyproject.toml" for project in PROJECTS)
    return [f"{folder} {interpreter}", _digest(packages), _digest(projects)]


def _digest(files: Iterable[Path]) -> str:
    content = hashlib.sha256()
    for file in files:
        content.update(file.read_bytes())
    return content.hexdigest()


def _read_stamp(folder: Path) -> list[str]:
    try:
        return (folder / _STAMP).read_text().splitlines()
    except FileNotFoundError:
        return []

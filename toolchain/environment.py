"""The virtualenv of the checkout: made at the first call, brought up to date when the lock file changes."""

import hashlib
import os
import venv
from collections.abc import Iterable
from pathlib import Path

from core.failure import Failure
from toolchain.cache import locked
from toolchain.step import run_step, say
from toolchain.uv import uv

_PROJECTS = (".", "sdks/neon", "sdks/sentry", "sdks/uptimerobot")
"""Installed by path and editable; the names of the SDKs are not ours on the package index."""
_STAMP = "bulwark.stamp"
"""Written last. A virtualenv without it was interrupted and is not trusted: a package that was being put in
looks installed to pip and uv as soon as its metadata is there."""


def ensure_environment(checkout: Path) -> Path:
    """
    Return the virtualenv's Python, after installing what the lock file names if that is not there yet.

    Raises:
        Failure: the environment could not be made; the next call starts over.
        OSError: likewise, from the file system.
    """
    folder = checkout / ".venv"
    if _read_stamp(folder) != _stamp(checkout, folder):
        with locked(checkout, "this checkout"):
            _install(checkout, folder)
    return _python(folder)


def _install(checkout: Path, folder: Path) -> None:
    found, wanted = _read_stamp(folder), _stamp(checkout, folder)
    if found == wanted:  # whoever held the lock has done it
        return
    say("Setting up Bulwark in this checkout (once; a minute or two on a fast network)")
    installer = uv()
    (folder / _STAMP).unlink(missing_ok=True)
    if found[:1] != wanted[:1]:
        _make(folder)
    python = ["--python", _python(folder)]
    if found[:2] != wanted[:2]:
        run_step(
            "Installing the locked packages",
            [installer, "pip", "sync", *python, "--require-hashes", checkout / "requirements.lock"],
            cwd=checkout,
        )
    editable = [argument for project in _PROJECTS for argument in ("-e", project)]
    run_step(
        "Installing Bulwark itself",
        [installer, "pip", "install", *python, "--no-deps", "--no-build-isolation", *editable],
        cwd=checkout,
    )
    partial = folder / f"{_STAMP}.partial"
    partial.write_text("\n".join(_stamp(checkout, folder)))
    partial.replace(folder / _STAMP)


def _make(folder: Path) -> None:
    """Make an empty virtualenv, in place of whatever an interrupted or moved one left behind."""
    if folder.is_symlink() or folder.is_file():
        raise Failure(
            f"{folder} is not a folder of its own, so it is left alone.", "move it away, then run this again."
        )
    venv.EnvBuilder(clear=True, symlinks=True).create(folder)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _stamp(checkout: Path, folder: Path) -> list[str]:
    """
    Say in three lines what a whole virtualenv is made of.

    The first is what it cannot survive a change of: where it is (its scripts name the path) and an
    interpreter that still exists. The others are what it follows: lock file and recipe; the projects.
    """
    python = _python(folder)
    interpreter = os.path.realpath(python) if python.exists() else "none"
    packages = (checkout / "requirements.lock", Path(__file__))
    projects = (checkout / project / "pyproject.toml" for project in _PROJECTS)
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

"""Folders that are there as a whole or not at all: built aside, renamed last, removed likewise."""

import fcntl
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lock_folder(folder: Path) -> Generator[Path]:
    """Hold the lock of `folder`, a file beside it; a process that dies lets go of it."""
    lock = folder.with_name(f".{folder.name}.lock")
    while True:
        with lock.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # Whoever held it before may have removed it; a lock on a removed file would exclude nobody.
            if lock.exists() and os.path.samestat(os.fstat(handle.fileno()), lock.stat()):
                yield lock
                return


@contextmanager
def build_folder(folder: Path) -> Generator[Path]:
    """
    Give a private folder to fill, which becomes `folder` at the end; the caller holds the lock.

    A builder that was killed leaves its folder behind, and perhaps a program that still writes to it. So each
    has one of its own, and removes what it can of earlier ones.
    """
    clear(folder)
    aside = _aside(folder)
    aside.mkdir(mode=0o700)
    try:
        yield aside
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove `folder` at one stroke, so that no part of it is ever taken for the whole."""
    folder.rename(_aside(folder))
    clear(folder)


def clear(folder: Path) -> None:
    """Remove what interrupted builds and removals of `folder` left behind."""
    for entry in folder.parent.iterdir():
        if entry.name.startswith(f".{folder.name}.aside-"):
            shutil.rmtree(entry, ignore_errors=True)


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.aside-{os.getpid()}-{time.monotonic_ns()}")

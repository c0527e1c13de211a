"""Create and remove folders atomically: build under a temporary name, rename when complete."""

import fcntl
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from core.lock_file import open_lock_file


@contextmanager
def lock_folder(folder: Path) -> Generator[Path]:
    """Hold the lock of `folder`: a file beside it. The system releases the lock when the process ends."""
    lock = folder.with_name(f".{folder.name}.lock")
    while True:
        with open_lock_file(lock) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            # The previous holder may have removed the file; a lock on a removed file would exclude nobody.
            if lock.exists() and os.path.samestat(os.fstat(handle), lock.stat()):
                yield lock
                return


def is_locked(folder: Path) -> bool:
    """Return whether another process holds the lock of `folder` at the moment."""
    try:
        with folder.with_name(f".{folder.name}.lock").open() as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextmanager
def build_folder(folder: Path) -> Generator[Path]:
    """
    Yield an empty private folder, which is renamed to `folder` when the block ends.

    The caller holds the lock of `folder`. A killed build leaves its folder behind, and perhaps a program that
    still writes to it. So each build has a folder of its own and removes those of earlier builds.
    """
    remove_leftovers(folder)
    building = _temporary_path(folder)
    building.mkdir(mode=0o700)
    try:
        yield building
        building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove `folder`: rename it first, so that a partly removed folder is never taken for the whole."""
    folder.rename(_temporary_path(folder))
    remove_leftovers(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary folders of interrupted builds and removals of `folder`."""
    for entry in folder.parent.iterdir():
        if entry.name.startswith(f".{folder.name}.partial-"):
            shutil.rmtree(entry, ignore_errors=True)


def _temporary_path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.partial-{os.getpid()}-{time.monotonic_ns()}")

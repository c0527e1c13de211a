"""Tools that are fetched or built once and shared by every checkout of this user."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from toolchain.step import StepProgress

_RETRY_SECONDS = 0.2


def cache_root() -> Path:
    """Return the folder outside the checkout in which tools are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bulwark"


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """
    Return the folder `name` of the cache, filled by `make` at the first call.

    `make` fills a folder beside it that gets the name when it is whole, so that whatever stops the filling,
    what bears the name is complete. Two callers do not fill it twice.
    """
    folder = cache_root() / name
    if not folder.is_dir():
        cache_root().mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f"{name}.lock")
        lock.touch()
        with locked(lock, name):
            if not folder.is_dir():
                partial = folder.with_name(f"{name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                make(partial)
                partial.rename(folder)
    return folder


@contextmanager
def locked(path: Path, what: str) -> Generator[None]:
    """
    Hold the lock of an existing file or folder, after waiting for whoever is setting `what` up.

    The kernel frees it when the last holder ends, so a kill -9 leaves no stale lock. Tools that run meanwhile
    inherit it: if only this process is killed, the next one waits until they have ended instead of working
    against them.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.set_inheritable(descriptor, True)
        if not _taken(descriptor):
            clock = StepProgress(f"Waiting for another run that is setting up {what}")
            while not _taken(descriptor):
                clock.show()
                time.sleep(_RETRY_SECONDS)
            clock.close("done")
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

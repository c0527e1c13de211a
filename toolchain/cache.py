"""Tools that are downloaded or built once and shared by all checkouts of the user."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from core.failure import Failure
from toolchain.step import StepProgress

_RETRY_SECONDS = 0.2


def cache_root() -> Path:
    """Return the folder outside the checkout in which tools are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bulwark"


def ensure_cached(name: str, make: Callable[[Path], None]) -> Path:
    """
    Return the folder `name` of the cache; the first call lets `make` fill it.

    `make` fills a partial folder, which is renamed when it is complete. So a folder with the name is always
    complete, also after an interruption. Of two callers one fills the folder.
    """
    folder = cache_root() / name
    if not folder.is_dir():
        lock = folder.with_name(f"{name}.lock")
        try:
            cache_root().mkdir(parents=True, exist_ok=True)
            lock.touch(mode=0o600)
        except OSError as error:
            raise Failure(
                f"The cache folder {cache_root()} can't be used: {error.strerror}.",
                "let HOME or XDG_CACHE_HOME name a folder that is yours and writable.",
            ) from None
        with hold_lock(lock, name):
            if not folder.is_dir():
                partial = folder.with_name(f"{name}.partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                make(partial)
                partial.rename(folder)
    return folder


@contextmanager
def hold_lock(path: Path, what: str) -> Generator[None]:
    """
    Hold the lock of an existing file or folder; wait while another process that sets `what` up holds it.

    The kernel releases the lock when its last holder ends, so a kill -9 leaves no stale lock. Tools that this
    process starts inherit the lock: if only this process is killed, the next one waits until they have ended.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.set_inheritable(descriptor, True)
        if not _try_lock(descriptor):
            progress = StepProgress(f"Waiting for another run that is setting up {what}")
            while not _try_lock(descriptor):
                progress.show()
                time.sleep(_RETRY_SECONDS)
            progress.close("done")
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

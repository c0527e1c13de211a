"""Room on the disk for an archive that is being fetched: a parallel restore has to seek in it."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from core.failure import Failure

_SPARE_BYTES: Final = 64 << 20
_PREFIX: Final = "bulwark-archive-"
_YOUNG_SECONDS: Final = 60
"""A folder that is younger may not be held yet by the run that has just made it."""


@contextmanager
def private_folder() -> Generator[Path]:
    """
    Give a folder for an archive, and remove it afterwards; first remove those of runs that were killed.

    They hold all rows in clear. A run holds a lock on its own, of which the kernel lets go whatever ends it.
    """
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _YOUNG_SECONDS and left.stat().st_uid == os.geteuid():
                with _held(left):
                    shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, _held(Path(name)):
        yield Path(name)


def download_space(folder: Path, archive_bytes: int) -> None:
    """
    See to it, before anything is fetched, that `folder` can hold the uncompressed archive.

    Raises:
        Failure: it cannot.
    """
    free = shutil.disk_usage(folder).free
    if free < archive_bytes + _SPARE_BYTES:
        raise Failure(
            f"The archive takes {_megabytes(archive_bytes)}; {folder} has {_megabytes(free)} free.",
            "free room there, or name a folder on a larger disk (TMPDIR).",
        )


def written(chunks: Iterable[bytes], path: Path) -> int:
    """
    Write a stream to `path` and return its bytes; the file is there only if all of it is.

    Raises:
        Failure: the disk is full, or cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    total = 0
    try:
        with open(partial, "xb", opener=_private) as file:
            for chunk in chunks:
                total += _write(file.fileno(), chunk, partial)
        partial.replace(path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return total


@contextmanager
def _held(folder: Path) -> Generator[None]:
    """Hold the lock of a folder; raise BlockingIOError where somebody else does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write(descriptor: int, chunk: bytes, path: Path) -> int:
    view = memoryview(chunk)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except OSError as error:
        raise Failure(
            f"The archive cannot be written to {path.parent}: {error.strerror}.",
            "free room there, or name a folder on a larger disk (TMPDIR), and run the restore again: "
            "nothing was restored and nothing is left behind.",
        ) from None
    return len(chunk)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"

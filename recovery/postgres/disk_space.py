"""Disk space for a downloaded archive: a parallel restore has to seek in it, so it can't be streamed."""

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
_UNLOCKED_SECONDS: Final = 60
"""A folder that is younger may be one that another run has created and not locked yet."""


@contextmanager
def private_folder(parent: Path | None = None) -> Generator[Path]:
    """
    Create a temporary folder and remove it at the end of the block; in `parent`, or where TMPDIR says.

    Folders that killed runs have left are removed first, because they hold data in clear. A run holds a
    lock on its folder, which the kernel releases however the run ends.
    """
    parent = parent or Path(tempfile.gettempdir())
    for leftover in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            status = leftover.stat()
            if time.time() - status.st_mtime > _UNLOCKED_SECONDS and status.st_uid == os.geteuid():
                with _lock_folder(leftover):
                    shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent) as name, _lock_folder(Path(name)):
        yield Path(name)


def require_space(folder: Path, archive_bytes: int) -> None:
    """Raise Failure if the folder's disk has no room for an uncompressed archive of `archive_bytes`."""
    free = shutil.disk_usage(folder).free
    if free < archive_bytes + _SPARE_BYTES:
        needed = _format_megabytes(archive_bytes)
        raise Failure(
            f"The archive takes {needed}; {folder} has {_format_megabytes(free)} free.",
            "free room there, or name a folder on a larger disk (TMPDIR).",
        )


def write_archive(chunks: Iterable[bytes], path: Path) -> int:
    """
    Write a stream to `path` and return its size in bytes. The file exists only if it is complete.

    Raises:
        Failure: the disk is full or can't be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    total = 0
    try:
        with open(partial, "xb", opener=_open_private) as file:
            for chunk in chunks:
                total += _write_chunk(file.fileno(), chunk, partial)
        partial.replace(path)
    finally:
        with suppress(FileNotFoundError):
            partial.unlink()
    return total


@contextmanager
def _lock_folder(folder: Path) -> Generator[None]:
    """Hold the lock of a folder; raise BlockingIOError if another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _write_chunk(descriptor: int, chunk: bytes, path: Path) -> int:
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


def _format_megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"

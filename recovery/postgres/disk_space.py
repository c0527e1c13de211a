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
from recovery.postgres.unnamed_file import UnnamedFile

_SPARE_BYTES: Final = 64 << 20
_PREFIX: Final = "bulwark-archive-"
_NEW: Final = "bulwark-new-"
_UNLOCKED_SECONDS: Final = 60
"""A new folder that is younger may be one that another run has created and not locked yet; it is empty."""


@contextmanager
def private_folder(parent: Path | None = None) -> Generator[Path]:
    """
    Create a temporary folder and remove it at the end of the block; in `parent`, or where TMPDIR says.

    Folders that killed runs have left are removed first, because they may hold data in clear. A run holds a
    lock on its folder, which the kernel releases however the run ends. The folder gets its name when it is
    locked.
    """
    parent = parent or Path(tempfile.gettempdir())
    for leftover in (*parent.glob(f"{_PREFIX}*"), *parent.glob(f"{_NEW}*")):
        with suppress(OSError):
            status = leftover.stat()
            is_young = time.time() - status.st_mtime <= _UNLOCKED_SECONDS
            if status.st_uid == os.geteuid() and not (is_young and leftover.name.startswith(_NEW)):
                with _lock_folder(leftover):
                    shutil.rmtree(leftover)
    new = Path(tempfile.mkdtemp(prefix=_NEW, dir=parent))
    with _lock_folder(new):
        folder = new.rename(new.with_name(new.name.replace(_NEW, _PREFIX, 1)))
        try:
            yield folder
        finally:
            # A thread whose listing was given up may still make files, which fails by the old name.
            shutil.rmtree(folder.rename(folder.with_name(f"{folder.name}-ended")))


def require_space(folder: Path, archive_bytes: int) -> None:
    """Raise Failure if the folder's disk has no room for an uncompressed archive of `archive_bytes`."""
    free = shutil.disk_usage(folder).free
    if free < archive_bytes + _SPARE_BYTES:
        needed = _format_megabytes(archive_bytes)
        raise Failure(
            f"The archive takes {needed}; {folder} has {_format_megabytes(free)} free.",
            "free room there, or name a folder on a larger disk (TMPDIR).",
        )


def write_archive(chunks: Iterable[bytes], folder: Path) -> UnnamedFile:
    """
    Write a stream to the disk of `folder`, into a file without a name.

    Raises:
        Failure: the disk is full or can't be written. No file is left then.
    """
    file = UnnamedFile(folder)
    try:
        for chunk in chunks:
            _write_chunk(file, chunk, folder)
    except BaseException:
        file.close()
        raise
    return file


@contextmanager
def _lock_folder(folder: Path) -> Generator[None]:
    """Hold the lock of a folder; raise BlockingIOError if another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _write_chunk(file: UnnamedFile, chunk: bytes, folder: Path) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise Failure(
            f"The archive cannot be written to {folder}: {error.strerror}.",
            "free room there, or name a folder on a larger disk (TMPDIR), and run the restore again: "
            "nothing was restored and nothing is left behind.",
        ) from None


def _format_megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"

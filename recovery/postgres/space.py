"""Room on the disk for an archive that is being fetched: a parallel restore has to seek in it."""

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from toolchain.failure import Failure

_SPARE_BYTES: Final = 64 << 20


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

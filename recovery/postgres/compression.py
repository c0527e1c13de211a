"""Zstandard around a stream, with a checksum of the content: one format whatever client wrote the dump."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Final

import zstandard

from core.failure import Failure

_LEVEL: Final = 2
"""Half the time of 3, and no larger, of pgbench's rows and of text (measured, zstandard 0.25)."""
_SLICE_BYTES: Final = 512
"""At most 16 MiB come out of so little: a block takes 4 bytes and gives 128 KiB at most."""

_GATHERED_BYTES: Final = 1 << 20
_WINDOW_BYTES: Final = 32 << 20
"""Four times what any level up to 19 asks for; a damaged header may ask for terabytes."""

_NEXT: Final = "take another backup, or the copy in the other vault; this one is not to be used."


def compressed(chunks: Iterable[bytes], level: int = _LEVEL, threads: int = 0) -> Iterator[bytes]:
    """
    Compress a stream into one frame; its end is written only when the stream has come to its own.

    Args:
        chunks: the stream. What it raises is passed on, and the frame stays without an end.
        level: of compression, 1 to 19.
        threads: that compress beside the caller's; 0: the caller's own.
    """
    compressor = zstandard.ZstdCompressor(level=level, threads=threads, write_checksum=True).compressobj()
    with _closed_after(chunks):
        for chunk in chunks:
            if output := compressor.compress(chunk):
                yield output
        yield compressor.flush()


def decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """
    Undo `compressed`, in bounded memory whatever the frame claims.

    Raises:
        Failure: it is damaged, or does not end where its frame does. What came out before is not to be used.
    """
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).decompressobj()
    gathered = bytearray()
    with _closed_after(chunks):
        for piece in _sliced(chunks):
            if decompressor.eof:
                raise Failure("The compressed dump is damaged: it goes on after its end.", _NEXT)
            try:
                gathered += decompressor.decompress(piece)
            except zstandard.ZstdError as error:
                raise Failure("The compressed dump is damaged.", _NEXT, str(error)) from None
            if len(gathered) >= _GATHERED_BYTES:
                yield bytes(gathered)
                gathered.clear()
        if decompressor.unused_data:
            raise Failure("The compressed dump is damaged: it goes on after its end.", _NEXT)
        if not decompressor.eof:
            raise Failure("The compressed dump is truncated: it has no end.", _NEXT)
    if gathered:
        yield bytes(gathered)


def _sliced(chunks: Iterable[bytes]) -> Iterator[memoryview]:
    for chunk in chunks:
        view = memoryview(chunk)
        for start in range(0, len(view), _SLICE_BYTES):
            yield view[start : start + _SLICE_BYTES]


def _closed_after(chunks: Iterable[bytes]) -> AbstractContextManager[object]:
    """Close the stream on every way out: a program may be writing it."""
    return closing(chunks) if isinstance(chunks, Generator) else nullcontext()

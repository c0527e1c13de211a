"""Zstandard compression of a stream, with a checksum; one format, whichever client wrote the dump."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Final

import zstandard

from core.failure import Failure

_LEVEL: Final = 2
"""Half the time of 3, and no larger, of pgbench's rows and of text (measured, zstandard 0.25)."""

_SLICE_BYTES: Final = 512
"""Input of one step. Its output is at most 16 MiB: a block of 4 bytes gives at most 128 KiB."""

_OUTPUT_BYTES: Final = 1 << 20
_WINDOW_BYTES: Final = 32 << 20
"""Four times what any level up to 19 needs. A damaged header may demand terabytes."""

_NEXT_STEP: Final = "take another backup, or the copy in the other vault; this one is not to be used."


class DamagedFrame(Failure):
    """Compressed data is not what `compress` wrote."""


def compress(chunks: Iterable[bytes], level: int = _LEVEL, threads: int = 0) -> Iterator[bytes]:
    """
    Compress a stream into one frame. The frame's end is written only after the stream's regular end.

    Args:
        chunks: the stream. An exception of it is passed on and leaves the frame without an end.
        level: of compression, 1 to 19.
        threads: compressing threads; 0 compresses in the caller's thread.
    """
    compressor = zstandard.ZstdCompressor(level=level, threads=threads, write_checksum=True).compressobj()
    with _closing(chunks):
        for chunk in chunks:
            if output := compressor.compress(chunk):
                yield output
        yield compressor.flush()


def decompress(chunks: Iterable[bytes], *, max_bytes: int) -> Iterator[bytes]:
    """
    Decompress a stream that `compress` wrote. The memory used is bounded, whatever the frame's header says.

    Raises:
        DamagedFrame: the frame is damaged or has more than `max_bytes` of content, or the stream does not end
            with it. Earlier output must be discarded.
    """
    left = max_bytes
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES).decompressobj()
    output = bytearray()
    with _closing(chunks):
        for piece in _slices(chunks):
            if decompressor.eof:
                raise DamagedFrame("The compressed data is damaged: it goes on after its end.", _NEXT_STEP)
            try:
                content = decompressor.decompress(piece)
            except zstandard.ZstdError as error:
                raise DamagedFrame("The compressed data is damaged.", _NEXT_STEP, str(error)) from None
            left -= len(content)
            if left < 0:
                raise DamagedFrame(f"The compressed data has more than {max_bytes:,} bytes.", _NEXT_STEP)
            output += content
            if len(output) >= _OUTPUT_BYTES:
                yield bytes(output)
                output.clear()
        if decompressor.unused_data:
            raise DamagedFrame("The compressed data is damaged: it goes on after its end.", _NEXT_STEP)
        if not decompressor.eof:
            raise DamagedFrame("The compressed data is truncated: it has no end.", _NEXT_STEP)
    if output:
        yield bytes(output)


def _slices(chunks: Iterable[bytes]) -> Iterator[memoryview]:
    for chunk in chunks:
        view = memoryview(chunk)
        for start in range(0, len(view), _SLICE_BYTES):
            yield view[start : start + _SLICE_BYTES]


def _closing(chunks: Iterable[bytes]) -> AbstractContextManager[object]:
    """Return a context that closes a generator: a running program may be its source."""
    return closing(chunks) if isinstance(chunks, Generator) else nullcontext()

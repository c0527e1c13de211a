"""A compressed stream is decompressed as a whole, or is a Failure."""

import random
import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
import zstandard

from core.failure import Failure
from recovery.postgres.compression import compress, decompress

CONTENT = random.Random(1).randbytes(3000) + b"row\n" * 5000  # noqa: S311 - test data


def unpack(chunks: Iterable[bytes]) -> Iterator[bytes]:
    return decompress(chunks, max_bytes=1 << 30)


def frame(threads: int = 0) -> bytes:
    return b"".join(compress([CONTENT[:1000], b"", CONTENT[1000:]], threads=threads))


@pytest.mark.parametrize("threads", [0, 1, 2])
@pytest.mark.parametrize("piece", [1, 1000, 1 << 20])
def test_a_frame_is_decompressed_whatever_the_sizes_of_its_chunks(threads: int, piece: int) -> None:
    packed = frame(threads)
    assert b"".join(unpack([packed[at : at + piece] for at in range(0, len(packed), piece)])) == CONTENT


def test_an_empty_stream_has_a_frame_of_its_own() -> None:
    packed = b"".join(compress([]))
    assert packed
    assert b"".join(unpack([packed])) == b""


def test_every_truncated_frame_is_refused() -> None:
    packed = frame()
    for length in [*range(60), *range(60, len(packed), 97), len(packed) - 4, len(packed) - 1]:
        with pytest.raises(Failure, match=r"truncated|damaged"):
            list(unpack([packed[:length]]))


def test_no_frame_with_a_flipped_bit_is_decompressed_to_other_content() -> None:
    packed = frame()
    places = [*range(12), *range(12, len(packed), 61), *range(len(packed) - 12, len(packed))]
    refused = 0
    for place in places:
        for bit in range(8):
            damaged = bytearray(packed)
            damaged[place] ^= 1 << bit
            try:
                # A flip in the frame's window size alone changes nothing of what comes out.
                assert b"".join(unpack([bytes(damaged)])) == CONTENT
            except Failure:
                refused += 1
    assert refused > 0.95 * 8 * len(places)


def test_bytes_after_the_end_of_a_frame_are_refused() -> None:
    packed = frame()
    for more in (b"\0", packed):
        with pytest.raises(Failure, match="after its end"):
            list(unpack([packed + more]))
        with pytest.raises(Failure, match="after its end"):
            list(unpack([packed, more]))


def test_a_failure_of_the_source_is_passed_on_and_the_frame_has_no_end() -> None:
    def broken() -> Iterator[bytes]:
        yield CONTENT
        raise Failure("the dump broke", "again")

    got: list[bytes] = []
    with pytest.raises(Failure, match="the dump broke"):
        got.extend(compress(broken()))
    with pytest.raises(Failure, match="truncated"):
        list(unpack(got))


def test_memory_stays_bounded_for_a_frame_that_expands_ten_thousandfold() -> None:
    packed = b"".join(compress(bytes(1 << 20) for _ in range(512)))
    assert len(packed) < 100_000
    tracemalloc.start()
    try:
        assert sum(len(chunk) for chunk in unpack([packed])) == 512 << 20
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()


def test_a_frame_that_expands_above_its_limit_ends_there() -> None:
    assert len(b"".join(decompress([frame()], max_bytes=len(CONTENT)))) == len(CONTENT)
    with pytest.raises(Failure, match=f"more than {len(CONTENT) - 1:,} bytes"):
        list(decompress([frame()], max_bytes=len(CONTENT) - 1))
    bomb = b"".join(compress(bytes(1 << 20) for _ in range(512)))
    with pytest.raises(Failure, match="more than 1,000 bytes"):
        next(decompress([bomb], max_bytes=1000))


def test_a_window_that_is_larger_than_any_of_ours_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=26)
    wide = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = wide.compress(bytes(80 << 20)) + wide.flush()
    with pytest.raises(Failure, match="damaged"):
        list(unpack([packed]))

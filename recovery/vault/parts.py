"""Cuts a stream of unknown length into the parts of a multipart upload."""

import io
from collections.abc import Callable, Iterable, Iterator
from typing import Final

MIB: Final = 1 << 20
MAX_PARTS: Final = 10_000
MAX_PART_BYTES: Final = 5 << 30
MAX_OBJECT_BYTES: Final = 5 * 10**12
"""What must fit; S3 takes 10,000 parts of 5 MiB to 5 GiB (S3 user guide, "Multipart upload limits")."""

FIRST_PART_BYTES: Final = 16 * MIB
_PARTS_OF_A_SIZE: Final = 1_250
_PARTS_FOR_EXPECTED: Final = 7_500
_BEYOND_EXPECTED_BYTES: Final = 2 << 30


def part_bytes(number: int, expected_bytes: int | None = None, first: int = FIRST_PART_BYTES) -> int:
    """
    Return how many bytes part `number` (from 1) takes.

    Of unknown size: doubling every 1,250, so that 5 TB fit into 10,000. S3 wants a part's length before its
    bytes, and all of it again if the connection breaks, so a part is in memory while it is sent: an object
    reaches 293 GiB before its parts are larger than 128 MiB. With an expected size parts are even (expected
    960 GiB: 128 MiB); the last quarter of them takes what comes beyond it, up to 5 TB.
    """
    if expected_bytes is None:
        return min(first << (number - 1) // _PARTS_OF_A_SIZE, MAX_PART_BYTES)
    even = min(max(first, -(-expected_bytes // _PARTS_FOR_EXPECTED)), MAX_PART_BYTES)
    return even if number <= _PARTS_FOR_EXPECTED else max(even, _BEYOND_EXPECTED_BYTES)


def cut(chunks: Iterable[bytes], size: Callable[[int], int]) -> Iterator[tuple[io.BytesIO, bool]]:
    """
    Yield each part and whether more comes after it; the last one may be full, or empty if nothing came.

    The next part is begun only when it is asked for.
    """
    number, part, room = 1, io.BytesIO(), size(1)
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            if not room:
                yield part, True
                number += 1
                part, room = io.BytesIO(), size(number)
            taken = rest[:room]
            part.write(taken)
            room -= len(taken)
            rest = rest[len(taken) :]
    yield part, False

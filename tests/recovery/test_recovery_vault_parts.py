"""How a stream of unknown length is cut into parts, and how much fits."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recovery.vault.upload import (
    FIRST_PART_BYTES,
    MAX_OBJECT_BYTES,
    MAX_PART_BYTES,
    MAX_PARTS,
    part_bytes,
    split_parts,
)

GIB = 1 << 30


def sizes(expected: int | None) -> list[int]:
    return [part_bytes(number, expected) for number in range(1, MAX_PARTS + 1)]


@given(st.none() | st.integers(0, 2 * MAX_OBJECT_BYTES))
def test_5_tb_fit_into_the_parts_that_s3_takes_however_wrong_the_expectation(expected: int | None) -> None:
    parts = sizes(expected)
    assert sum(parts) >= MAX_OBJECT_BYTES
    assert all(5 << 20 <= part <= MAX_PART_BYTES for part in parts)
    assert all(before <= after for before, after in pairwise(parts))


def test_parts_stay_small_enough_to_hold_for_as_long_as_most_backups_are() -> None:
    assert sum(part for part in sizes(None) if part <= 128 << 20) >= 290 * GIB
    assert set(sizes(100 * GIB)[:7_500]) == {FIRST_PART_BYTES}
    assert sizes(MAX_OBJECT_BYTES)[0] < GIB


@given(
    st.lists(st.binary(max_size=40)),
    st.lists(st.integers(1, 9), min_size=300, max_size=300),
)
def test_parts_are_the_stream_each_full_but_the_last(chunks: list[bytes], wanted: list[int]) -> None:
    wanted += [40] * 2_000
    parts = [(part.getvalue(), more) for part, more in split_parts(chunks, lambda number: wanted[number - 1])]
    assert b"".join(part for part, _ in parts) == b"".join(chunks)
    assert [more for _, more in parts] == [True] * (len(parts) - 1) + [False]
    assert all(len(part) == size for (part, more), size in zip(parts, wanted, strict=False) if more)
    assert len(parts) == 1 or parts[-1][0]


def test_the_stream_is_read_only_as_far_as_the_part_that_is_asked_for() -> None:
    taken: list[int] = []

    def chunks() -> Iterator[bytes]:
        for number in range(10):
            taken.append(number)
            yield b"1234"

    parts = split_parts(chunks(), lambda _: 8)
    next(parts)
    assert len(taken) == 3

"""A listing of files, or a journal, is one of this program, or ends with a Failure in bounded memory."""

import json
import tracemalloc
from pathlib import Path

import pytest

from core.failure import Failure
from recovery.files.manifest import format_line, parse_line, split_lines
from recovery.postgres.compression import compress

LINE = (Path(__file__).parent / "recorded" / "listing.jsonl").read_bytes().splitlines(keepends=True)[0]


@pytest.mark.parametrize(
    "line",
    [
        b"null",
        b"[]",
        b"1",
        b"",
        b"\n",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        LINE[:-3],
        LINE.replace(b'"bytes":558', b'"bytes":"558"'),
        LINE.replace(b'"bytes":558', b'"bytes":-1'),
        LINE.replace(b'"bytes":558', b'"bytes":9223372036854775808'),
        LINE.replace(b'"bytes":558', b'"bytes":true'),
        LINE.replace(b'"altered":false', b'"altered":0'),
        LINE.replace(b'"altered":false', b'"more":false'),
        LINE.replace(b'"bucket":"documents"', b'"bucket":null'),
        LINE.replace(b'"bucket":"documents"', rb'"bucket":"\ud800"'),
        LINE.replace(b'"bucket":"documents"', b'"bucket":"\xff"'),
        LINE.replace(b'"modified":"2026', b'"modified":"9999'),
        LINE.replace(b'"modified":"2026-04', b'"modified":"2026-13'),
        LINE.replace(b'"sha256":"7', b'"sha256":"Z'),
    ],
)
def test_a_line_that_is_no_object_is_a_failure(line: bytes) -> None:
    assert line != LINE
    with pytest.raises(Failure, match="a line that is no object"):
        parse_line(line, "listing")


def test_lines_with_any_key_are_read_as_they_were_written() -> None:
    for key in ("\0\x1b[2J\u202e", "a\nb\r\u2028", '"\\', "\U0010ffff" * 256, "\x01" * 1024):
        line = LINE.replace(
            b'"key":' + json.dumps(json.loads(LINE)["key"], ensure_ascii=False).encode(),
            b'"key":' + json.dumps(key).encode(),
        )
        entry = parse_line(line, "listing")
        assert entry.key == key
        assert parse_line(format_line(entry), "listing") == entry
        assert list(split_lines(compress([format_line(entry)]), max_lines=1)) == [format_line(entry)]


def test_a_listing_has_as_many_lines_as_its_manifest_says_at_most() -> None:
    assert list(split_lines(compress([LINE * 3]), max_lines=3)) == [LINE] * 3
    with pytest.raises(Failure, match="more than 2 lines"):
        list(split_lines(compress([LINE * 3]), max_lines=2))


@pytest.mark.parametrize("content", [b"\n", b"x", LINE], ids=["empty lines", "one line", "lines"])
def test_a_listing_that_expands_to_gigabytes_ends_in_bounded_memory(content: bytes) -> None:
    block = content * ((1 << 20) // len(content))
    bomb = b"".join(compress(block for _ in range(300)))
    assert len(bomb) < 1 << 18
    tracemalloc.start()
    try:
        with pytest.raises(Failure):
            for _ in split_lines([bomb], max_lines=1_000):
                pass
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()

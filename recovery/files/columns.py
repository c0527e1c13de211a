"""
The listings that a backup of files compares, in blocks of consecutive objects of one bucket.

A block has columns of texts instead of a value for each object: where nothing has changed, columns are
compared as a whole, and no object by itself.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from heapq import merge
from itertools import groupby, islice, repeat
from operator import itemgetter, lt
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Generic, NamedTuple, TypeVar

from recovery.files.changes import open_database
from recovery.files.manifest import FileEntry, format_time, parse_line
from recovery.files.source import ListedObjects

_BLOCK_ROWS: Final = 1000
_SORT_TABLE: Final = (
    "CREATE TABLE row (bucket TEXT, key TEXT, one, two, three, PRIMARY KEY (bucket, key)) WITHOUT ROWID"
)
_TEXT: Final = r'"([^"\\\n]*)"'
_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{6})?\+00:00"
_LINE: Final = re.compile(
    rf'^\{{"bucket":{_TEXT},"key":{_TEXT},"version":{_TEXT},"bytes":([0-9]{{1,18}}),"sha256":"[0-9a-f]{{64}}",'
    rf'"etag":{_TEXT},"listed":([0-9]{{1,18}}),"modified":"{_TIME}","locked_until":(?:null|"({_TIME})"),'
    r'"altered":(true|false)\}$',
    re.MULTILINE,
)
"""A line of `format_line` without a backslash; the order of the fields is that of `FileEntry`."""

_B = TypeVar("_B", "ListedObjects", "ListedCopies", "KnownLines", "_JournalLines")


class ListedCopies(NamedTuple):
    """Copies in the vault, which are the newest versions of their keys there."""

    bucket: str
    keys: Sequence[str]
    versions: Sequence[str]


class KnownLines(NamedTuple):
    """Entries of the last backup, or of a run that was interrupted after it, and their lines."""

    bucket: str
    keys: Sequence[str]
    versions: Sequence[str]
    copied: Sequence[str]
    """Sizes of the copies."""

    etags: Sequence[str]
    sizes: Sequence[str]
    """In the source's listing."""

    locks: Sequence[str]
    """When the locks of the copies end, in UTC; empty where there is none."""

    altered: Sequence[str]
    """`true` or `false`."""

    lines: Sequence[bytes]

    def read(self, index: int) -> FileEntry:
        """Return one of the entries."""
        return parse_line(self.lines[index], "of the last backup")


class _JournalLines(NamedTuple):
    bucket: str
    keys: Sequence[str]
    lines: Sequence[bytes]


class OutOfOrderError(Exception):
    """Objects do not come in the order of bucket and key."""


class Cursor(Generic[_B]):
    """The next object in a sequence of blocks."""

    def __init__(self, blocks: Iterable[_B]) -> None:
        """Begin; raise OutOfOrderError as `advance` does."""
        self._blocks = iter(blocks)
        self._last = ("", "")
        self.block: _B | None = None
        self.place: tuple[str, str] | None = None
        """Bucket and key; None after the last object."""

        self.index = 0
        """Index of the object in `block`."""

        self.left = 0
        """How many objects are left in `block`."""

        self.advance(0)

    def advance(self, count: int = 1) -> None:
        """
        Go on by a number of objects of the block.

        Raises:
            OutOfOrderError: one of the next block does not come after the one before it.
        """
        self.index += count
        self.left -= count
        while self.left <= 0:
            self.block, self.index = next(self._blocks, None), 0
            if self.block is None:
                self.place = None
                return
            keys = self.block.keys
            self.left = len(keys)
            if keys:
                first = (self.block.bucket, keys[0])
                if first <= self._last or not all(map(lt, keys, islice(keys, 1, None))):
                    raise OutOfOrderError
                self._last = (self.block.bucket, keys[-1])
        if self.block:
            self.place = (self.block.bucket, self.block.keys[self.index])


def read_known(lines: bytes, key: str) -> Iterator[KnownLines]:
    """
    Yield the blocks of consecutive lines of a listing; `key` is the listing's.

    Raises:
        Failure: a line is no entry.
    """
    lines = lines if lines.endswith(b"\n") else lines + b"\n"
    rows = io.BytesIO(lines).readlines()
    found = _LINE.findall(lines.decode(errors="replace"))
    if len(found) != len(rows):  # a name has a backslash, or a line is not of this version
        found = [_read_line(line, key) for line in rows]
    start = 0
    for bucket, same in groupby(map(itemgetter(0), found)):
        end = start + len(list(same))
        _, keys, versions, copied, etags, sizes, locks, altered = map(
            list, zip(*found[start:end], strict=True)
        )
        yield KnownLines(bucket, keys, versions, copied, etags, sizes, locks, altered, rows[start:end])
        start = end


def _read_line(line: bytes, key: str) -> tuple[str, ...]:
    """Return what _LINE finds in a line."""
    entry = parse_line(line, key)
    return (
        *(entry.bucket, entry.key, entry.version, str(entry.bytes), entry.etag, str(entry.listed)),
        format_time(entry.locked_until) if entry.locked_until else "",
        "true" if entry.altered else "false",
    )


def override(known: Iterable[KnownLines], newer: Iterable[KnownLines], folder: Path) -> Iterator[KnownLines]:
    """
    Yield the entries of `known`, and in their place those of `newer`.

    `newer` comes in any order, the newest last, and is sorted in a file of the folder.
    """
    journal = (_JournalLines(block.bucket, block.keys, block.lines) for block in newer)
    sorted_newer = sort_blocks(_JournalLines, journal, folder)
    if (first := next(sorted_newer, None)) is None:
        yield from known
        return
    place = itemgetter(0, 1)
    merged = merge(_rows(known), _rows((first,)), _rows(sorted_newer), key=place)
    # Of equal ones `merge` yields that of `newer` last.
    lines = ([*same][-1][2] for _, same in groupby(merged, key=place))
    while part := b"".join(islice(lines, _BLOCK_ROWS)):
        yield from read_known(part, "of a journal")


def _rows(blocks: Iterable[KnownLines | _JournalLines]) -> Iterator[tuple[str, str, bytes]]:
    for block in blocks:
        yield from zip(repeat(block.bucket), block.keys, block.lines)


def sort_blocks(kind: type[_B], blocks: Iterable[_B], folder: Path) -> Iterator[_B]:
    """
    Yield blocks in the order of bucket and key, of several objects with the same place the last.

    They are sorted in a file of the folder. `kind` has at most three columns beside the keys.
    """
    width = len(kind._fields)
    fill = (None,) * (5 - width)
    with (
        TemporaryDirectory(dir=folder) as private,
        closing(open_database(Path(private) / "rows")) as database,
    ):
        database.execute(_SORT_TABLE)
        database.executemany(
            "INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)",
            ((block.bucket, *row, *fill) for block in blocks for row in zip(*block[1:], strict=True)),
        )
        rows = database.execute("SELECT * FROM row ORDER BY bucket, key")
        for bucket, same in groupby(rows, key=itemgetter(0)):
            while part := list(islice(same, _BLOCK_ROWS)):
                yield kind(bucket, *list(zip(*part, strict=True))[1:width])

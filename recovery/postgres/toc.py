"""The table of contents of a custom-format archive: exact names and owners, which listings blur."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from core.failure import Failure

_MAGIC: Final = b"PGDMP"
_CUSTOM: Final = 1
_OFFSET_UNKNOWN: Final = b"\1"
_OLDEST: Final = (1, 12)
_NEWEST: Final = (1, 16)
_LONGEST_STRING_BYTES: Final = 1 << 30
_BYTE_COMPRESSION: Final = (1, 15)
_TABLE_ACCESS_METHOD: Final = (1, 14)
_RELATION_KIND: Final = (1, 16)


@dataclass(frozen=True)
class TocEntry:
    """One object of an archive."""

    id: int
    kind: str
    """Such as TABLE, TABLE DATA or ACL."""

    schema: str
    name: str
    owner: str
    statement: str
    depends_on: frozenset[int]

    def __str__(self) -> str:
        return f"{self.kind} {self.schema}.{self.name}" if self.schema else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Layout:
    """Where things are in an archive's file."""

    integer_bytes: int
    offset_bytes: int
    compressed: bool
    copies: Mapping[int, int]
    """Ids of the entries with rows, and where the statement that takes them is."""

    unknown: Mapping[int, int]
    """Ids of the entries with data that the archive does not say the place of, and where it would say so."""

    data: int
    """Where the first entry's data begins."""


@dataclass(frozen=True)
class Contents:
    """What an archive says of itself."""

    database: str
    server: str
    """The version of the server that was dumped."""

    client: str
    """The version of the pg_dump that wrote it."""

    entries: tuple[TocEntry, ...]
    """In the order in which they are to be restored."""

    layout: Layout

    def of_kind(self, *kinds: str) -> Iterator[TocEntry]:
        return (entry for entry in self.entries if entry.kind in kinds)


def contents(archive: Path) -> Contents:
    """
    Read the table of contents.

    Raises:
        Failure: it is no archive in the custom format, is damaged, or of a version that is not known here.
    """
    with archive.open("rb") as stream:
        found = read(stream)
    if not found:
        raise Failure(
            f"{archive.name} is no whole archive in pg_dump's custom format.",
            "take another backup, or the copy in the other vault.",
        )
    return found


def read(stream: IO[bytes]) -> Contents | None:
    """
    Read the table of contents of what begins a stream, None if there is no whole one.

    Source: pg_backup_archiver.c, ReadHead and ReadToc.

    Raises:
        Failure: the format's version is not known here.
    """
    try:
        return _Reader(stream).contents()
    except (ValueError, OverflowError, MemoryError):
        return None


class _Reader:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._copies: dict[int, int] = {}
        self._unknown: dict[int, int] = {}
        if self._bytes(len(_MAGIC)) != _MAGIC:
            raise ValueError
        self._version = (self._byte(), self._byte())
        self._byte()  # the revision says nothing of the format
        if not _OLDEST <= self._version <= _NEWEST:
            raise Failure(
                f"The archive's format {self._version[0]}.{self._version[1]} is not known to this version.",
                "use the version of this program that made the backup, or a later one.",
            )
        self._integer_bytes = self._byte()
        self._offset_bytes = self._byte()
        if self._byte() != _CUSTOM:
            raise ValueError

    def contents(self) -> Contents:
        compressed = bool(self._byte() if self._version >= _BYTE_COMPRESSION else self._integer())
        for _ in range(7):  # the time it was made, in fields, without a zone
            self._integer()
        database, server, client = self._text(), self._text(), self._text()
        count = self._integer()
        entries = tuple(self._entry() for _ in range(count))
        data = self._stream.tell()
        layout = Layout(
            integer_bytes=self._integer_bytes,
            offset_bytes=self._offset_bytes,
            compressed=compressed,
            copies=self._copies,
            unknown=self._unknown,
            data=data,
        )
        return Contents(database, server, client, entries, layout)

    def _entry(self) -> TocEntry:
        number = self._integer()
        self._integer()  # whether it has data
        self._skip_texts(2)  # catalogue and oid
        name, kind = self._text(), self._text()
        self._integer()  # section
        statement = self._text()
        self._skip_texts(1)  # what drops it
        place = self._stream.tell()
        if self._string():
            self._copies[number] = place
        schema = self._text()
        self._skip_texts(1)  # tablespace
        if self._version >= _TABLE_ACCESS_METHOD:
            self._skip_texts(1)
        if self._version >= _RELATION_KIND:
            self._integer()
        owner = self._text()
        self._skip_texts(1)  # whether it has oids
        depends_on: set[int] = set()
        while (dependency := self._string()) is not None:
            depends_on.add(int(dependency))
        place = self._stream.tell()
        if self._bytes(1 + self._offset_bytes).startswith(_OFFSET_UNKNOWN):
            self._unknown[number] = place
        return TocEntry(number, kind, schema, name, owner, statement, frozenset(depends_on))

    def _skip_texts(self, count: int) -> None:
        for _ in range(count):
            self._string()

    def _bytes(self, count: int) -> bytes:
        read = self._stream.read(count)
        if len(read) != count:
            raise ValueError
        return read

    def _byte(self) -> int:
        return self._bytes(1)[0]

    def _integer(self) -> int:
        negative = self._byte()
        value = int.from_bytes(self._bytes(self._integer_bytes), "little")
        return -value if negative else value

    def _string(self) -> bytes | None:
        length = self._integer()
        if length > _LONGEST_STRING_BYTES:
            raise ValueError
        return None if length < 0 else self._bytes(length)

    def _text(self) -> str:
        return (self._string() or b"").decode(errors="surrogateescape")


_OFFSET_KNOWN: Final = b"\2"
_ROWS: Final = b"\1"
_LARGE_OBJECTS: Final = b"\3"
_LAST_LINE: Final = b"\\.\n\n\n"
_PIECE_BYTES: Final = 1 << 16


def locate(archive: Path, layout: Layout) -> bool:
    """
    Write into an archive where its data is; return whether it says so now.

    One that is not as pg_dump writes it uncompressed is left as it is, for pg_restore to search or to refuse.
    Where it is told of a place, it looks whether the entry's data begins there before it restores any.
    Source: pg_backup_custom.c, _PrintTocData.
    """
    if layout.compressed:
        return not layout.unknown
    with archive.open("rb", buffering=2 * _PIECE_BYTES) as file:
        try:
            found = dict(_places(file, layout))
        except ValueError:
            return False
    if not layout.unknown.keys() <= found.keys():
        return False
    with archive.open("r+b", buffering=0) as file:
        for number, place in layout.unknown.items():
            offset = found[number].to_bytes(layout.offset_bytes, "little")
            os.pwrite(file.fileno(), _OFFSET_KNOWN + offset, place)
    return True


def _places(file: IO[bytes], layout: Layout) -> Iterator[tuple[int, int]]:
    """Go from one entry's data to the next; give each entry's id, and where its data begins."""
    width = layout.integer_bytes
    file.seek(layout.data)
    while kind := file.read(1):
        begin = file.tell() - 1
        yield _integer(file, width), begin
        if kind == _ROWS:
            _pass_rows(file, width)
        elif kind == _LARGE_OBJECTS:
            while _integer(file, width):
                _pass_chunks(file, width)
        else:
            raise ValueError


def _pass_rows(file: IO[bytes], width: int) -> None:
    """
    Find the end of a table's rows, not row by row, each of which is a chunk, but by what only stands there.

    A chunk of no bytes ends them: a zero in as many bytes as a number takes. Rows are text and hold none.
    """
    end = _LAST_LINE + bytes(1 + width)
    kept = b""
    while piece := file.read(_PIECE_BYTES):
        piece = kept + piece
        # Backwards, for it is three times as fast, and where there is none it is all the same.
        if piece.rfind(end) >= 0:
            file.seek(piece.find(end) + len(end) - len(piece), os.SEEK_CUR)
            return
        kept = piece[1 - len(end) :]
    raise ValueError


def _pass_chunks(file: IO[bytes], width: int) -> None:
    while length := _integer(file, width):
        file.seek(length, os.SEEK_CUR)


def _integer(file: IO[bytes], width: int) -> int:
    read = file.read(1 + width)
    if len(read) <= width or read[0]:
        raise ValueError
    return int.from_bytes(read[1:], "little")

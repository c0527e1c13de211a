"""The table of contents of a custom-format archive: exact names and owners, which listings blur."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from toolchain.failure import Failure

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
class Entry:
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

    entries: tuple[Entry, ...]
    """In the order in which they are to be restored."""

    layout: Layout

    def of_kind(self, *kinds: str) -> Iterator[Entry]:
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

    def _entry(self) -> Entry:
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
        return Entry(number, kind, schema, name, owner, statement, frozenset(depends_on))

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

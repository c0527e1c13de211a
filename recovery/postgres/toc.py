"""
The table of contents of an archive in pg_dump's custom format: reading it, and completing its data offsets.

The archive is parsed directly, because the listing of `pg_restore --list` blurs names and owners.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from core.failure import Failure

_MAGIC: Final = b"PGDMP"
_CUSTOM_FORMAT: Final = 1
_OLDEST_VERSION: Final = (1, 12)
_NEWEST_VERSION: Final = (1, 16)
_TABLE_ACCESS_METHOD_SINCE: Final = (1, 14)
_COMPRESSION_BYTE_SINCE: Final = (1, 15)
_RELATION_KIND_SINCE: Final = (1, 16)
_LONGEST_STRING_BYTES: Final = 1 << 28
_LARGEST_TOC_BYTES: Final = 1 << 30
_LONGEST_TAKEN_BYTES: Final = 64 << 20
_WIDEST_NUMBER_BYTES: Final = 32
"""As in pg_restore (pg_backup_archiver.c, ReadHead)."""

_POST_DATA: Final = 4
"""The section of what is restored after all rows."""

_OFFSET_MISSING: Final = b"\1"
_OFFSET_SET: Final = b"\2"

_ROWS_BLOCK: Final = b"\1"
_LARGE_OBJECTS_BLOCK: Final = b"\3"
_LAST_ROWS: Final = b"\\.\n\n\n"
_READ_BYTES: Final = 1 << 16
_SMALL_CHUNKS: Final = 8
"""After as many chunks that are smaller than that, searching is faster."""


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
        if self.name.startswith(f"{self.kind} "):  # such as casts, which have no name of their own
            return self.name
        return f"{self.kind} {self.schema}.{self.name}" if self.schema else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class ArchiveLayout:
    """Widths of numbers and positions of fields in an archive's file, in bytes."""

    version: tuple[int, int]
    integer_bytes: int
    offset_bytes: int
    compressed: bool
    count_position: int
    """Position of the number of entries."""

    data_entries_end: int
    """Position of the first entry that is restored after all rows."""

    statement_positions: Mapping[int, int]
    """Entry id -> position of the statement that makes the object."""

    copy_statement_positions: Mapping[int, int]
    """Entry id -> position of the COPY statement; of entries with rows."""

    missing_offset_positions: Mapping[int, int]
    """Entry id -> position of the field for the data's offset; of entries with data but without offset."""

    data_start: int
    """Position of the first entry's data."""


@dataclass(frozen=True)
class ArchiveToc:
    """An archive's header and table of contents."""

    database: str
    server: str
    """Version of the server that was dumped."""

    client: str
    """Version of the pg_dump that wrote the archive."""

    entries: tuple[TocEntry, ...]
    """In the order in which they are restored."""

    layout: ArchiveLayout

    @property
    def server_major(self) -> int:
        """Major version of the server that was dumped; 0 if it is not known."""
        match = re.match(r"\d+", self.server)
        return int(match[0]) if match else 0

    def of_kind(self, *kinds: str) -> Iterator[TocEntry]:
        return (entry for entry in self.entries if entry.kind in kinds)


def read_toc(archive: Path) -> ArchiveToc:
    """
    Read the table of contents of an archive's file.

    Raises:
        Failure: the file is not in the custom format, is damaged, or has an unknown version of the format.
    """
    with archive.open("rb") as stream:
        toc = parse_toc(stream)
    if not toc:
        raise Failure(
            f"{archive.name} is no whole archive in pg_dump's custom format.",
            "take another backup, or the copy in the other vault.",
        )
    return toc


def parse_toc(stream: IO[bytes]) -> ArchiveToc | None:
    """
    Parse the table of contents at the beginning of a stream; return None if the stream has no complete one.

    Source: pg_backup_archiver.c, ReadHead and ReadToc.

    Raises:
        Failure: the version of the format is unknown.
    """
    try:
        return _TocReader(stream).read()
    except (ValueError, OverflowError, MemoryError):
        return None


def take_toc(stream: Iterator[bytes]) -> tuple[bytes, ArchiveToc | None]:
    """
    Take the chunks of an archive's table of contents, and maybe more, from a stream.

    Return them and the table of contents: None of a stream that is no archive, or has too long a one.
    """
    head, toc, parsed_bytes = bytearray(), None, 0
    for chunk in stream:
        head += chunk
        # Parsed again whenever its length has doubled: a long table of contents comes in many chunks.
        if len(head) >= 2 * parsed_bytes:
            parsed_bytes, toc = len(head), _try_parse(bytes(head))
            if toc or parsed_bytes > _LONGEST_TAKEN_BYTES:
                break
    else:
        toc = _try_parse(bytes(head))
    return bytes(head), toc


def _try_parse(head: bytes) -> ArchiveToc | None:
    try:
        return parse_toc(BytesIO(head))
    except Failure:
        return None  # the restore of this archive reports it


class _TocReader:
    """Reads a table of contents; raises ValueError where the stream is no archive or ends too early."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._statement_positions: dict[int, int] = {}
        self._copy_statement_positions: dict[int, int] = {}
        self._missing_offset_positions: dict[int, int] = {}
        self._data_entries_end = 0
        if self._read_bytes(len(_MAGIC)) != _MAGIC:
            raise ValueError
        self._version = (self._read_byte(), self._read_byte())
        self._read_byte()  # revision: without meaning for the format
        if not _OLDEST_VERSION <= self._version <= _NEWEST_VERSION:
            raise Failure(
                f"The archive's format {self._version[0]}.{self._version[1]} is not known to this version.",
                "use the version of this program that made the backup, or a later one.",
            )
        self._integer_bytes = self._read_byte()
        self._offset_bytes = self._read_byte()
        if self._read_byte() != _CUSTOM_FORMAT:
            raise ValueError
        if not all(0 < width <= _WIDEST_NUMBER_BYTES for width in (self._integer_bytes, self._offset_bytes)):
            raise ValueError

    def read(self) -> ArchiveToc:
        has_compression_byte = self._version >= _COMPRESSION_BYTE_SINCE
        compressed = bool(self._read_byte() if has_compression_byte else self._read_integer())
        for _ in range(7):  # the fields of the creation time, without a time zone
            self._read_integer()
        database, server, client = self._read_text(), self._read_text(), self._read_text()
        count_position = self._stream.tell()
        count = self._read_integer()
        if count < 0:
            raise ValueError
        entries = tuple(self._read_entry() for _ in range(count))
        layout = ArchiveLayout(
            version=self._version,
            integer_bytes=self._integer_bytes,
            offset_bytes=self._offset_bytes,
            compressed=compressed,
            count_position=count_position,
            data_entries_end=self._data_entries_end or self._stream.tell(),
            statement_positions=self._statement_positions,
            copy_statement_positions=self._copy_statement_positions,
            missing_offset_positions=self._missing_offset_positions,
            data_start=self._stream.tell(),
        )
        return ArchiveToc(database, server, client, entries, layout)

    def _read_entry(self) -> TocEntry:
        if self._stream.tell() > _LARGEST_TOC_BYTES:
            raise ValueError
        start = self._stream.tell()
        entry_id = self._read_integer()
        self._read_integer()  # whether the entry has data
        self._skip_strings(2)  # the object's catalogue and oid
        name, kind = self._read_text(), self._read_text()
        if self._read_integer() == _POST_DATA and not self._data_entries_end:
            self._data_entries_end = start
        self._statement_positions[entry_id] = self._stream.tell()
        statement = self._read_text()
        self._skip_strings(1)  # DROP statement
        position = self._stream.tell()
        if self._read_string():
            self._copy_statement_positions[entry_id] = position
        schema = self._read_text()
        self._skip_strings(1)  # tablespace
        if self._version >= _TABLE_ACCESS_METHOD_SINCE:
            self._skip_strings(1)
        if self._version >= _RELATION_KIND_SINCE:
            self._read_integer()
        owner = self._read_text()
        self._skip_strings(1)  # whether the table has oids
        depends_on: set[int] = set()
        while (dependency := self._read_string()) is not None:
            depends_on.add(int(dependency))
        position = self._stream.tell()
        if self._read_bytes(1 + self._offset_bytes).startswith(_OFFSET_MISSING):
            self._missing_offset_positions[entry_id] = position
        return TocEntry(entry_id, kind, schema, name, owner, statement, frozenset(depends_on))

    def _skip_strings(self, count: int) -> None:
        for _ in range(count):
            self._read_string()

    def _read_bytes(self, count: int) -> bytes:
        return _read_bytes(self._stream, count)

    def _read_byte(self) -> int:
        return self._read_bytes(1)[0]

    def _read_integer(self) -> int:
        negative = self._read_byte()
        value = int.from_bytes(self._read_bytes(self._integer_bytes), "little")
        return -value if negative else value

    def _read_string(self) -> bytes | None:
        length = self._read_integer()
        if length > _LONGEST_STRING_BYTES:
            raise ValueError
        return None if length < 0 else self._read_bytes(length)

    def _read_text(self) -> str:
        return (self._read_string() or b"").decode(errors="surrogateescape")


def write_offsets(archive: Path, layout: ArchiveLayout) -> bool:
    """
    Write the missing data offsets into an archive; return whether the archive is complete now.

    An archive that differs from what pg_dump writes without compression is left unchanged, for pg_restore to
    search or to refuse. pg_restore checks that the data at an offset is the entry's before it restores any.
    Source: pg_backup_custom.c, _PrintTocData.
    """
    if layout.compressed:
        return not layout.missing_offset_positions
    with archive.open("rb", buffering=2 * _READ_BYTES) as file:
        try:
            offsets = dict(_find_data(file, layout))
        except ValueError:
            return False
    if not layout.missing_offset_positions.keys() <= offsets.keys():
        return False
    with archive.open("r+b", buffering=0) as file:
        for entry_id, position in layout.missing_offset_positions.items():
            offset = offsets[entry_id].to_bytes(layout.offset_bytes, "little")
            os.pwrite(file.fileno(), _OFFSET_SET + offset, position)
    return True


def _find_data(file: IO[bytes], layout: ArchiveLayout) -> Iterator[tuple[int, int]]:
    """Yield the id and the position of each entry's data; raise ValueError at unexpected content."""
    width = layout.integer_bytes
    file.seek(layout.data_start)
    while block := file.read(1):
        position = file.tell() - 1
        yield _read_unsigned(file, width), position
        if block == _ROWS_BLOCK:
            _skip_rows(file, width)
        elif block == _LARGE_OBJECTS_BLOCK:
            while _read_unsigned(file, width):
                _skip_chunks(file, width)
        else:
            raise ValueError


def _skip_rows(file: IO[bytes], width: int) -> None:
    """
    Skip a table's rows: chunk by chunk where chunks are large, else by a search for their end.

    For pg_dump each row is a chunk. The rows end with COPY's last line and a chunk of length zero. Rows are
    text and contain no zero byte.
    """
    small, last = 0, b""
    while small < _SMALL_CHUNKS:
        if not (length := _read_unsigned(file, width)):
            if last != _LAST_ROWS:
                raise ValueError
            return
        last = _read_bytes(file, length) if length == len(_LAST_ROWS) else b""
        if not last:
            file.seek(length, os.SEEK_CUR)
        small = 0 if length >= _READ_BYTES else small + 1
    end = _LAST_ROWS + bytes(1 + width)
    overlap = last
    while block := file.read(_READ_BYTES):
        block = overlap + block
        # Searched backwards first, which is three times as fast; most blocks contain no end.
        if block.rfind(end) >= 0:
            file.seek(block.find(end) + len(end) - len(block), os.SEEK_CUR)
            return
        overlap = block[1 - len(end) :]
    raise ValueError


def _skip_chunks(file: IO[bytes], width: int) -> None:
    while length := _read_unsigned(file, width):
        file.seek(length, os.SEEK_CUR)


def _read_unsigned(file: IO[bytes], width: int) -> int:
    number = _read_bytes(file, 1 + width)
    if number[0]:  # the sign
        raise ValueError
    return int.from_bytes(number[1:], "little")


def _read_bytes(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise ValueError
    return content

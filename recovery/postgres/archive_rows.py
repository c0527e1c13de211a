"""
Adds the rows of tables to an archive that pg_dump writes without them, as pg_dump itself would.

The archive stays one of pg_dump's custom format: each table has one entry in the table of contents, after
those of the other tables, and one block of data at the end.
Source: pg_backup_archiver.c, WriteToc; pg_backup_custom.c; pg_dump.c, dumpTableData.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final

from core.failure import Failure
from recovery.postgres.tables import StoredTable
from recovery.postgres.toc import ArchiveLayout, ArchiveToc, take_toc

_TABLE_ACCESS_METHOD_SINCE: Final = (1, 14)
_RELATION_KIND_SINCE: Final = (1, 16)
_SECTION_DATA: Final = 3
_ROWS_BLOCK: Final = b"\1"
_OFFSET_MISSING: Final = b"\1"
_LAST_ROWS: Final = b"\\.\n\n\n"


def add_rows(
    archive: Generator[bytes], tables: Sequence[StoredTable], rows: Generator[tuple[StoredTable, bytes]]
) -> Iterator[bytes]:
    """
    Yield an archive with the rows of more tables.

    Args:
        archive: a stream, in which `tables` are defined and have no rows. It is read to its end first.
        tables: those to add.
        rows: of all tables, one after the other, in the text format of COPY; in pieces of any length.

    Raises:
        Failure: the archive does not define a table. Failures of both streams are passed on.
    """
    with closing(archive), closing(rows):
        head, toc = take_toc(archive)
        if not toc:
            raise Failure("What pg_dump wrote has no table of contents.", "report this.")
        first_id = 1 + max((entry.id for entry in toc.entries), default=0)
        ids = {table.key: first_id + number for number, table in enumerate(tables)}
        yield _add_entries(head, toc, tables, ids)
        yield from archive
        yield from _write_blocks(toc.layout, ids, rows)


def _add_entries(
    head: bytes, toc: ArchiveToc, tables: Sequence[StoredTable], ids: dict[tuple[str, str], int]
) -> bytes:
    layout = toc.layout
    definitions = {(entry.schema, entry.name): entry for entry in toc.of_kind("TABLE")}
    entries: list[bytes] = []
    for table in tables:
        if table.key not in definitions:
            raise Failure(f"The dump does not define table {'.'.join(table.key)}.", "run the backup again.")
        definition = definitions[table.key]
        entries.append(_write_entry(layout, table, ids[table.key], definition.id, definition.owner))
    count, width = layout.count_position, 1 + layout.integer_bytes
    return b"".join(
        (
            head[:count],
            _write_integer(layout, len(toc.entries) + len(tables)),
            head[count + width : layout.data_entries_end],
            *entries,
            head[layout.data_entries_end :],
        )
    )


def _write_entry(
    layout: ArchiveLayout, table: StoredTable, entry_id: int, definition_id: int, owner: str
) -> bytes:
    missing = _write_integer(layout, -1)  # a string that isn't there
    return b"".join(
        (
            _write_integer(layout, entry_id),
            _write_integer(layout, 1),  # it has data
            _write_text(layout, b"0"),  # catalogue
            _write_text(layout, str(table.oid).encode()),
            _write_text(layout, table.name.encode()),
            _write_text(layout, b"TABLE DATA"),
            _write_integer(layout, _SECTION_DATA),
            _write_text(layout, b""),  # statement
            _write_text(layout, b""),  # DROP statement
            _write_text(layout, table.copy_statement.encode()),
            _write_text(layout, table.schema.encode()),
            missing,  # tablespace
            missing if layout.version >= _TABLE_ACCESS_METHOD_SINCE else b"",
            _write_integer(layout, 0) if layout.version >= _RELATION_KIND_SINCE else b"",
            _write_text(layout, owner.encode(errors="surrogateescape")),
            _write_text(layout, b"false"),  # whether it has oids
            _write_text(layout, str(definition_id).encode()),  # what it depends on
            missing,
            _OFFSET_MISSING + bytes(layout.offset_bytes),
        )
    )


def _write_blocks(
    layout: ArchiveLayout, ids: dict[tuple[str, str], int], rows: Iterable[tuple[StoredTable, bytes]]
) -> Iterator[bytes]:
    end = _write_text(layout, _LAST_ROWS) + _write_integer(layout, 0)
    current: StoredTable | None = None
    for table, piece in rows:
        if table is not current:
            yield (end if current else b"") + _ROWS_BLOCK + _write_integer(layout, ids[table.key])
            current = table
        if piece:
            yield _write_integer(layout, len(piece))
            yield piece
    if current:
        yield end


def _write_integer(layout: ArchiveLayout, number: int) -> bytes:
    return bytes([number < 0]) + abs(number).to_bytes(layout.integer_bytes, "little")


def _write_text(layout: ArchiveLayout, text: bytes) -> bytes:
    return _write_integer(layout, len(text)) + text

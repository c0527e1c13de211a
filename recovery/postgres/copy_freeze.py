"""
Rewrites an archive so that pg_restore loads rows with COPY FREEZE.

The first reader of a row after it was loaded records in the row that its transaction has committed. So
building an index writes the whole table a second time and, with page checksums, to the write-ahead log as
well. A vacuum, which marks rows as older than every transaction, writes it a third time. COPY FREEZE writes
the rows in that state at once, into a table that no other session has seen yet, as in a restore.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from recovery.postgres.toc import ArchiveLayout, ArchiveToc, take_toc

_COPY: Final = b" FROM stdin;\n"
_COPY_FREEZE: Final = b" FROM stdin WITH (FREEZE);\n"


def add_copy_freeze(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """
    Add FREEZE to the COPY statements of an archive from a pipe, for the tables that the archive creates.

    PostgreSQL refuses COPY FREEZE unless the same transaction has truncated the table. pg_restore truncates a
    table that it has created if it uses several connections; with a single one it can't restore the result.
    Any other stream is passed on unchanged.
    Source: pg_backup_archiver.c, restore_toc_entry.
    """
    stream = iter(chunks)
    head, toc = take_toc(stream)
    yield _rewrite(head, toc) if toc else head
    yield from stream


def remove_copy_freeze(archive: Path, layout: ArchiveLayout) -> None:
    """Take FREEZE out of an archive's COPY statements again, which keep their length."""
    with archive.open("r+b") as file:
        for position in layout.copy_statement_positions.values():
            file.seek(position + 1)
            length = int.from_bytes(file.read(layout.integer_bytes), "little")
            statement = file.read(length)
            if statement.endswith(_COPY_FREEZE):
                file.seek(position + 1 + layout.integer_bytes)
                file.write(statement.removesuffix(_COPY_FREEZE) + _COPY.rstrip().ljust(len(_COPY_FREEZE)))


def _rewrite(head: bytes, toc: ArchiveToc) -> bytes:
    layout = toc.layout
    if any(entry.id not in layout.missing_offset_positions for entry in toc.of_kind("TABLE DATA", "BLOBS")):
        return head  # the archive has offsets of data, which a longer table of contents would invalidate
    created = {entry.id for entry in toc.of_kind("TABLE")}
    parts: list[bytes] = []
    done = 0
    for entry in toc.of_kind("TABLE DATA"):
        # An entry with a statement, a comment, loads its rows through the partitioned table.
        if (
            entry.statement
            or not entry.depends_on & created
            or entry.id not in layout.copy_statement_positions
        ):
            continue
        position = layout.copy_statement_positions[entry.id]
        text = position + 1 + layout.integer_bytes
        end = text + int.from_bytes(head[position + 1 : text], "little")
        if head.endswith(_COPY, text, end):
            statement = head[text:end].removesuffix(_COPY) + _COPY_FREEZE
            length = len(statement).to_bytes(layout.integer_bytes, "little")
            parts += [head[done : position + 1], length, statement]
            done = end
    return b"".join([*parts, head[done:]])

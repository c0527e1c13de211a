"""
Has rows restored as if they had been vacuumed.

Whoever reads a row first after it was loaded notes in it that its transaction is over. So building a table's
index writes the whole table a second time and, where pages have checksums, into the write-ahead log as well;
a vacuum, which marks rows as older than every transaction, writes it a third time. COPY can write them so at
once into a table that nobody has seen yet, as those of a restore are.
"""

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final

from core.failure import Failure
from recovery.postgres.toc import Contents, read

_PLAIN: Final = b" FROM stdin;\n"
_FROZEN: Final = b" FROM stdin WITH (FREEZE);\n"
_LONGEST_BYTES: Final = 64 << 20


def frozen(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """
    Pass on an archive from a pipe, changed to load the rows of those tables like that which it makes itself.

    PostgreSQL refuses unless the same transaction has truncated the table. That pg_restore does to a table
    that it has made, if it uses several connections; with only one it can't restore what comes out of here.
    What is no such archive is passed on as it is.
    Source: pg_backup_archiver.c, restore_toc_entry.
    """
    stream, head, found, looked_at = iter(chunks), bytearray(), None, 0
    for chunk in stream:
        head += chunk
        # Looked at when it is twice as much as before: a long table of contents comes in many chunks.
        if len(head) >= 2 * looked_at:
            looked_at, found = len(head), _contents(bytes(head))
            if found or looked_at > _LONGEST_BYTES:
                break
    else:
        found = _contents(bytes(head))
    yield _changed(bytes(head), found) if found else bytes(head)
    yield from stream


def _contents(head: bytes) -> Contents | None:
    try:
        return read(BytesIO(head))
    except Failure:
        return None  # whoever restores it says so


def _changed(head: bytes, found: Contents) -> bytes:
    layout = found.layout
    if any(entry.id not in layout.unknown for entry in found.of_kind("TABLE DATA", "BLOBS")):
        return head  # it says where in the file its data is
    made = {entry.id for entry in found.of_kind("TABLE")}
    parts: list[bytes] = []
    done = 0
    for entry in found.of_kind("TABLE DATA"):
        # One with a statement of its own, a comment, loads rows through the partitioned table.
        if entry.statement or not entry.depends_on & made or entry.id not in layout.copies:
            continue
        place = layout.copies[entry.id]
        text = place + 1 + layout.integer_bytes
        end = text + int.from_bytes(head[place + 1 : text], "little")
        if head.endswith(_PLAIN, text, end):
            statement = head[text:end].removesuffix(_PLAIN) + _FROZEN
            length = len(statement).to_bytes(layout.integer_bytes, "little")
            parts += [head[done : place + 1], length, statement]
            done = end
    return b"".join([*parts, head[done:]])

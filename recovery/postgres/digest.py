"""
How many rows, and which: an order-independent digest of a table and of the large objects.

Each row becomes text, the text 64 bits by PostgreSQL's hashtextextended, and these are summed up modulo
2^64. In which order rows come does not matter, nor in how many pieces they are read; a row more, less or
other does, and two equal rows don't cancel out as they would under XOR. It is no defence against someone who
makes up rows: the dump's SHA-256 is. A copy needs the encoding of its source.

PostgreSQL does not promise that the hash stays, but hash-partitioned tables rest on it since version 11;
before anything is digested, the server is asked for a hash that is known (`require_same_hash`). MD5, which is
promised, took three times as long.

- A row's text has its columns by name, not by position: a restored child table may have another order.
- It comes from each type's output function, which every type has; a cast to text may be user-defined.
- Only the table's own rows count: a partitioned or inherited-from table's children are tables themselves.
- Unlogged tables are included, as they are in a dump. Not so foreign tables, whose rows live elsewhere, nor
  materialized views, which a restore computes anew, nor tables that belong to an extension.
- A row whose text is larger than 1 GB is an error, as it is to COPY and so to pg_dump.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from core.failure import Failure
from recovery.postgres.connection import explained
from recovery.postgres.snapshot import joined

_MODULUS = 2**64

_CHUNK_BYTES = 1 << 20

_KNOWN = "bulwark", 4_236_435_965_667_962_042
"""A text, and what it hashes to on servers of versions 11 to 18 (seen on 15 and 18, little-endian)."""

# In the "C" collation, so that bytes count and no collation's idea of what is equal.
_ROWS = sql.SQL("""
    SELECT count(*),
           coalesce(sum(hashtextextended(textin(record_out(ROW({columns}))) COLLATE "C", 0)), 0)::text
    FROM ONLY {table} AS t WHERE {condition}
""")

# Each object is read through its own functions, which need no superuser, in chunks, so that neither side ever
# holds more than one. Its length is hashed too: an empty object has no chunk, and holes read as zeros.
_LARGE_OBJECTS = sql.SQL("""
    SELECT count(*) FILTER (WHERE part = -1), coalesce(sum(hashtextextended(
               format('%s:%s:%s:%s', o.oid, o.bytes, part,
                      CASE WHEN part >= 0 THEN md5(lo_get(o.oid, part * {chunk}, {chunk})) END)
               COLLATE "C", 0)), 0)::text
    FROM (SELECT opened.oid, lo_lseek64(opened.fd, 0, 2) + 0 * lo_close(opened.fd) AS bytes
          FROM (SELECT oid, lo_open(oid, 262144) AS fd FROM pg_largeobject_metadata OFFSET 0) AS opened
          OFFSET 0) AS o,
         LATERAL generate_series(-1, (o.bytes + {chunk} - 1) / {chunk} - 1) AS part
""")


@dataclass(frozen=True)
class RowDigest:
    """Of some rows. Digests of the pieces of a table add up to that of the table."""

    count: int = 0
    total: int = 0

    def __add__(self, other: "RowDigest") -> "RowDigest":
        return RowDigest(self.count + other.count, (self.total + other.total) % _MODULUS)

    @property
    def text(self) -> str:
        """Give the sum in 16 hexadecimal digits."""
        return f"{self.total:016x}"


def require_same_hash(connection: psycopg.Connection) -> None:
    """
    Make sure that the server hashes as every other one does.

    Raises:
        Failure: it doesn't: digests of its rows would differ from those of a copy elsewhere.
    """
    text, known = _KNOWN
    row = connection.execute('SELECT hashtextextended(%s COLLATE "C", 0)', [text]).fetchone()
    if not row or row[0] != known:
        raise Failure(
            "This server hashes text in another way than PostgreSQL 11 to 18 do on little-endian machines.",
            "nothing is wrong with the data; use a server whose digests can be compared.",
        )


def digest_of_rows(
    connection: psycopg.Connection,
    schema: str,
    table: str,
    columns: Sequence[str],
    blocks: tuple[int, int | None] | None = None,
) -> RowDigest:
    """Digest the table's rows, or those from its first to before its last block (None: to the end)."""
    condition: sql.Composable = sql.SQL("true")
    if blocks is not None:
        first, end = blocks
        condition = sql.SQL("t.ctid >= {}::tid").format(f"({first},0)")
        if end is not None:
            condition += sql.SQL(" AND t.ctid < {}::tid").format(f"({end},0)")
    query = _ROWS.format(
        columns=sql.SQL(", ").join(sql.Identifier("t", column) for column in sorted(columns)),
        table=sql.Identifier(schema, table),
        condition=condition,
    )
    return _to_digest(connection.execute(query).fetchone())


def digest_of_large_objects(connection: psycopg.Connection) -> RowDigest:
    """Digest the ids and contents of all large objects; who may read them is among the definitions."""
    return _to_digest(connection.execute(_LARGE_OBJECTS.format(chunk=_CHUNK_BYTES)).fetchone())


def _to_digest(row: tuple[Any, ...] | None) -> RowDigest:
    count, total = row or (0, 0)
    return RowDigest(count, int(total) % _MODULUS)


OnDigestProgress = Callable[[int, int], None]
"""Told how many bytes of tables are done, of how many."""

_PIECE_BLOCKS = 16_384
"""Blocks (8 kB each, as a rule) that one statement reads."""

_CANCEL_SECONDS = 5


@dataclass(frozen=True)
class Piece:
    """What one statement digests; without a table, it is all large objects."""

    schema: str = ""
    table: str = ""
    bytes: int = 0
    columns: Sequence[str] = ()
    blocks: tuple[int, int | None] | None = None

    @property
    def label(self) -> str:
        return f'table "{self.schema}"."{self.table}"' if self.table else "large objects"


def shared_out(whole: Piece, blocks: int) -> list[Piece]:
    """Cut up a large heap. Rows that the snapshot shows don't move, and those it doesn't show don't count."""
    if blocks <= _PIECE_BLOCKS:
        return [whole]
    starts = range(0, blocks, _PIECE_BLOCKS)
    ends = [*starts[1:], None]
    return [
        replace(whole, blocks=(start, end), bytes=whole.bytes // len(starts))
        for start, end in zip(starts, ends, strict=True)
    ]


def digest_in_parallel(
    url: str, snapshot_id: str, pieces: list[Piece], workers: int, progress: OnDigestProgress | None
) -> dict[tuple[str, str], RowDigest]:
    """Add up the digests of the pieces, by schema and table; the large objects' key is empty."""
    totals: dict[tuple[str, str], RowDigest] = {}
    done, total = 0, sum(piece.bytes for piece in pieces)
    count = max(1, min(workers, len(pieces)))
    with ExitStack() as stack:
        connections = [stack.enter_context(joined(url, snapshot_id)) for _ in range(count)]
        free: SimpleQueue[psycopg.Connection] = SimpleQueue()
        for connection in connections:
            free.put(connection)
        pool = stack.enter_context(ThreadPoolExecutor(count, thread_name_prefix="digest"))
        futures = {pool.submit(_digest_piece, free, piece): piece for piece in pieces}
        try:
            for future in as_completed(futures):
                piece = futures[future]
                key = (piece.schema, piece.table)
                totals[key] = totals.get(key, RowDigest()) + future.result()
                done += piece.bytes
                if progress:
                    progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for connection in connections:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)
            raise
    return totals


def _digest_piece(free: "SimpleQueue[psycopg.Connection]", piece: Piece) -> RowDigest:
    connection = free.get()
    try:
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return RowDigest()  # another piece has failed in it and is raised; this one could only say less
        with explained(connection, "read the rows", piece.label):
            if not piece.table:
                return digest_of_large_objects(connection)
            return digest_of_rows(connection, piece.schema, piece.table, piece.columns, piece.blocks)
    finally:
        free.put(connection)

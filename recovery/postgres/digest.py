"""
Order-independent digests of a table's rows and of the large objects, computed by the server in parallel.

Each row becomes text, the text becomes 64 bits by PostgreSQL's hashtextextended, and the hashes are added
modulo 2^64. Neither the order of the rows nor the number of parts in which they are read changes the sum. An
added, missing or changed row does, and two equal rows don't cancel out as they would under XOR. The sum is no
protection against forged rows; the dump's SHA-256 is. A copy must have the encoding of its source.

PostgreSQL does not promise that the hash function stays the same, but hash-partitioned tables depend on it
since version 11. `require_known_hash` asks the server for a known hash before anything is digested. MD5,
which is guaranteed, took three times as long.

- A row's text has its columns in the order of their names: a restored child table may have other positions.
- It comes from each type's output function, which every type has; a cast to text may be user-defined.
- Only the table's own rows count: the children of a partitioned or inherited table are tables themselves.
- Unlogged tables are included, as in a dump. Not included are foreign tables, whose rows are elsewhere,
  materialized views, which a restore computes anew, and tables that belong to an extension.
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
from recovery.postgres.connection import explain_errors
from recovery.postgres.snapshot import join_snapshot

OnDigestProgress = Callable[[int, int], None]
"""Called with the bytes of tables that are digested, and the bytes of all tables."""

_MODULUS = 2**64
_CHUNK_BYTES = 1 << 20
_TASK_BLOCKS = 16_384
"""Blocks (usually of 8 kB) that one statement reads."""

_CANCEL_SECONDS = 5

_KNOWN_HASH = "bulwark", 4_236_435_965_667_962_042
"""A text, and its hash on servers of versions 11 to 18 (seen on 15 and 18, little-endian)."""

# The "C" collation compares bytes; other collations may treat different texts as equal.
_ROWS = sql.SQL("""
    SELECT count(*),
           coalesce(sum(hashtextextended(textin(record_out(ROW({columns}))) COLLATE "C", 0)), 0)::text
    FROM ONLY {table} AS t WHERE {condition}
""")

# Large objects are read through their functions, which need no superuser, in chunks, so that neither side
# holds more than one chunk. The length is hashed too: an empty object has no chunk, and holes read as zeros.
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
    """Count and summed hashes of some rows. The digests of a table's parts add up to the table's digest."""

    count: int = 0
    total: int = 0

    def __add__(self, other: "RowDigest") -> "RowDigest":
        return RowDigest(self.count + other.count, (self.total + other.total) % _MODULUS)

    @property
    def hex(self) -> str:
        """The sum in 16 hexadecimal digits."""
        return f"{self.total:016x}"


@dataclass(frozen=True)
class DigestTask:
    """What one statement digests: a table, some blocks of a table or, without a table, all large objects."""

    schema: str = ""
    table: str = ""
    bytes: int = 0
    columns: Sequence[str] = ()
    blocks: tuple[int, int | None] | None = None
    """The first block, and the block after the last (None: to the end); None is the whole table."""

    @property
    def label(self) -> str:
        return f'table "{self.schema}"."{self.table}"' if self.table else "large objects"


def require_known_hash(connection: psycopg.Connection) -> None:
    """
    Raise Failure if the server's hash function differs from that of other servers.

    Digests of its rows would then differ from those of a copy elsewhere.
    """
    text, expected = _KNOWN_HASH
    row = connection.execute('SELECT hashtextextended(%s COLLATE "C", 0)', [text]).fetchone()
    if not row or row[0] != expected:
        raise Failure(
            "This server hashes text in another way than PostgreSQL 11 to 18 do on little-endian machines.",
            "nothing is wrong with the data; use a server whose digests can be compared.",
        )


def split_table(task: DigestTask, blocks: int) -> list[DigestTask]:
    """
    Split a large heap of `blocks` blocks into several tasks.

    Rows that the snapshot shows don't move to another block, and rows that it doesn't show don't count.
    """
    if blocks <= _TASK_BLOCKS:
        return [task]
    starts = range(0, blocks, _TASK_BLOCKS)
    ends = [*starts[1:], None]
    return [
        replace(task, blocks=(start, end), bytes=task.bytes // len(starts))
        for start, end in zip(starts, ends, strict=True)
    ]


def digest_in_parallel(
    url: str,
    snapshot_id: str,
    tasks: list[DigestTask],
    workers: int,
    on_progress: OnDigestProgress | None,
) -> dict[tuple[str, str], RowDigest]:
    """Return the sum of the tasks' digests by schema and table; the large objects have ("", "")."""
    totals: dict[tuple[str, str], RowDigest] = {}
    done, total = 0, sum(task.bytes for task in tasks)
    count = max(1, min(workers, len(tasks)))
    with ExitStack() as stack:
        connections = [stack.enter_context(join_snapshot(url, snapshot_id)) for _ in range(count)]
        free: SimpleQueue[psycopg.Connection] = SimpleQueue()
        for connection in connections:
            free.put(connection)
        pool = stack.enter_context(ThreadPoolExecutor(count, thread_name_prefix="digest"))
        futures = {pool.submit(_run_task, free, task): task for task in tasks}
        try:
            for future in as_completed(futures):
                task = futures[future]
                key = (task.schema, task.table)
                totals[key] = totals.get(key, RowDigest()) + future.result()
                done += task.bytes
                if on_progress:
                    on_progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for connection in connections:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)
            raise
    return totals


def _run_task(free: "SimpleQueue[psycopg.Connection]", task: DigestTask) -> RowDigest:
    connection = free.get()
    try:
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return RowDigest()  # an earlier task failed on this connection, and its error is raised
        with explain_errors(connection, "read the rows", task.label):
            return _digest_rows(connection, task) if task.table else _digest_large_objects(connection)
    finally:
        free.put(connection)


def _digest_rows(connection: psycopg.Connection, task: DigestTask) -> RowDigest:
    condition: sql.Composable = sql.SQL("true")
    if task.blocks is not None:
        first, end = task.blocks
        condition = sql.SQL("t.ctid >= {}::tid").format(f"({first},0)")
        if end is not None:
            condition += sql.SQL(" AND t.ctid < {}::tid").format(f"({end},0)")
    query = _ROWS.format(
        columns=sql.SQL(", ").join(sql.Identifier("t", column) for column in sorted(task.columns)),
        table=sql.Identifier(task.schema, task.table),
        condition=condition,
    )
    return _to_digest(connection.execute(query).fetchone())


def _digest_large_objects(connection: psycopg.Connection) -> RowDigest:
    """Digest the ids and contents of all large objects. Their privileges are among the definitions."""
    return _to_digest(connection.execute(_LARGE_OBJECTS.format(chunk=_CHUNK_BYTES)).fetchone())


def _to_digest(row: tuple[Any, ...] | None) -> RowDigest:
    count, total = row or (0, 0)
    return RowDigest(count, int(total) % _MODULUS)

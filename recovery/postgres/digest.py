"""
Order-independent digests of a table's rows and of the large objects, computed by the server in parallel.

Each row becomes 64 bits by PostgreSQL's hash functions, and the hashes are added modulo 2^64. Neither the
order of the rows nor the number of parts in which they are read changes the sum. An added, missing or changed
row does, and two equal rows don't cancel out as they would under XOR. The sum is no protection against forged
rows; the dump's SHA-256 is. A copy must have the encoding of its source.

PostgreSQL does not promise that the hash functions stay the same, but hash-partitioned tables depend on them
since version 11. `require_known_hash` asks the server for known hashes before anything is digested. MD5,
which is guaranteed, took three times as long.

- The hash of each column is the seed of the next one's, in the order of their names: a restored child table
  may have other positions. A null changes the seed.
- Values of the common types are hashed as they are, which takes a third of the time of their text. Equal
  hashes mean equal texts there, as they would not for numeric (1.0 and 1.00) or interval. A timestamp's hash
  depends on 32 bits of it and of its seed on 64.
- All other values become text by the output function of their type, which every type has; a cast to text may
  be user-defined. Functions that are not PostgreSQL's own are called by record_out alone.
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
from typing import Any, Final, LiteralString

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

METHOD: Final = "columns"
"""Name of this way of digesting rows: only digests of the same way can be compared."""

_CHAINED_COLUMNS = 50
"""The columns after them are hashed as one text: an expression's depth is limited."""

# The "C" collation compares bytes; other collations may treat different texts as equal. A session's time
# zone is UTC (recovery.postgres.snapshot).
HASHED_TYPES: Final[dict[str, tuple[LiteralString, LiteralString]]] = {
    "bool": ("hashint4extended({value}::int4, {seed})", "false"),
    "int2": ("hashint2extended({value}, {seed})", "'0'"),
    "int4": ("hashint4extended({value}, {seed})", "'0'"),
    # hashint8extended would lose half of the bits.
    "int8": ("hashint4extended(0, {value} # {seed})", "'0'"),
    "bpchar": ('hashbpcharextended({value} COLLATE "C", {seed})', "''"),
    "text": ('hashtextextended({value} COLLATE "C", {seed})', "''"),
    "varchar": ('hashtextextended({value} COLLATE "C", {seed})', "''"),
    "timestamp": ("timestamp_hash_extended({value}, {seed})", "'epoch'"),
    "timestamptz": ("timestamp_hash_extended({value}::timestamp, {seed})", "'epoch'"),
    "uuid": ("uuid_hash_extended({value}, {seed})", "'00000000-0000-0000-0000-000000000000'"),
}
"""Built-in type -> hash of a value, and what is hashed in place of a null."""

_TEXT_VALUE = "textin({output}({value}))"
_NULL_SEED = sql.SQL("({seed} # ({value} IS NULL)::int4::int8)")
_OTHERS = 'hashtextextended(textin(record_out(ROW({values}))) COLLATE "C", {seed})'

_KNOWN_HASHES: Final[tuple[LiteralString, tuple[int, ...]]] = (
    """
    SELECT hashtextextended('bulwark' COLLATE "C", 0), hashbpcharextended('bulwark ' COLLATE "C", 7),
           hashint2extended('11', 7), hashint4extended(11, 7),
           timestamp_hash_extended('2030-01-02 03:04:05', 7),
           uuid_hash_extended('7c0e4f0a-1f2e-4c58-9f0b-6f4f0c1d2e3f', 7)
    """,
    (
        *(4_236_435_965_667_962_042, 2_577_747_781_117_473_269, -8_542_796_055_880_472_842),
        *(-8_542_796_055_880_472_842, 5_465_505_775_132_165_076, -1_524_158_164_344_912_925),
    ),
)
"""Hashes on servers of versions 11 to 18 (seen on 15 and 18, little-endian)."""

_ROWS = sql.SQL("""
    SELECT count(*), coalesce(sum({hash}), 0)::text FROM ONLY {table} AS t WHERE {condition}
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
    columns: Sequence[tuple[str, str]] = ()
    """Name of each column with its type in `HASHED_TYPES`, an output function of PostgreSQL's own, or ""."""

    blocks: tuple[int, int | None] | None = None
    """The first block, and the block after the last (None: to the end); None is the whole table."""

    @property
    def label(self) -> str:
        return f'table "{self.schema}"."{self.table}"' if self.table else "large objects"


def require_known_hash(connection: psycopg.Connection) -> None:
    """
    Raise Failure if the server's hash functions differ from those of other servers.

    Digests of its rows would then differ from those of a copy elsewhere.
    """
    query, expected = _KNOWN_HASHES
    if connection.execute(query).fetchone() != expected:
        raise Failure(
            "This server hashes values in another way than PostgreSQL 11 to 18 do on little-endian machines.",
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
    return to_digest(connection.execute(digest_query(task)).fetchone())


def digest_query(task: DigestTask) -> sql.Composed:
    """Return the query for count and sum of the rows of a task with a table; see `to_digest`."""
    return _ROWS.format(
        hash=_hash_row(sorted(task.columns)),
        table=sql.Identifier(task.schema, task.table),
        condition=block_condition(task.blocks),
    )


def block_condition(blocks: tuple[int, int | None] | None) -> sql.Composable:
    """Return the condition for the rows of the table `t` in some blocks; see DigestTask.blocks."""
    if blocks is None:
        return sql.SQL("true")
    first, end = blocks
    condition = sql.SQL("t.ctid >= {}::tid").format(f"({first},0)")
    if end is not None:
        condition += sql.SQL(" AND t.ctid < {}::tid").format(f"({end},0)")
    return condition


def _hash_row(columns: Sequence[tuple[str, str]]) -> sql.Composable:
    chained = [column for column in columns if column[1]][:_CHAINED_COLUMNS]
    names = {name for name, _ in chained}
    hash_: sql.Composable = sql.SQL("0::int8")
    if chained:
        # All of these functions are strict, so the first chain is null if any value is. For pgbench's rows,
        # which have no null, it takes a sixth less than the second, which looks for one in each column.
        hash_ = sql.SQL("coalesce({whole}, {with_nulls})").format(
            whole=_chain_hashes(chained, may_be_null=False),
            with_nulls=_chain_hashes(chained, may_be_null=True),
        )
    others = [sql.Identifier("t", name) for name, _ in columns if name not in names]
    if others or not chained:
        hash_ = sql.SQL(_OTHERS).format(values=sql.SQL(", ").join(others), seed=hash_)
    return hash_


def _chain_hashes(columns: Sequence[tuple[str, str]], *, may_be_null: bool) -> sql.Composable:
    hash_: sql.Composable = sql.SQL("0::int8")
    for name, type_name in columns:
        column = sql.Identifier("t", name)
        template, null = HASHED_TYPES.get(type_name, HASHED_TYPES["text"])
        value: sql.Composable = column
        if type_name not in HASHED_TYPES:
            value = sql.SQL(_TEXT_VALUE).format(output=sql.Identifier("pg_catalog", type_name), value=column)
        if may_be_null:
            value = sql.SQL("coalesce({value}, " + null + ")").format(value=value)
            hash_ = _NULL_SEED.format(seed=hash_, value=column)
        hash_ = sql.SQL(template).format(value=value, seed=hash_)
    return hash_


def _digest_large_objects(connection: psycopg.Connection) -> RowDigest:
    """Digest the ids and contents of all large objects. Their privileges are among the definitions."""
    return to_digest(connection.execute(_LARGE_OBJECTS.format(chunk=_CHUNK_BYTES)).fetchone())


def to_digest(row: tuple[Any, ...] | None) -> RowDigest:
    """Return the digest in a row of count and sum."""
    count, total = row or (0, 0)
    return RowDigest(count, int(total) % _MODULUS)

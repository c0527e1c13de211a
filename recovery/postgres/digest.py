"""
How many rows, and which: an order-independent digest of a table and of the large objects.

Each row becomes text, the text its MD5, and the two halves of the MD5s are summed up modulo 2^64. In which
order rows come does not matter, nor in how many pieces they are read; a row more, less or other does, and two
equal rows don't cancel out as they would under XOR. The server's own hash functions are faster, but differ
between versions, machines and types (json has none); MD5 does not. It is no defence against someone who makes
up rows: the dump's SHA-256 is. A copy needs the encoding of its source.

- A row's text has its columns by name, not by position: a restored child table may have another order.
- It comes from each type's output function, which every type has; a cast to text may be user-defined.
- Only the table's own rows count: a partitioned or inherited-from table's children are tables themselves.
- Unlogged tables are included, as they are in a dump. Not so foreign tables, whose rows live elsewhere, nor
  materialized views, which a restore computes anew, nor tables that belong to an extension.
- A row whose text is larger than 1 GB is an error, as it is to COPY and so to pg_dump.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

_MODULUS = 2**64

_CHUNK_BYTES = 1 << 20

_ROWS = sql.SQL("""
    SELECT count(*), coalesce(sum(h::bit(64)::bigint), 0)::text,
           coalesce(sum((h << 64)::bit(64)::bigint), 0)::text
    FROM (SELECT ('x' || md5(textin(record_out(ROW({columns})))))::bit(128) AS h
          FROM ONLY {table} AS t WHERE {condition} OFFSET 0) AS hashes
""")

# Each object is read through its own functions, which need no superuser, in chunks, so that neither side ever
# holds more than one. Its length is hashed too: an empty object has no chunk, and holes read as zeros.
_LARGE_OBJECTS = sql.SQL("""
    SELECT count(*) FILTER (WHERE part = -1), coalesce(sum(h::bit(64)::bigint), 0)::text,
           coalesce(sum((h << 64)::bit(64)::bigint), 0)::text
    FROM (
        SELECT part, ('x' || md5(convert_to(format('%s:%s:%s:', o.oid, o.bytes, part), 'UTF8') ||
               CASE WHEN part >= 0 THEN lo_get(o.oid, part * {chunk}, {chunk}) ELSE '' END))::bit(128) AS h
        FROM (SELECT opened.oid, lo_lseek64(opened.fd, 0, 2) + 0 * lo_close(opened.fd) AS bytes
              FROM (SELECT oid, lo_open(oid, 262144) AS fd FROM pg_largeobject_metadata OFFSET 0) AS opened
              OFFSET 0) AS o,
             LATERAL generate_series(-1, (o.bytes + {chunk} - 1) / {chunk} - 1) AS part
        OFFSET 0) AS hashes
""")


@dataclass(frozen=True)
class Digest:
    """Of some rows. Digests of the pieces of a table add up to that of the table."""

    count: int = 0
    high: int = 0
    low: int = 0

    def __add__(self, other: "Digest") -> "Digest":
        return Digest(
            self.count + other.count,
            (self.high + other.high) % _MODULUS,
            (self.low + other.low) % _MODULUS,
        )

    @property
    def text(self) -> str:
        """Give both sums, 16 hexadecimal digits each."""
        return f"{self.high:016x}{self.low:016x}"


def digest_of_rows(
    connection: psycopg.Connection,
    schema: str,
    table: str,
    columns: Sequence[str],
    blocks: tuple[int, int | None] | None = None,
) -> Digest:
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
    return _digest(connection.execute(query).fetchone())


def digest_of_large_objects(connection: psycopg.Connection) -> Digest:
    """Digest the ids and contents of all large objects; who may read them is among the definitions."""
    return _digest(connection.execute(_LARGE_OBJECTS.format(chunk=_CHUNK_BYTES)).fetchone())


def _digest(row: tuple[Any, ...] | None) -> Digest:
    count, high, low = row or (0, 0, 0)
    return Digest(count, int(high) % _MODULUS, int(low) % _MODULUS)

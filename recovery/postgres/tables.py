"""The tables whose rows a dump holds: their sizes, their columns, and how pg_dump copies them."""

from dataclasses import dataclass
from typing import Final

import psycopg

from recovery.postgres.digest import HASHED_TYPES, DigestTask

# Only a heap can be read by block numbers. PostgreSQL 14 and newer scan a range of blocks without the rest.
# `rehashed` are the partitions below a table that is partitioned by the hash of an enum, found as pg_dump
# finds them (getPartitioningInfo). The hash depends on the object id of the enum's value, which differs from
# server to server.
_TABLES: Final = """
    WITH RECURSIVE rehashed AS (
        SELECT i.inhrelid AS oid, i.inhparent AS root
        FROM pg_inherits i JOIN pg_partitioned_table t ON t.partrelid = i.inhparent
        WHERE t.partstrat = 'h' AND EXISTS (
            SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
            WHERE o.opcname = 'enum_ops' AND o.opcnamespace = 'pg_catalog'::regnamespace
              AND m.amname = 'hash' AND o.oid = ANY(t.partclass))
        UNION
        SELECT i.inhrelid, r.root FROM pg_inherits i JOIN rehashed r ON r.oid = i.inhparent)
    SELECT n.nspname, c.relname, c.oid, pg_table_size(c.oid),
           ARRAY(SELECT ARRAY[l.attname::text, CASE
                     WHEN t.typnamespace = 'pg_catalog'::regnamespace AND t.typname = ANY(%(hashed)s)
                          AND (t.typname <> 'bpchar' OR l.atttypmod > 0) THEN t.typname::text
                     WHEN t.typtype <> 'd' AND o.pronamespace = 'pg_catalog'::regnamespace
                     THEN o.proname::text ELSE '' END]
                 FROM pg_attribute l JOIN pg_type t ON t.oid = l.atttypid
                 JOIN pg_proc o ON o.oid = t.typoutput
                 WHERE l.attrelid = c.oid AND l.attnum > 0 AND NOT l.attisdropped),
           CASE a.amname WHEN 'heap' THEN pg_relation_size(c.oid) ELSE 0 END
               / current_setting('block_size')::integer,
           ARRAY(SELECT attname::text FROM pg_attribute
                 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
                 ORDER BY attnum),
           (SELECT format('COPY %%I.%%I (%%s) FROM stdin;', n.nspname, c.relname,
                          string_agg(quote_ident(attname), ', ' ORDER BY attnum)) || E'\\n'
            FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),
           (SELECT ARRAY[s.nspname, p.relname]::text[] FROM rehashed f
            JOIN pg_class p ON p.oid = f.root JOIN pg_namespace s ON s.oid = p.relnamespace
            WHERE f.oid = c.oid AND f.root NOT IN (SELECT oid FROM rehashed))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_am a ON a.oid = c.relam
    WHERE c.relkind = 'r' AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = c.tableoid AND d.objid = c.oid AND d.deptype = 'e')
      AND (%(selected)s::oid[] IS NULL OR c.oid = ANY(%(selected)s::oid[]))
    ORDER BY 4 DESC, 1, 2
"""


@dataclass(frozen=True)
class StoredTable:
    """A table with rows of its own, at the moment of a snapshot."""

    schema: str
    name: str
    oid: int
    bytes: int
    """With TOAST, without indexes."""

    columns: tuple[tuple[str, str], ...]
    """See DigestTask.columns."""

    blocks: int
    """Blocks of its heap; 0 for other access methods."""

    copied_columns: tuple[str, ...]
    """All but generated ones, in their order."""

    copy_statement: str
    """As in an archive of pg_dump."""

    root: tuple[str, str] | None
    """Schema and name of the table that is partitioned by the hash of an enum, at any level above it."""

    @property
    def key(self) -> tuple[str, str]:
        return self.schema, self.name

    @property
    def digest_task(self) -> DigestTask:
        """The task that digests the whole table."""
        return DigestTask(self.schema, self.name, self.bytes, self.columns)


def read_tables(connection: psycopg.Connection, selected: list[int] | None) -> list[StoredTable]:
    """Return the selected tables, the largest first; None selects all."""
    parameters = {"selected": selected, "hashed": list(HASHED_TYPES)}
    return [
        StoredTable(
            schema=schema,
            name=name,
            oid=oid,
            bytes=size,
            columns=tuple((column, kind) for column, kind in columns),
            blocks=blocks,
            copied_columns=tuple(copied),
            copy_statement=statement,
            root=tuple(root) if root else None,
        )
        for schema, name, oid, size, columns, blocks, copied, statement, root in connection.execute(
            _TABLES, parameters
        )
    ]

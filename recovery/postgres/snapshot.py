"""
One moment of a database, seen the same way through several connections.

A transaction exports its snapshot; pg_dump and every connection that digests rows join it, so all of them see
exactly what was committed then, whatever is written meanwhile.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.manifest import Sequence, ServerInfo
from recovery.postgres.connection import connected, explained

_LOCK_WAIT_SECONDS = 300
_ATTEMPTS = 3
_SEQUENCES_AT_ONCE = 200

_PROVIDERS = {"i": "icu", "b": "builtin"}

_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_SETTINGS = {
    # Names in definitions come out complete, and nothing of the user's can stand in for a catalog function.
    "search_path": "pg_catalog",
    "quote_all_identifiers": "off",
    # Values become text the same way in every database, on every server.
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "1",
    "IntervalStyle": "postgres",
    "lc_monetary": "C",
    "TimeZone": "UTC",
    "xmlbinary": "base64",
    "xmloption": "content",
    # A row that a policy hides must be an error: one that is merely not counted would never be missed.
    "row_security": "off",
    # A long digest is no runaway statement, and the connection that holds the snapshot has nothing to say.
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    # Compiling pays for itself in no query of ours, and it would delay each of them.
    "jit": "off",
}
"""Set for the transaction only. Some are unknown to older servers, and then left out."""

_LOCKABLE = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    ORDER BY c.oid
"""

# A write position of now: all that the snapshot shows was written before it.
_EXPORT = """
    SELECT pg_export_snapshot(), statement_timestamp(),
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_insert_lsn() END::text
"""

# A locale that is not the C library's has moved between columns; the row as JSON has any of them.
_SERVER = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::integer,
           (SELECT system_identifier::text FROM pg_control_system()),
           d.datname, pg_encoding_to_char(d.encoding), d.datcollate,
           j ->> 'datlocprovider', coalesce(j ->> 'datlocale', j ->> 'daticulocale')
    FROM pg_database d, to_jsonb(d) AS j WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class Snapshot:
    """A moment that can be joined for as long as `connection` is open."""

    id: str
    """What pg_dump takes as --snapshot."""

    taken_at: datetime
    """By the server's clock (UTC), just before the snapshot: all that was committed until then is in it."""

    lsn: str
    """A position of the write-ahead log that lies after everything in the snapshot, by next to nothing."""

    server: ServerInfo
    sequences: tuple[Sequence, ...]
    """
    As they stood right after the snapshot, those that may be read.

    A sequence belongs to no transaction: it moves on under an open snapshot. Read here, before anyone else
    reads them, these states are never ahead of a dump's.
    """

    connection: psycopg.Connection


@contextmanager
def snapshot(url: str) -> Generator[Snapshot]:
    """
    Take a snapshot and hold it until the block ends.

    The tables stay locked against changes of structure, TRUNCATE included (it empties a table in every open
    snapshot); pg_dump does the same, but only once it has come up.

    Raises:
        Failure: no connection, a pooled host, a table locked by somebody for minutes, or no privilege.
    """
    with connected(url) as connection:
        with explained(connection, "take a snapshot"):
            taken = _taken(connection)
        yield taken


@contextmanager
def joined(url: str, snapshot_id: str) -> Generator[psycopg.Connection]:
    """
    Open another connection that sees the same moment.

    Raises:
        Failure: the snapshot is gone, because the connection that held it has ended.
    """
    with connected(url) as connection:
        with explained(connection, "join the snapshot"):
            try:
                connection.execute(_BEGIN)
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot_id)))
            except (psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue) as error:
                raise Failure(
                    "the snapshot of the database is gone: the connection that held it has ended.",
                    "run the same command again; find out what ended the connection if it happens again.",
                    str(error),
                ) from error
            _configure(connection)
        yield connection


def only(connection: psycopg.Connection, query: LiteralString) -> tuple[Any, ...]:
    """Return the one row of `query`."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise AssertionError("a query that always has a row had none")
    return row


def _taken(connection: psycopg.Connection) -> Snapshot:
    _begin_with_locks(connection)
    exported, taken_at, lsn = only(connection, _EXPORT)
    sequences = _sequences(connection)
    return Snapshot(exported, taken_at.astimezone(UTC), lsn, _server(connection), sequences, connection)


def _begin_with_locks(connection: psycopg.Connection) -> None:
    """Lock first: a lock needs no snapshot, so nothing can happen to a table between the two."""
    for attempt in range(1, _ATTEMPTS + 1):
        tables = [name for (name,) in connection.execute(_LOCKABLE)]
        connection.execute(_BEGIN)
        _configure(connection)
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(f"{_LOCK_WAIT_SECONDS}s"))
        try:
            if tables:
                names = ", ".join(f"ONLY {name}" for name in tables)
                connection.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE".encode())
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            # Dropped since they were listed.
            connection.execute("ROLLBACK")
            if attempt == _ATTEMPTS:
                raise
        except psycopg.errors.LockNotAvailable as error:
            raise Failure(
                f"a table has been locked by another session for {_LOCK_WAIT_SECONDS} seconds.",
                "let the migration (or VACUUM FULL) end, or end it; then run the same command again.",
                str(error),
            ) from error
        else:
            return


def _configure(connection: psycopg.Connection) -> None:
    """Set for this transaction: no later user of a shared session finds anything changed."""
    connection.execute(
        "SELECT pg_catalog.set_config(s.name, w.value, true) "
        "FROM unnest(%s::text[], %s::text[]) AS w (name, value) "
        "JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = pg_catalog.lower(w.name)",
        (list(_SETTINGS), list(_SETTINGS.values())),
    )


def _server(connection: psycopg.Connection) -> ServerInfo:
    version, number, identifier, database, encoding, collate, provider, locale = only(connection, _SERVER)
    return ServerInfo(
        version=version.split()[0],
        major=number // 10_000,
        system_identifier=identifier,
        database=database,
        encoding=encoding,
        collation=f"{_PROVIDERS[provider]}:{locale}" if locale else collate,
    )


def _sequences(connection: psycopg.Connection) -> tuple[Sequence, ...]:
    found = connection.execute(
        "SELECT n.nspname, c.relname, s.seqincrement FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid "
        "WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' "
        "AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2"
    ).fetchall()
    return tuple(
        Sequence(
            schema_name=schema, name=name, last_value=last_value, is_called=is_called, increment=increment
        )
        for start in range(0, len(found), _SEQUENCES_AT_ONCE)
        for schema, name, last_value, is_called, increment in connection.execute(
            sql.SQL(" UNION ALL ").join(
                sql.SQL("SELECT {}, {}, last_value, is_called, {} FROM {}").format(
                    sql.Literal(schema),
                    sql.Literal(name),
                    sql.Literal(increment),
                    sql.Identifier(schema, name),
                )
                for schema, name, increment in found[start : start + _SEQUENCES_AT_ONCE]
            )
        )
    )

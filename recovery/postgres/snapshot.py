"""
Snapshots of a database that several connections share.

A transaction exports its snapshot; pg_dump and every connection that digests rows join it. So all of them see
exactly what was committed at that moment, whatever is written meanwhile.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, LiteralString

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.manifest import Sequence, ServerInfo
from recovery.postgres.connection import connect, explain_errors

_LOCK_WAIT_SECONDS = 300
_ATTEMPTS = 3
_SEQUENCES_PER_QUERY = 200

_LOCALE_PROVIDERS: dict[str | None, Literal["libc", "icu", "builtin"]] = {
    # Before version 15, databases have no choice of provider, and before 17 none is built in.
    None: "libc",
    "c": "libc",
    "i": "icu",
    "b": "builtin",
}

_BEGIN: LiteralString = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_SETTINGS = {
    # Definitions contain complete names, and no user's function can replace one of the catalog.
    "search_path": "pg_catalog",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    # Values are converted to the same text in every database, on every server.
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "1",
    "IntervalStyle": "postgres",
    "lc_monetary": "C",
    "TimeZone": "UTC",
    "xmlbinary": "base64",
    "xmloption": "content",
    # A row that a policy hides is an error, not silently left out of the counts.
    "row_security": "off",
    # A digest may take long, and the connection that holds the snapshot is idle meanwhile.
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    # Compilation delays each query and speeds up none.
    "jit": "off",
}
"""Set for the transaction only. Those that an older server does not know are left out."""

_LOCKABLE = """
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
    ORDER BY c.oid
"""

# The current write position: everything in the snapshot was written before it.
_EXPORT = """
    SELECT pg_export_snapshot(), statement_timestamp(),
           CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
                ELSE pg_current_wal_insert_lsn() END::text
"""

# The column of the ICU or built-in locale depends on the version; the row as JSON has whichever there is.
_SERVER = """
    SELECT current_setting('server_version'), current_setting('server_version_num')::integer,
           (SELECT system_identifier::text FROM pg_control_system()),
           d.datname, pg_encoding_to_char(d.encoding), d.datcollate,
           d.datctype, j ->> 'datlocprovider', coalesce(j ->> 'datlocale', j ->> 'daticulocale', ''),
           coalesce(j ->> 'daticurules', '')
    FROM pg_database d, to_jsonb(d) AS j WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class Snapshot:
    """An exported snapshot. Other connections can join it as long as `connection` is open."""

    id: str
    """For pg_dump --snapshot."""

    taken_at: datetime
    """The server's time (UTC) just before the snapshot: everything committed until then is in it."""

    lsn: str
    """A position in the write-ahead log just after everything in the snapshot."""

    server: ServerInfo
    sequences: tuple[Sequence, ...]
    """
    Positions right after the snapshot, of the sequences that this role may read.

    A sequence moves on under an open snapshot. These positions are read before a dump reads them, so they are
    never ahead of the dump's.
    """

    connection: psycopg.Connection


@contextmanager
def take_snapshot(url: str) -> Generator[Snapshot]:
    """
    Take a snapshot and hold it until the block ends.

    The tables are locked against changes of structure and against TRUNCATE, which empties a table in every
    open snapshot. pg_dump takes the same locks, but later.

    Raises:
        Failure: no connection, a pooled host, a table locked by another session for minutes, or no privilege.
    """
    with connect(url) as connection:
        with explain_errors(connection, "take a snapshot"):
            snapshot = _export_snapshot(connection)
        yield snapshot


@contextmanager
def join_snapshot(url: str, snapshot_id: str) -> Generator[psycopg.Connection]:
    """
    Open a connection that sees the snapshot.

    Raises:
        Failure: the snapshot no longer exists, because the connection that held it has ended.
    """
    with connect(url) as connection:
        with explain_errors(connection, "join the snapshot"):
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


def write_joining_script(snapshot: Snapshot) -> bytes:
    """Return the statements by which a session of psql joins the snapshot, as `join_snapshot` does."""
    connection = snapshot.connection
    known = connection.execute(
        "SELECT lower(name) FROM pg_settings WHERE lower(name) = ANY(%s)",
        [[name.lower() for name in _SETTINGS]],
    ).fetchall()
    statements = [
        sql.SQL(_BEGIN),
        sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot.id)),
        *(
            sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(value))
            for name, value in _SETTINGS.items()
            if (name.lower(),) in known
        ),
    ]
    return b"".join(statement.as_bytes(connection) + b";\n" for statement in statements)


def fetch_one_row(connection: psycopg.Connection, query: LiteralString) -> tuple[Any, ...]:
    """Return the row of a query that always has one."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise AssertionError("a query that always has a row had none")
    return row


def _export_snapshot(connection: psycopg.Connection) -> Snapshot:
    _begin_with_locks(connection)
    snapshot_id, taken_at, lsn = fetch_one_row(connection, _EXPORT)
    sequences = _read_sequences(connection)
    server = _read_server(connection)
    return Snapshot(snapshot_id, taken_at.astimezone(UTC), lsn, server, sequences, connection)


def _begin_with_locks(connection: psycopg.Connection) -> None:
    """Begin the transaction and lock the tables before its snapshot is taken: LOCK TABLE takes none."""
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
            # A table was dropped after it was listed.
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
    """Apply the settings to this transaction only, so that a shared session is left unchanged."""
    connection.execute(
        "SELECT pg_catalog.set_config(s.name, w.value, true) "
        "FROM unnest(%s::text[], %s::text[]) AS w (name, value) "
        "JOIN pg_catalog.pg_settings s ON pg_catalog.lower(s.name) = pg_catalog.lower(w.name)",
        (list(_SETTINGS), list(_SETTINGS.values())),
    )


def _read_server(connection: psycopg.Connection) -> ServerInfo:
    version, number, identifier, database, encoding, collate, ctype, provider_code, locale, icu_rules = (
        fetch_one_row(connection, _SERVER)
    )
    provider = _LOCALE_PROVIDERS[provider_code]
    return ServerInfo(
        version=version.split()[0],
        major=number // 10_000,
        system_identifier=identifier,
        database=database,
        encoding=encoding,
        collation=f"{provider}:{locale}" if locale else collate,
        ctype=ctype,
        locale_provider=provider,
        locale=locale,
        icu_rules=icu_rules,
    )


def _read_sequences(connection: psycopg.Connection) -> tuple[Sequence, ...]:
    readable = connection.execute(
        "SELECT n.nspname, c.relname, s.seqincrement FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid "
        "WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' "
        "AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1, 2"
    ).fetchall()
    return tuple(
        Sequence(
            schema_name=schema, name=name, last_value=last_value, is_called=is_called, increment=increment
        )
        for start in range(0, len(readable), _SEQUENCES_PER_QUERY)
        for schema, name, last_value, is_called, increment in connection.execute(
            sql.SQL(" UNION ALL ").join(
                sql.SQL("SELECT {}, {}, last_value, is_called, {} FROM {}").format(
                    sql.Literal(schema),
                    sql.Literal(name),
                    sql.Literal(increment),
                    sql.Identifier(schema, name),
                )
                for schema, name, increment in readable[start : start + _SEQUENCES_PER_QUERY]
            )
        )
    )

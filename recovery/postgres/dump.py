"""A database's dump as a stream that ends only if pg_dump says that all is in it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

import psycopg

from core.failure import Failure
from recovery.postgres.client_programs import ClientProcess, Clients
from recovery.postgres.compression import compressed, decompressed
from recovery.postgres.connection import environment, harmless_arguments, redacted
from recovery.postgres.table_name import TableName

__all__ = ["DumpContent", "compressed", "decompressed", "dump"]

DumpContent = Literal["all", "schema", "data"]

_MAGIC: Final = b"PGDMP"
_BEGUN: Final = "pg_dump: dumping contents of table "
_CHUNK_BYTES: Final = 1 << 20
_LOCK_WAIT_MILLISECONDS: Final = 300_000
"""A backup that waits longer for an ALTER TABLE says so, instead of missing its schedule in silence."""

_TABLE_AND_CHILDREN_SINCE: Final = 16
_CONTENT: Final[dict[DumpContent, tuple[str, ...]]] = {
    "all": (),
    "schema": ("--schema-only",),
    "data": ("--data-only",),
}


def dump(
    clients: Clients,
    url: str,
    snapshot_id: str,
    *,
    tables: Sequence[str] = (),
    content: DumpContent = "all",
    warn: Callable[[str], None] = lambda _: None,
    heard: Callable[[str], None] | None = None,
) -> Iterator[bytes]:
    """
    Give the custom-format archive, uncompressed, of what `snapshot_id` shows; large objects are in it.

    Args:
        clients: at least as new as the server.
        url: of the database; direct, not of a pool.
        snapshot_id: exported by a transaction that stays open until the end.
        tables: names as in SQL (see table_name), with their partitions and children, without
            large objects; none: everything.
        content: everything, the definitions alone, or the rows alone.
        warn: is told what pg_dump found remarkable in a dump that succeeded.
        heard: is told, in a thread, each table whose rows are being read, as `schema.name`.

    Raises:
        Failure: when pg_dump does not succeed, after its last output: a stream that ends is whole. Closing
            the generator before ends pg_dump.
    """
    arguments = [
        "--format=custom",
        "--compress=0",
        "--no-password",
        f"--snapshot={snapshot_id}",
        f"--lock-wait-timeout={_LOCK_WAIT_MILLISECONDS}",
        f"--dbname={harmless_arguments(url)}",
        *_CONTENT[content],
        *_selected(clients, tables),
        *(("--verbose",) if heard else ()),
    ]

    def hear(line: str) -> None:
        if heard and line.startswith(_BEGUN):
            heard(line.removeprefix(_BEGUN).strip('"'))

    with ClientProcess(clients.dump, arguments, environment(url), heard=hear) as program:
        beginning = b""
        for chunk in program.output(_CHUNK_BYTES):
            if len(beginning) < len(_MAGIC):
                beginning += chunk[: len(_MAGIC) - len(beginning)]
                if not _MAGIC.startswith(beginning):
                    raise Failure("What pg_dump wrote is no archive.", _advice(clients))
            yield chunk
        ended = program.wait()
        if not ended.succeeded or beginning != _MAGIC:
            said = redacted(ended.complaints, url)
            raise Failure(f"The dump is not whole: pg_dump {ended.how}.", _next_step(said, clients), said)
        if ended.complaints:
            warn(redacted(ended.complaints, url))


def _selected(clients: Clients, tables: Sequence[str]) -> list[str]:
    if not tables:
        return []
    if clients.major < _TABLE_AND_CHILDREN_SINCE:
        # With less, a partitioned table would be saved without a single row, and nobody told.
        raise Failure(
            f"Tables can be chosen with client version 16 or later; {clients.dump} is {clients.version}.",
            "install a newer client, or back up everything.",
        )
    patterns = [f"--table-and-children={TableName.parse(table).pattern}" for table in tables]
    # Names reach pg_dump in UTF-8, and are compared in the encoding of the dump. Extensions are what the
    # tables' types come from, and without asking for them they would not be in it.
    return ["--strict-names", "--encoding=UTF8", "--extension=*", *patterns]


def _next_step(said: str, clients: Clients) -> str:
    steps = {
        "snapshot": "run the backup again: the connection that held its snapshot was lost.",
        "password authentication failed": "give the stack the backup role's current password.",
        "permission denied": "grant the backup role pg_read_all_data, or what the message names.",
        "row-level security": "give the backup role BYPASSRLS: otherwise rows would be missing.",
        "server version mismatch": _advice(clients),
        "no matching": "compare the names of the chosen tables with those in the database.",
        "lock timeout": "run the backup again when whoever holds that lock (a long ALTER TABLE) is done.",
    }
    return next((step for cause, step in steps.items() if cause in said), _advice(clients))


def _advice(clients: Clients) -> str:
    return f"look into what pg_dump said ({clients.dump}, {clients.version}) and run the backup again."


_NAMED = """
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relname = %(name)s
      AND CASE WHEN %(schema)s::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
               ELSE n.nspname = %(schema)s END
"""

# Partitions and children to any depth; and with a table come the sequences that belong to its columns.
_WITH_COMPANY = """
    WITH RECURSIVE family AS (
        SELECT unnest(%s::oid[]) AS oid
        UNION SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent)
    SELECT oid FROM family
    UNION
    SELECT d.objid FROM pg_depend d JOIN family f ON f.oid = d.refobjid JOIN pg_class c ON c.oid = d.objid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 AND c.relkind = 'S'
"""


def select_relations(connection: psycopg.Connection, selected: tuple[str, ...]) -> list[int] | None:
    """
    Return the object ids of the named tables, of what inherits from them, and of their sequences.

    None stands for everything, when nothing is named.

    Raises:
        Failure: there is no such table.
    """
    if not selected:
        return None
    named = [oid for text in selected for oid in _named(connection, text)]
    return sorted(oid for (oid,) in connection.execute(_WITH_COMPANY, (named,)))


def _named(connection: psycopg.Connection, text: str) -> list[int]:
    table = TableName.parse(text)
    # What a name without a schema means is a matter of the session's own search path, to pg_dump as to us.
    connection.execute("RESET search_path")
    parameters = {"schema": table.schema, "name": table.name}
    found = [oid for (oid,) in connection.execute(_NAMED, parameters)]
    connection.execute("SET LOCAL search_path = pg_catalog")
    if not found:
        raise Failure(
            f"there is no table {text} in the database.",
            "write schema.table, upper and lower case as they are.",
        )
    return found

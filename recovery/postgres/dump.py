"""
Dumps of a database by pg_dump, and the relations that a dump of selected tables includes.

A dump is a stream; it ends regularly only if pg_dump has succeeded.
"""

import re
from collections.abc import Callable, Generator, Sequence
from typing import Final

import psycopg

from core.failure import Failure
from core.text import printable
from recovery.manifest import DumpContent
from recovery.postgres.client_programs import ClientProcess, ClientPrograms, ProcessResult
from recovery.postgres.connection import (
    keepalive_parameters,
    large_object_grants,
    libpq_environment,
    parse_url,
    redact,
)
from recovery.postgres.table_name import TableName

_MAGIC: Final = b"PGDMP"
_TABLE_LINE: Final = "pg_dump: dumping contents of table "
_CHUNK_BYTES: Final = 1 << 20
_LOCK_WAIT_MILLISECONDS: Final = 300_000
"""A backup that waits longer for an ALTER TABLE fails, instead of silently missing its schedule."""

_WARNING_LINE: Final = re.compile(
    r"(?:pg_\w+: )?(?P<level>warning|notice|error|detail|hint):\s+(?P<text>.*)", re.IGNORECASE
)
"""A message of the program itself or, without its name, of the server."""

_DETAILS: Final = frozenset({"detail", "hint"})
_WARNINGS: Final = 50
_WARNING_CHARACTERS: Final = 500

_TABLE_AND_CHILDREN_SINCE: Final = 16
_CONTENT_OPTIONS: Final[dict[DumpContent, tuple[str, ...]]] = {
    "all": (),
    "schema": ("--schema-only",),
    "data": ("--data-only",),
}

_FIND_TABLES: Final = """
    SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND c.relname = %(name)s
      AND CASE WHEN %(schema)s::text IS NULL THEN pg_catalog.pg_table_is_visible(c.oid)
               ELSE n.nspname = %(schema)s END
"""

# With partitions and children at any depth, and the sequences that belong to the columns.
_WITH_CHILDREN: Final = """
    WITH RECURSIVE family AS (
        SELECT unnest(%s::oid[]) AS oid
        UNION SELECT i.inhrelid FROM pg_inherits i JOIN family f ON f.oid = i.inhparent)
    SELECT oid FROM family
    UNION
    SELECT d.objid FROM pg_depend d JOIN family f ON f.oid = d.refobjid JOIN pg_class c ON c.oid = d.objid
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0 AND c.relkind = 'S'
"""


def dump(
    clients: ClientPrograms,
    url: str,
    snapshot_id: str,
    *,
    tables: Sequence[str] = (),
    content: DumpContent = "all",
    without_rows: Sequence[TableName] = (),
    on_warning: Callable[[str], None] = lambda _: None,
    on_table: Callable[[str], None] | None = None,
) -> Generator[bytes]:
    """
    Yield an uncompressed archive, in the custom format, of what the snapshot shows, with large objects.

    Args:
        clients: at least as new as the server.
        url: of the database; direct, not of a pooler.
        snapshot_id: exported by a transaction that stays open until the end.
        tables: names as in SQL (see table_name), with their partitions and children, without large objects.
            Empty: everything.
        content: everything, the definitions alone, or the rows alone.
        without_rows: tables of which only the definitions are dumped.
        on_warning: called with each warning of a dump that succeeded, in one line.
        on_table: called, in a thread, with each table whose rows are being read, as `schema.name`.

    Raises:
        Failure: pg_dump did not succeed. This comes after its last output, so a stream that ends is complete.
            Closing the generator earlier ends pg_dump.
    """
    arguments = [
        "--format=custom",
        "--compress=0",
        "--no-password",
        f"--snapshot={snapshot_id}",
        f"--lock-wait-timeout={_LOCK_WAIT_MILLISECONDS}",
        f"--dbname={keepalive_parameters(url)}",
        *_CONTENT_OPTIONS[content],
        *_table_arguments(clients, tables),
        *(f"--exclude-table-data={table.pattern}" for table in without_rows),
        *(("--verbose",) if on_table else ()),
    ]

    def report_table(line: str) -> None:
        if on_table and line.startswith(_TABLE_LINE):
            on_table(line.removeprefix(_TABLE_LINE).strip('"'))

    with ClientProcess(
        clients.dump, arguments, libpq_environment(url), on_progress_line=report_table
    ) as process:
        beginning = b""
        for chunk in process.read_output(_CHUNK_BYTES):
            if len(beginning) < len(_MAGIC):
                beginning += chunk[: len(_MAGIC) - len(beginning)]
                if not _MAGIC.startswith(beginning):
                    raise Failure("What pg_dump wrote is no archive.", _advice(clients))
            yield chunk
        result = process.wait()
        if not result.succeeded or beginning != _MAGIC:
            raise explain_failure("pg_dump", result, clients, url)
        for warning in parse_warnings(redact(result.messages, url)):
            on_warning(warning)


def explain_failure(program: str, result: ProcessResult, clients: ClientPrograms, url: str) -> Failure:
    """Return why a client program could not read the database."""
    messages = redact(result.messages, url)
    return Failure(
        f"The dump is not whole: {program} {result.description}.",
        _next_step(messages, clients, parse_url(url).get("user", "the backup role")),
        messages,
    )


def parse_warnings(messages: str) -> list[str]:
    """
    Return the warnings among a client program's messages, each with its details, in one bounded line.

    Other lines are rests of progress messages, which name objects whose names have several lines.
    """
    warnings: list[str] = []
    for line in messages.splitlines():
        if not (match := _WARNING_LINE.match(line)):
            continue
        text = printable(match["text"])
        if match["level"].lower() in _DETAILS and warnings:
            warnings[-1] += f" {text}"
        else:
            warnings.append(text)
    more = len(warnings) - _WARNINGS
    shown = [warning[:_WARNING_CHARACTERS] for warning in warnings[:_WARNINGS]]
    return shown + ([f"and {more} more warnings"] if more > 0 else [])


def _table_arguments(clients: ClientPrograms, tables: Sequence[str]) -> list[str]:
    if not tables:
        return []
    if clients.major < _TABLE_AND_CHILDREN_SINCE:
        # An older client would silently dump a partitioned table without its rows.
        raise Failure(
            f"Tables can be chosen with client version 16 or later; {clients.dump} is {clients.version}.",
            "install a newer client, or back up everything.",
        )
    patterns = [f"--table-and-children={TableName.parse(table).pattern}" for table in tables]
    # pg_dump gets the names in UTF-8 and compares them in the dump's encoding. Types of the tables may come
    # from extensions, which a dump of selected tables leaves out by default.
    return ["--strict-names", "--encoding=UTF8", "--extension=*", *patterns]


def _next_step(messages: str, clients: ClientPrograms, role: str) -> str:
    steps = {
        "permission denied for large object": large_object_grants(role),
        "snapshot": "run the backup again: the connection that held its snapshot was lost.",
        "password authentication failed": "give the stack the backup role's current password.",
        "permission denied": "grant the backup role pg_read_all_data, or what the message names.",
        "row-level security": "give the backup role BYPASSRLS: otherwise rows would be missing.",
        "server version mismatch": _advice(clients),
        "no matching": "compare the names of the chosen tables with those in the database.",
        "lock timeout": "run the backup again when whoever holds that lock (a long ALTER TABLE) is done.",
    }
    return next((step for cause, step in steps.items() if cause in messages), _advice(clients))


def _advice(clients: ClientPrograms) -> str:
    return f"look into what pg_dump said ({clients.dump}, {clients.version}) and run the backup again."


def select_relations(connection: psycopg.Connection, tables: tuple[str, ...]) -> list[int] | None:
    """
    Return the object ids of the named tables, of their partitions and children, and of their sequences.

    Without names, return None, which stands for the whole database.

    Raises:
        Failure: a table does not exist.
    """
    if not tables:
        return None
    oids = [oid for name in tables for oid in _find_tables(connection, name)]
    return sorted(oid for (oid,) in connection.execute(_WITH_CHILDREN, (oids,)))


def _find_tables(connection: psycopg.Connection, name: str) -> list[int]:
    table = TableName.parse(name)
    # A name without a schema depends on the role's own search path, as it does for pg_dump.
    connection.execute("RESET search_path")
    rows = connection.execute(_FIND_TABLES, {"schema": table.schema, "name": table.name})
    oids = [oid for (oid,) in rows]
    connection.execute("SET LOCAL search_path = pg_catalog")
    if not oids:
        raise Failure(
            f"there is no table {name} in the database.",
            "write schema.table, upper and lower case as they are.",
        )
    return oids

"""Requirements on the database and the server that a backup is restored into."""

import re
from collections.abc import Iterable

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.postgres.toc import TocEntry

_NAMED_OBJECTS = 5
_SET_OPTION_SINCE = 160000
_EXTENSION_SCHEMA = re.compile(r' WITH SCHEMA ("(?:[^"]|"")*"|\w+);')
_FOREIGN_OWNERS = """
    SELECT rolname, current_user FROM pg_catalog.pg_roles
    WHERE rolname = ANY(%(owners)s)
      AND NOT (pg_has_role(current_user, oid, %(may_set)s) AND pg_has_role(current_user, oid, 'USAGE'))
    ORDER BY 1
"""
_OWN_OBJECTS = """
    WITH own AS (
        SELECT oid, nspname FROM pg_catalog.pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
    object (class, oid, what, schema, name) AS (
        SELECT c.tableoid, c.oid, CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view'
                WHEN 'm' THEN 'materialized view' WHEN 'c' THEN 'type' ELSE 'table' END, o.nspname, c.relname
            FROM pg_catalog.pg_class c JOIN own o ON o.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
        UNION ALL SELECT t.tableoid, t.oid, 'type', o.nspname, t.typname
            FROM pg_catalog.pg_type t JOIN own o ON o.oid = t.typnamespace
            WHERE t.typrelid = 0 AND t.typtype <> 'm' AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)
        UNION ALL SELECT p.tableoid, p.oid, 'function', o.nspname, p.proname
            FROM pg_catalog.pg_proc p JOIN own o ON o.oid = p.pronamespace
        UNION ALL SELECT n.tableoid, n.oid, 'schema', NULL, n.nspname
            FROM pg_catalog.pg_namespace n JOIN own o ON o.oid = n.oid WHERE n.nspname <> 'public'
        UNION ALL SELECT tableoid, oid, 'large object', NULL, oid::text
            FROM pg_catalog.pg_largeobject_metadata
        UNION ALL SELECT tableoid, oid, 'publication', NULL, pubname FROM pg_catalog.pg_publication)
    SELECT what || ' ' || concat_ws('.', quote_ident(schema), quote_ident(name)), count(*) OVER ()
    FROM object
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = object.class AND d.objid = object.oid AND d.deptype = 'e')
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_extension e WHERE what = 'schema' AND e.extnamespace = object.oid)
    ORDER BY what, 1 LIMIT %s
"""


def require_empty(connection: psycopg.Connection) -> None:
    """
    Raise Failure if the database has objects other than those of extensions.

    The message names some of them.
    """
    rows = connection.execute(_OWN_OBJECTS, (_NAMED_OBJECTS,)).fetchall()
    if rows:
        count = int(rows[0][1])
        names = ", ".join(str(row[0]) for row in rows)
        more = f" and {count - len(rows)} more" if count > len(rows) else ""
        raise Failure(
            f"The target database {connection.info.dbname} is not empty: it has {names}{more}.",
            "name a new database; nothing was changed in this one.",
        )


def require_empty_tables(connection: psycopg.Connection, entries: Iterable[TocEntry]) -> None:
    """Raise Failure if a table of the entries is missing or has rows; for an archive of rows alone."""
    for entry in entries:
        table = sql.Identifier(entry.schema, entry.name)
        try:
            rows = connection.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(table)).rowcount
        except psycopg.errors.UndefinedTable:
            raise Failure(
                f"The backup has rows alone; the target has no table {entry.schema}.{entry.name} for them.",
                "restore a backup with the definitions (all, or schema only) first.",
            ) from None
        if rows:
            raise Failure(
                f"The backup has rows alone, and table {entry.schema}.{entry.name} has some already.",
                "name a database whose tables are empty; nothing was changed in this one.",
            )


def require_not_older(server_major: int, source_major: int) -> None:
    """Raise Failure if the target's server is older than the source's: it may lack what the backup uses."""
    if server_major < source_major:
        raise Failure(
            f"The target is PostgreSQL {server_major}, and the backup is of PostgreSQL {source_major}.",
            f"restore into PostgreSQL {source_major} or later; nothing was changed in the target.",
        )


def require_extensions(
    connection: psycopg.Connection, entries: Iterable[TocEntry], *, partial: bool = False
) -> list[str]:
    """
    Return the names of the extensions that the server does not offer, which may only be some if `partial`.

    Raises:
        Failure: some are missing.
    """
    offered = {row[0] for row in connection.execute("SELECT name FROM pg_catalog.pg_available_extensions")}
    missing = sorted({entry.name for entry in entries} - offered)
    if missing and not partial:
        raise Failure(
            f"The target's server does not have the extensions {', '.join(missing)}.",
            "restore into a server that has them, install them there, or restore without them and without "
            f'what needs them (--leave-out "EXTENSION {missing[0]}").',
        )
    return missing


def probe_extensions(connection: psycopg.Connection, entries: Iterable[TocEntry]) -> dict[str, str]:
    """
    Return the extensions that the connection's role may not create, with the server's reason.

    They are created and taken back, because a vendor may allow what PostgreSQL does not.
    """
    refusals: dict[str, str] = {}
    with connection.transaction(force_rollback=True):
        for entry in entries:
            schema = _EXTENSION_SCHEMA.search(entry.statement)
            try:
                with connection.transaction():
                    if schema:
                        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema[1]}".encode())
                    connection.execute(entry.statement.encode())
            except psycopg.OperationalError:
                raise
            except psycopg.Error as error:
                refusals[entry.name] = error.diag.message_primary or "refused"
    return refusals


def require_roles(connection: psycopg.Connection, roles: set[str]) -> None:
    """Raise Failure if one of the roles does not exist on the server."""
    existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_catalog.pg_roles")}
    if missing := sorted(roles - existing):
        raise Failure(
            f"The target's server does not have the roles {', '.join(missing)}, which the backup refers to.",
            "create them there (CREATE ROLE), restore as a role that may create them, or without owners and "
            "grants (--no-owner), which takes only the roles that policies name.",
        )


def require_owners(connection: psycopg.Connection, owners: set[str]) -> None:
    """Raise Failure if the connection's role may not act as one of the owners."""
    may_set = "SET" if connection.info.server_version >= _SET_OPTION_SINCE else "MEMBER"
    rows = connection.execute(_FOREIGN_OWNERS, {"owners": sorted(owners), "may_set": may_set}).fetchall()
    if rows:
        names = ", ".join(str(name) for name, _ in rows)
        role = str(rows[0][1])
        raise Failure(
            f"The role {role} may not act as {names}, who own something in the backup. Nothing was loaded.",
            f"let it (GRANT {names} TO {role}), restore as a role that may (--role NAME, or another user in "
            f"--to), or without owners and grants (--no-owner): everything then belongs to {role}.",
        )

"""Requirements on the database and the server that a backup is restored into."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.postgres.toc import TocEntry

_NAMED_OBJECTS = 5
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


def require_extensions(connection: psycopg.Connection, entries: Iterable[TocEntry]) -> None:
    """Raise Failure if the server does not offer the extensions of the entries."""
    offered = {row[0] for row in connection.execute("SELECT name FROM pg_catalog.pg_available_extensions")}
    if missing := sorted({entry.name for entry in entries} - offered):
        raise Failure(
            f"The target's server does not have the extensions {', '.join(missing)}.",
            "restore into a server that has them, or install them there.",
        )


def require_roles(connection: psycopg.Connection, roles: set[str]) -> None:
    """Raise Failure if one of the roles does not exist on the server."""
    existing = {row[0] for row in connection.execute("SELECT rolname FROM pg_catalog.pg_roles")}
    if missing := sorted(roles - existing):
        raise Failure(
            f"The target's server does not have the roles {', '.join(missing)}, which the backup refers to.",
            "recreate them from the backup's roles first, with placeholders for a provider's own, "
            "or restore without owners.",
        )

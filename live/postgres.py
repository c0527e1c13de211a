"""The databases of a PostgreSQL server, from its own catalog; SQL makes them without the vendor's API."""

from collections.abc import Collection, Iterator
from typing import Final, LiteralString
from urllib.parse import quote, urlsplit

import psycopg

from core.failure import Failure
from recovery.postgres.connection import connect, explain_errors

_DATABASES: Final[LiteralString] = """
    SELECT d.datname FROM pg_catalog.pg_database d
    WHERE d.datallowconn AND NOT d.datistemplate ORDER BY d.datname
"""
FIRST: Final = frozenset(("neondb", "postgres"))
"""Databases that a server has from the beginning, at Neon also the first; they count if someone uses them."""

_VENDORS_TABLES: Final = ("health_check",)
"""Tables there that Neon's compute makes (neondatabase/neon, compute_tools/src/checker.rs)."""

_TABLES: Final[LiteralString] = """
    SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
        AND NOT c.relname = ANY (%s)
        AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_depend e
            WHERE e.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND e.objid = c.oid
                AND e.deptype = 'e')
    LIMIT 1
"""


def list_databases(url: str, declared: Collection[str]) -> Iterator[tuple[str, str]]:
    """
    Yield each database of the server that is not declared, with a note if there is more to say of it.

    Those that a server has from the beginning count if they have a table, or can't be looked into.

    Raises:
        Failure: the server does not answer.
    """
    with connect(url) as connection, explain_errors(connection, "list the databases"):
        names = [str(row[0]) for row in connection.execute(_DATABASES)]
    for database in names:
        if database in declared:
            continue
        if database not in FIRST:
            yield database, ""
        elif note := _look_into(urlsplit(url)._replace(path=f"/{quote(database)}").geturl()):
            yield database, note


def _look_into(url: str) -> str:
    try:
        with connect(url) as connection:
            table = connection.execute(_TABLES, [list(_VENDORS_TABLES)]).fetchone()
    except (Failure, psycopg.Error):
        return "the role that backs up can't list its tables, which no backup has"
    return f"it has tables, such as {table[0]}, and no backup has them" if table else ""

"""Which relations a dump of selected tables has in it."""

import psycopg

from recovery.postgres.table_name import TableName
from toolchain.failure import Failure

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


def chosen(connection: psycopg.Connection, selected: tuple[str, ...]) -> list[int] | None:
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

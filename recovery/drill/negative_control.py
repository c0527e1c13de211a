"""The negative control: damage to a recovered database, which the comparison of checksums has to find."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import Check, NegativeControl
from recovery.drill.safety import require_throw_away
from recovery.manifest import Checksums, Table
from recovery.postgres.checksums import compare_checksums, compute_checksums
from recovery.postgres.connection import connect
from recovery.postgres.snapshot import take_snapshot
from recovery.postgres.table_name import TableName

_COLUMNS: Final = """
    SELECT attname, t.typname IN ('text', 'varchar') FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND t.typname IN ('text', 'varchar', 'int2', 'int4', 'int8', 'numeric') ORDER BY 2 DESC, attnum DESC
"""
# Without the owner's SELECT nobody could read the table for the comparison.
_GRANT: Final = """
    SELECT r.rolname, a.privilege_type
    FROM pg_catalog.pg_class c,
        pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner))) a
        JOIN pg_catalog.pg_roles r ON r.oid = a.grantee
    WHERE c.oid = to_regclass(%(table)s)
        AND CASE WHEN a.grantee = c.relowner THEN a.privilege_type <> 'SELECT'
            ELSE a.privilege_type = 'SELECT' AND r.rolname = %(role)s END
    ORDER BY a.grantee = c.relowner, a.privilege_type DESC LIMIT 1
"""
_VERBS: Final = {"SELECT": "read", "UPDATE": "change"}
_MAX_TABLES: Final = 20
"""Number of tables, the smallest that have rows, whose checksums are compared."""

_Damage = Callable[[psycopg.Connection, Table], Iterator[sql.Composed]]


def damage_and_verify(
    database: RecoveredDatabase, source_url: str, checksums: Checksums, application_role: str
) -> tuple[NegativeControl, Check]:
    """
    Delete a row of one table, change a value in another, revoke a grant, and compare checksums.

    The grant is the application role's to read or, where that role has none on the table, one of the owner's.

    The database is useless afterwards. The check tells whether each of the three was found.

    Raises:
        Failure: the database is not a drill's, or no table can be damaged.
    """
    require_throw_away(database, source_url)
    tables = sorted((table for table in checksums.tables if table.rows), key=lambda table: table.rows)
    tables = tables[:_MAX_TABLES]
    with connect(database.owner_url) as connection:
        before = _read_checksums(database, tables)
        if len(tables) == 1:
            # Damage to the one table is looked for after each step: the second would hide the first.
            changed = _damage_first(connection, tables, _change_value)
            differences = compare_checksums(before, _read_checksums(database, tables))
            lost = _damage_first(connection, tables, _delete_row)
        else:
            differences = []
            lost = _damage_first(connection, tables, _delete_row)
            changed = _damage_first(connection, [table for table in tables if table != lost], _change_value)
        role, privilege = _choose_grant(connection, lost, application_role)
        connection.execute(
            sql.SQL("REVOKE {} ON {} FROM {}").format(
                sql.Identifier(privilege.lower()), _identifier(lost), sql.Identifier(role)
            )
        )
        after = _read_checksums(database, tables)
    differences = [*differences, *compare_checksums(before, after)]
    # Damage -> whether a sentence of `compare_checksums` describes it.
    expected = {
        f"a row of {_name(lost)} was deleted": lambda line: line.startswith(
            f"Table {_sql_name(lost)} has {lost.rows - 1} rows;"
        ),
        f"a value in {_name(changed)} was changed": lambda line: (
            line.startswith(f"Table {_sql_name(changed)}") and line.endswith("but not the same ones.")
        ),
        f"{role} may not {_VERBS.get(privilege, privilege.lower())} {_name(lost)} any more": lambda line: (
            line.startswith("The grants ")
        ),
    }
    unseen = [damage for damage, describes in expected.items() if not any(map(describes, differences))]
    return (
        NegativeControl(damage="; ".join(expected), found=tuple(differences)),
        Check(
            name="all damage to a copy is found",
            what="; ".join(expected),
            expected=f"{len(expected)} of {len(expected)} found",
            actual=f"{len(expected) - len(unseen)} of {len(expected)} found"
            + (f"; unseen: {'; '.join(unseen)}" if unseen else ""),
            outcome="failed" if unseen else "passed",
        ),
    )


def _read_checksums(database: RecoveredDatabase, tables: list[Table]) -> Checksums:
    names = tuple(TableName(table.schema_name, table.name).pattern for table in tables)
    with take_snapshot(database.owner_url) as shot:
        return compute_checksums(database.owner_url, shot, tables=names)


def _damage_first(connection: psycopg.Connection, tables: list[Table], damage: _Damage) -> Table:
    """Damage the first table that permits it, and return that table."""
    for table in tables:
        # Constraints and triggers forbid some changes.
        for statement in damage(connection, table):
            with suppress(psycopg.Error):
                if connection.execute(statement).rowcount == 1:
                    return table
    raise Failure(
        "No table of the copy could be damaged, so nothing shows that damage would be found.",
        "look at what the owner role may do in it.",
    )


def _delete_row(_connection: psycopg.Connection, table: Table) -> Iterator[sql.Composed]:
    yield sql.SQL("DELETE FROM ONLY {0} WHERE ctid = (SELECT ctid FROM ONLY {0} LIMIT 1)").format(
        _identifier(table)
    )


def _change_value(connection: psycopg.Connection, table: Table) -> Iterator[sql.Composed]:
    name = TableName(table.schema_name, table.name).pattern
    for column, is_text in connection.execute(_COLUMNS, (name,)).fetchall():
        # The largest number has no larger one beside it, which a unique index would refuse.
        change = (
            sql.SQL(
                "UPDATE ONLY {0} SET {1} = {1} || 'x' "
                "WHERE ctid = (SELECT ctid FROM ONLY {0} WHERE {1} <> '' LIMIT 1)"
            )
            if is_text
            else sql.SQL(
                "UPDATE ONLY {0} SET {1} = {1} + 1 WHERE ctid = "
                "(SELECT ctid FROM ONLY {0} WHERE {1} IS NOT NULL ORDER BY {1} DESC LIMIT 1)"
            )
        )
        yield change.format(_identifier(table), sql.Identifier(column))


def _choose_grant(connection: psycopg.Connection, table: Table, application_role: str) -> tuple[str, str]:
    """Return role and privilege of the grant to revoke."""
    name = TableName(table.schema_name, table.name).pattern
    row = connection.execute(_GRANT, {"table": name, "role": application_role}).fetchone()
    if not row:
        raise Failure(
            f"No grant on {_name(table)} can be revoked, so nothing shows that a lost one would be found.",
            "look at what its owner may do with it.",
        )
    return str(row[0]), str(row[1])


def _identifier(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema_name, table.name)


def _name(table: Table) -> str:
    return f"{table.schema_name}.{table.name}"


def _sql_name(table: Table) -> str:
    """Return the name as `compare_checksums` writes it."""
    return f'"{table.schema_name}"."{table.name}"'

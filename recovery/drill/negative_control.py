"""The negative control: a recovered copy is damaged on purpose, and the verification has to find it."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import Check, NegativeControl
from recovery.drill.safety import require_throw_away
from recovery.manifest import Checksums, Table
from recovery.postgres.checksums import compute_checksums, differences
from recovery.postgres.connection import connected
from recovery.postgres.snapshot import snapshot

_TEXTS = """
    SELECT attname FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
      AND t.typname IN ('text', 'varchar') ORDER BY attnum DESC
"""
_SMALL = 20

_Damage = Callable[[psycopg.Connection, Table], Iterator[sql.Composed]]


def control(
    copy: RecoveredDatabase, source_url: str, found: Checksums, application_role: str
) -> tuple[NegativeControl, Check]:
    """
    Lose a row of one table, change a value in another, take a right away, and look at both again.

    The copy is not to be used afterwards. The check says whether each of the three was found.

    Raises:
        Failure: the copy is not a drill's, or no table can be damaged.
    """
    require_throw_away(copy, source_url)
    some = sorted((table for table in found.tables if table.rows), key=lambda table: table.rows)[:_SMALL]
    with connected(copy.owner_url) as connection:
        before = _looked_at(copy, some)
        lost = _first(connection, some, _lose_a_row)
        changed = _first(connection, [table for table in some if table != lost], _change_a_value)
        connection.execute(
            sql.SQL("REVOKE SELECT ON {} FROM {}").format(_identifier(lost), sql.Identifier(application_role))
        )
        after = _looked_at(copy, some)
    told = differences(before, after)
    expected = {
        f"a row of {_name(lost)} was deleted": lambda line: line.startswith(
            f"{_quoted(lost)} has {lost.rows - 1} rows;"
        ),
        f"a value in {_name(changed)} was changed": lambda line: (
            line.startswith(_quoted(changed)) and line.endswith("but not the same ones.")
        ),
        f"{application_role} may not read {_name(lost)} any more": lambda line: line.startswith(
            "The grants "
        ),
    }
    unseen = [damage for damage, names in expected.items() if not any(map(names, told))]
    return (
        NegativeControl(damage="; ".join(expected), found=tuple(told)),
        Check(
            name="all damage to a copy is found",
            what="; ".join(expected),
            expected=f"{len(expected)} of {len(expected)} found",
            actual=f"{len(expected) - len(unseen)} of {len(expected)} found"
            + (f"; unseen: {'; '.join(unseen)}" if unseen else ""),
            outcome="failed" if unseen else "passed",
        ),
    )


def _looked_at(copy: RecoveredDatabase, tables: list[Table]) -> Checksums:
    with snapshot(copy.owner_url) as shot:
        return compute_checksums(copy.owner_url, shot, selected=tuple(_sql_name(table) for table in tables))


def _first(connection: psycopg.Connection, tables: list[Table], damage: _Damage) -> Table:
    for table in tables:
        # Constraints and triggers keep most tables from losing just any row.
        for statement in damage(connection, table):
            with suppress(psycopg.Error):
                if connection.execute(statement).rowcount == 1:
                    return table
    raise Failure(
        "No table of the copy could be damaged, so nothing shows that damage would be found.",
        "look at what the owner role may do in it.",
    )


def _lose_a_row(_connection: psycopg.Connection, table: Table) -> Iterator[sql.Composed]:
    yield sql.SQL("DELETE FROM ONLY {0} WHERE ctid = (SELECT ctid FROM ONLY {0} LIMIT 1)").format(
        _identifier(table)
    )


def _change_a_value(connection: psycopg.Connection, table: Table) -> Iterator[sql.Composed]:
    for (column,) in connection.execute(_TEXTS, (_sql_name(table),)).fetchall():
        yield sql.SQL(
            "UPDATE ONLY {0} SET {1} = {1} || 'x' "
            "WHERE ctid = (SELECT ctid FROM ONLY {0} WHERE {1} <> '' LIMIT 1)"
        ).format(_identifier(table), sql.Identifier(column))


def _identifier(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema_name, table.name)


def _sql_name(table: Table) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (table.schema_name, table.name))


def _name(table: Table) -> str:
    return f"{table.schema_name}.{table.name}"


def _quoted(table: Table) -> str:
    return f'Table "{table.schema_name}"."{table.name}"'

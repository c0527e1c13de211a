"""Loads the sample platform's schema, rows and grants into an empty database: all of it or nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

from twin.sample_app import companies, fixed, hiring
from twin.sample_app.draw import Draw, Size

_TABLES = fixed.tables | companies.tables | hiring.tables
_FOLDER = Path(__file__).parent
_MARK = "Sample data, scale "
_APPLICATION_GRANTS: tuple[LiteralString, ...] = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}",
    # The schema's history and the audit trail are not the application's to rewrite.
    "REVOKE INSERT, UPDATE, DELETE ON schema_migrations FROM {role}",
    "REVOKE UPDATE, DELETE ON audit_events FROM {role}",
)
_BACKUP_GRANTS: tuple[LiteralString, ...] = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO {role}",
    # For pg_dump --enable-row-security; a role with BYPASSRLS, as Neon's have, needs neither.
    "CREATE POLICY backup ON messages FOR SELECT TO {role} USING (true)",
)


@dataclass(frozen=True)
class LoadResult:
    """What a load did; `scale` is that of the rows in the database, which an earlier load may have chosen."""

    loaded: bool
    scale: int
    rows: int
    seconds: float


def load(
    owner_uri: str,
    *,
    application_role: str,
    backup_role: str,
    scale: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> LoadResult:
    """
    Load the sample once; a database that has it already is left alone, whatever its scale.

    Everything happens in one transaction, so an interrupted load leaves an empty database. Rows are streamed:
    memory does not grow with `scale` (about 6,000 rows for each unit). `progress` gets each table's name.

    Raises:
        psycopg.Error: the database refused something; other tables under the same names are such a reason.
    """
    begin = time.monotonic()
    with psycopg.connect(owner_uri) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('sample platform'))")
        if (present := _loaded_scale(connection)) is not None:
            return LoadResult(loaded=False, scale=present, rows=0, seconds=time.monotonic() - begin)
        connection.execute((_FOLDER / "schema.sql").read_bytes())
        rows = 0
        for name in _TABLES:
            progress(name)
            rows += _copy(connection, name, Size(scale))
        progress("constraints")
        connection.execute((_FOLDER / "constraints.sql").read_bytes())
        for role, grants in ((application_role, _APPLICATION_GRANTS), (backup_role, _BACKUP_GRANTS)):
            for grant in grants:
                connection.execute(sql.SQL(grant).format(role=sql.Identifier(role)))
        comment = sql.SQL("COMMENT ON TABLE schema_migrations IS {}")
        connection.execute(comment.format(sql.Literal(f"{_MARK}{scale}")))
    # Without statistics the first queries, and a backup's digests, would be planned blindly.
    with psycopg.connect(owner_uri, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return LoadResult(loaded=True, scale=scale, rows=rows, seconds=time.monotonic() - begin)


def _loaded_scale(connection: psycopg.Connection) -> int | None:
    row = connection.execute(
        "SELECT obj_description(to_regclass('public.schema_migrations'), 'pg_class')"
    ).fetchone()
    mark = str(row[0]) if row else ""
    return int(mark.removeprefix(_MARK)) if mark.startswith(_MARK) else None


def _copy(connection: psycopg.Connection, name: str, size: Size) -> int:
    columns, generate = _TABLES[name]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    with connection.cursor().copy(statement) as copy:
        for row in generate(size, Draw(name)):
            copy.write_row(row)
            count += 1
    return count

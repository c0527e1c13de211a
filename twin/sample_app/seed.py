"""Load the sample platform's schema, rows and grants into an empty database, in one transaction."""

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
_COMMENT_PREFIX = "Sample data, scale "
_APPLICATION_GRANTS: tuple[LiteralString, ...] = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}",
    # The application must not change the history of the schema and the audit trail.
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
    """The result of a load. `scale` is that of the rows in the database, perhaps from an earlier load."""

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
    on_progress: Callable[[str], None] = lambda _: None,
) -> LoadResult:
    """
    Load the sample, unless the database has it already, at any scale.

    One transaction loads everything, so an interrupted load leaves an empty database. Rows are streamed:
    memory doesn't grow with `scale` (about 6,000 rows per unit). `on_progress` is called with each table's
    name.

    Raises:
        psycopg.Error: the database refused a statement, for example because a table exists already.
    """
    begin = time.monotonic()
    with psycopg.connect(owner_uri) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('sample platform'))")
        if (loaded_scale := _read_loaded_scale(connection)) is not None:
            return LoadResult(loaded=False, scale=loaded_scale, rows=0, seconds=time.monotonic() - begin)
        connection.execute((_FOLDER / "schema.sql").read_bytes())
        rows = 0
        for name in _TABLES:
            on_progress(name)
            rows += _copy_rows(connection, name, Size(scale))
        on_progress("constraints")
        connection.execute((_FOLDER / "constraints.sql").read_bytes())
        for role, grants in ((application_role, _APPLICATION_GRANTS), (backup_role, _BACKUP_GRANTS)):
            for grant in grants:
                connection.execute(sql.SQL(grant).format(role=sql.Identifier(role)))
        comment = sql.SQL("COMMENT ON TABLE schema_migrations IS {}")
        connection.execute(comment.format(sql.Literal(f"{_COMMENT_PREFIX}{scale}")))
    # The planner needs statistics for the first queries and for the checksums of a backup.
    with psycopg.connect(owner_uri, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return LoadResult(loaded=True, scale=scale, rows=rows, seconds=time.monotonic() - begin)


def _read_loaded_scale(connection: psycopg.Connection) -> int | None:
    row = connection.execute(
        "SELECT obj_description(to_regclass('public.schema_migrations'), 'pg_class')"
    ).fetchone()
    comment = str(row[0]) if row else ""
    return int(comment.removeprefix(_COMMENT_PREFIX)) if comment.startswith(_COMMENT_PREFIX) else None


def _copy_rows(connection: psycopg.Connection, name: str, size: Size) -> int:
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

"""`/health` turns red while the application can't reach its database, and green again afterwards."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from core.failure import Failure
from policies.framework.controls import Control
from readiness.api_answers import parse_answer
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import DatabaseAccess, LivePlatform
from recovery.postgres.connection import explain_errors

LONGEST_SECONDS = 10.0
"""How long /health may take to notice."""

_PAUSE_SECONDS: Final = 0.25
_MOST_REQUESTS: Final = 150
_MAY_CONNECT: Final = "SELECT pg_catalog.has_database_privilege(%(role)s, current_database(), 'CONNECT')"
_CONNECTIONS: Final = """
    SELECT pid FROM pg_catalog.pg_stat_activity WHERE usename = %(role)s AND datname = current_database()
"""
_GRANTEES: Final[LiteralString] = """
    SELECT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee) END
    FROM pg_catalog.pg_database d,
        pg_catalog.aclexplode(coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
    WHERE d.datname = current_database() AND a.privilege_type = 'CONNECT'
        AND (a.grantee = 0 OR pg_catalog.pg_get_userbyid(a.grantee) = %(role)s)
"""


def _look(platform: LivePlatform) -> Observation:
    if not platform.databases:
        raise NotApplicableError("the stack has no database whose application can be cut off")
    if not platform.apis:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    seen = Observation()
    for name, database in platform.databases.items():
        begin = time.monotonic()
        with _cut(database) as left:
            red = _wait(platform, is_red=True)
        shown = f"{time.monotonic() - begin:.1f} s" if red else "never"
        green = _wait(platform, is_red=False)
        seen.measured[f"red without {name}"] = shown
        seen.measured[f"green with {name}"] = "yes" if green else "no"
        open_still = f"; {left} open connections could not be ended" if left else ""
        seen.expect(red, f"/health stays green while {name} refuses the application{open_still}")
        seen.expect(green, f"/health stays red after {name} takes the application again")
    return seen


@contextmanager
def _cut(database: DatabaseAccess) -> Generator[int]:
    """
    Refuse connections to the database while the block runs.

    Yields the number of the application's open connections that the owner may not end.
    """
    with database.open_owner() as connection:
        granted = _list_grantees(connection, database.application_role)
        if not granted:
            raise Failure(
                f"{database.application_role} may not connect to its database already.",
                "GRANT CONNECT ON DATABASE it TO PUBLIC, if this was interrupted here before.",
            )
        try:
            _change(connection, "REVOKE CONNECT ON DATABASE {} FROM {}", granted)
            if _list_grantees(connection, database.application_role):
                raise Failure(
                    f"{database.application_role} may connect whatever the owner revokes.",
                    "take its other rights on the database away.",
                )
            yield _end_connections(connection, database.application_role)
        finally:
            _change(connection, "GRANT CONNECT ON DATABASE {} TO {}", granted)


def _list_grantees(connection: psycopg.Connection, role: str) -> list[str]:
    """Return by whose right a role may connect: its own or everybody's; empty if it may not."""
    with explain_errors(connection, "read who may connect"):
        may = connection.execute(_MAY_CONNECT, {"role": role}).fetchone()
        rows = connection.execute(_GRANTEES, {"role": role}).fetchall()
    found = [str(row[0]) for row in rows]
    return found or ["PUBLIC"] if may and may[0] else []


def _end_connections(connection: psycopg.Connection, role: str) -> int:
    """End the role's connections to the database; return how many are left."""
    with explain_errors(connection, "list the connections"):
        processes = connection.execute(_CONNECTIONS, {"role": role}).fetchall()
    left = 0
    for (process,) in processes:
        try:
            connection.execute("SELECT pg_catalog.pg_terminate_backend(%s)", [process])
        except psycopg.errors.InsufficientPrivilege:
            left += 1
    return left


def _change(connection: psycopg.Connection, statement: LiteralString, grantees: list[str]) -> None:
    whom = sql.SQL(", ").join(
        sql.SQL("PUBLIC") if one == "PUBLIC" else sql.Identifier(one) for one in grantees
    )
    with explain_errors(connection, "change who may connect"):
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL(statement).format(name, whom))


def _wait(platform: LivePlatform, *, is_red: bool) -> bool:
    """Wait until every API answers so; return whether they do."""
    ends = time.monotonic() + LONGEST_SECONDS
    while True:
        states = [_is_red(platform, f"{service.url}{api.health}") for service, api in platform.apis.values()]
        if all(state == is_red for state in states):
            return True
        if time.monotonic() > ends:
            return False
        time.sleep(_PAUSE_SECONDS)


def _is_red(platform: LivePlatform, address: str) -> bool:
    answer = platform.reader.send("GET", address)
    body = parse_answer(answer)
    return answer.status >= 500 and (body is None or str(body.get("status")).lower() != "ok")


CHECK: Final = ReadinessCheck(
    id="health-turns-red",
    title="/health turns red without the database, and green again with it",
    area="health",
    priority="critical",
    looks_at=(
        "`api.health` while the database refuses the application (REVOKE CONNECT, and its open connections "
        "are ended), and after that. On staging and the twin alone. If it is killed half-way: GRANT CONNECT "
        "ON DATABASE it TO PUBLIC."
    ),
    risk="The database is gone and every monitor is green, until a user writes.",
    fix="Let /health open a connection and ask the database, and answer 503 where that fails.",
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.NIST_CP_4),
    look=_look,
    is_active=True,
    spares_production=True,
    count_requests=lambda _platform: _MOST_REQUESTS,
    limit_seconds=90.0,
)

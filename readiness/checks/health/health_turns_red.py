"""`/health` turns red while the application can't reach its database, and green again afterwards."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import sql

from core.failure import Failure
from policies.framework.controls import Control
from readiness.api_answers import parse_answer
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import DatabaseAccess, LivePlatform

_LONGEST_SECONDS: Final = 15.0
_PAUSE_SECONDS: Final = 0.25
_MOST_REQUESTS: Final = 150


def _look(platform: LivePlatform) -> Observation:
    if not platform.databases:
        raise NotApplicableError("the stack has no database whose application can be cut off")
    if not platform.apis:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    seen = Observation()
    for name, database in platform.databases.items():
        begin = time.monotonic()
        with _cut(database):
            red = _wait(platform, is_red=True)
        shown = f"{time.monotonic() - begin:.1f} s" if red else "never"
        green = _wait(platform, is_red=False)
        seen.measured[f"red without {name}"] = shown
        seen.measured[f"green with {name}"] = "yes" if green else "no"
        seen.expect(red, f"/health stays green while {name} refuses the application")
        seen.expect(green, f"/health stays red after {name} takes the application again")
    return seen


@contextmanager
def _cut(database: DatabaseAccess) -> Generator[None]:
    """Refuse the application's new connections while the block runs; those that are open go on."""
    role = sql.Identifier(database.application_role)
    with database.open_owner() as connection:
        try:
            connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(role))
        except psycopg.Error as error:
            raise Failure(
                f"The owner may not refuse {database.application_role}'s connections.",
                "give it CREATEROLE and the application's role as an administrator.",
            ) from error
        try:
            yield
        finally:
            connection.execute(sql.SQL("ALTER ROLE {} LOGIN").format(role))


def _wait(platform: LivePlatform, *, is_red: bool) -> bool:
    """Wait until every API answers so; return whether they do."""
    ends = time.monotonic() + _LONGEST_SECONDS
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
        "`api.health` while the database refuses the application's role (NOLOGIN), and after that. On "
        "staging and the twin alone. If this is killed half-way: ALTER ROLE the application's role "
        "LOGIN."
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

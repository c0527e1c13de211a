"""What the drill asserts of a recovered database holds in the live one: every migration is in."""

from typing import Final

import psycopg

from components.settings import AssertionSettings
from core.failure import Failure
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.database_queries import STATEMENT_SECONDS, list_databases
from readiness.live_platform import LivePlatform


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for name, database in list_databases(platform):
        drill = platform.settings.databases[name].drill
        assertions = drill.assertions if drill else ()
        if not assertions:
            continue
        with database.open_owner() as connection:
            for assertion in assertions:
                actual = _ask(connection, assertion)
                seen.measured[f"{name}: {assertion.name}"] = f"{actual}, expected {assertion.expected}"
                holds = actual == assertion.expected
                seen.expect(holds, f"{name}: {assertion.name}: {actual}, not {assertion.expected}")
    if not seen.measured:
        raise NotApplicableError("no database declares assertions (`drill.assertions` in bulwark:stores)")
    return seen


def _ask(connection: psycopg.Connection, assertion: AssertionSettings) -> object:
    """Return the first value of an assertion's query, which is of the stack's settings."""
    try:
        with connection.transaction():
            connection.execute("SET TRANSACTION READ ONLY")
            connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'".encode())
            row = connection.execute(assertion.sql.encode()).fetchone()
    except psycopg.Error as error:
        raise Failure(
            f"The assertion {assertion.name} can't be asked ({type(error).__name__}).",
            "try its statement as the database's owner.",
        ) from error
    return row[0] if row else None


CHECK: Final = ReadinessCheck(
    id="data-are-as-declared",
    title="Migrations are at head, and the data are as declared",
    area="health",
    priority="high",
    looks_at=(
        "Each of `drill.assertions` in the live database, read only: the last migration, and what must "
        "always hold."
    ),
    risk=(
        "The code runs on tables that it does not expect, or data are damaged already and every backup "
        "keeps that."
    ),
    fix="Run the migrations that are missing; where data are damaged, see docs/runbooks/corruption.md.",
    controls=(Control.SOC_CC8_1, Control.NIST_CM_3),
    look=_look,
    limit_seconds=120.0,
)

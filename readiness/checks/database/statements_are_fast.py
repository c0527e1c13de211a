"""No frequent statement of the application is slow."""

from typing import Final, LiteralString

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.database_queries import fetch_rows, list_databases
from readiness.live_platform import LivePlatform

_SLOW_MILLISECONDS: Final = 100
"""From where the reference platform's own monitoring calls a query slow."""

_FEWEST_CALLS: Final = 20
_IS_THERE: Final[LiteralString] = "SELECT pg_catalog.to_regclass('pg_stat_statements') IS NOT NULL"
_SLOW: Final[LiteralString] = """
    SELECT s.queryid::text, s.calls, s.mean_exec_time FROM pg_stat_statements s
    JOIN pg_catalog.pg_roles r ON r.oid = s.userid JOIN pg_catalog.pg_database d ON d.oid = s.dbid
    WHERE r.rolname = %(role)s AND d.datname = current_database() AND s.calls >= %(calls)s
    ORDER BY s.mean_exec_time DESC LIMIT 5
"""
"""Without the texts of the statements, which may hold data."""


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for name, database in list_databases(platform):
        with database.open_owner() as connection:
            [(is_there,)] = fetch_rows(connection, "look for pg_stat_statements", _IS_THERE)
            if not is_there:
                continue
            rows = fetch_rows(
                connection,
                "read the statistics of statements",
                _SLOW,
                {"role": database.application_role, "calls": _FEWEST_CALLS},
            )
        slowest = f"{rows[0][2]:.0f} ms on average" if rows else "none was called often enough"
        seen.measured[f"slowest statement of {name}"] = slowest
        seen.problems += [
            f"{name}: the statement {identity} takes {mean:.0f} ms on average, {calls} times"
            for identity, calls, mean in rows
            if mean > _SLOW_MILLISECONDS
        ]
    if not seen.measured:
        raise NotApplicableError("no database has the extension pg_stat_statements")
    return seen


CHECK: Final = ReadinessCheck(
    id="statements-are-fast",
    title="No frequent statement is slow",
    area="monitoring",
    priority="medium",
    looks_at="The mean time of the application's statements by pg_stat_statements; 100 ms are allowed.",
    risk="One statement without an index takes the database from all others, first at a peak.",
    fix=(
        "CREATE EXTENSION pg_stat_statements where it is missing; find the statement by its queryid "
        "there, and EXPLAIN it."
    ),
    controls=(Control.NIST_SI_4,),
    look=_look,
    limit_seconds=90.0,
)

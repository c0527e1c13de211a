"""The database has connections left for a deployment and for a peak."""

from typing import Final, LiteralString

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.database_queries import fetch_rows, list_databases
from readiness.live_platform import LivePlatform

_MOST_SHARE: Final = 0.8
_CONNECTIONS: Final[LiteralString] = """
    SELECT
        pg_catalog.current_setting('max_connections')::int
            - pg_catalog.current_setting('superuser_reserved_connections')::int,
        (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datid IS NOT NULL),
        (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = %(role)s),
        (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = %(role)s)
"""


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for name, database in list_databases(platform):
        role = database.application_role
        with database.open_owner() as connection:
            [(most, used, own_most, own_used)] = fetch_rows(
                connection, "count the connections", _CONNECTIONS, {"role": role}
            )
        seen.measured[f"connections of {name}"] = f"{used} of {most}"
        seen.expect(used <= _MOST_SHARE * most, f"{name}: {used} of {most} connections are in use")
        if own_most is not None and own_most >= 0:
            seen.measured[f"connections of {role} in {name}"] = f"{own_used} of {own_most}"
            full = own_used >= _MOST_SHARE * own_most
            seen.expect(not full, f"{name}: {own_used} of the {own_most} connections of {role} are in use")
    return seen


CHECK: Final = ReadinessCheck(
    id="connections-are-left",
    title="The database has connections left",
    area="health",
    priority="high",
    looks_at=(
        "Open connections beside max_connections and the limit of the application's role; 80 % may be in use."
    ),
    risk=(
        "The next deployment, which opens new connections before the old ones end, is refused, and so "
        "are users."
    ),
    fix=(
        "Use the pooler's address, make the application's pool smaller, or let the database have more "
        "compute."
    ),
    controls=(Control.NIST_SC_5, Control.NIST_SI_13),
    look=_look,
    limit_seconds=90.0,
)

"""The application's role changes rows, and neither tables nor roles."""

from typing import Any, Final, LiteralString

import psycopg

from core.failure import Failure
from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.database_queries import fetch_rows, list_databases
from readiness.live_platform import LivePlatform

_ATTRIBUTES: Final[dict[str, str]] = {
    "rolsuper": "is a superuser",
    "rolcreaterole": "makes roles",
    "rolcreatedb": "makes databases",
    "rolreplication": "copies the whole server",
    "rolbypassrls": "sees rows that row-level security hides",
}
_ROLE: Final[LiteralString] = """
    SELECT bool_or(m.rolsuper), bool_or(m.rolcreaterole), bool_or(m.rolcreatedb),
        bool_or(m.rolreplication), bool_or(m.rolbypassrls)
    FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_roles m ON pg_catalog.pg_has_role(r.oid, m.oid, 'MEMBER')
    WHERE r.rolname = %(role)s AND (m.oid = r.oid OR NOT r.rolsuper)
"""
"""
Also what it may become by a membership: each role of Neon's API is a member of neon_superuser, which has all
of it but SUPERUSER, and nobody there can take that away (Neon, "Manage roles").
"""

_OWNED: Final[LiteralString] = """
    SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm', 'v', 'S') AND n.nspname NOT LIKE 'pg\\_%%'
        AND n.nspname <> 'information_schema'
        AND pg_catalog.pg_has_role(%(role)s, c.relowner, 'MEMBER')
    ORDER BY 1 LIMIT 5
"""
_SCHEMAS: Final[LiteralString] = """
    SELECT pg_catalog.format('%%I', n.nspname) FROM pg_catalog.pg_namespace n
    WHERE n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
        AND pg_catalog.has_schema_privilege(%(role)s, n.oid, 'CREATE')
    ORDER BY 1 LIMIT 5
"""
_TRUNCATED: Final[LiteralString] = """
    SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'
        AND pg_catalog.has_table_privilege(%(role)s, c.oid, 'TRUNCATE')
        AND NOT pg_catalog.pg_has_role(%(role)s, c.relowner, 'MEMBER')
    ORDER BY 1 LIMIT 5
"""


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for name, database in list_databases(platform):
        with database.open_owner() as connection:
            _judge(seen, connection, name, database.application_role)
    return seen


def _judge(seen: Observation, connection: psycopg.Connection, name: str, role: str) -> None:
    def fetch(query: LiteralString) -> list[tuple[Any, ...]]:
        return fetch_rows(connection, "read the rights of the application's role", query, {"role": role})

    [held] = fetch(_ROLE)
    if held[0] is None:
        raise Failure(f"The database {name} has no role {role}.", "see `application_role` in bulwark:stores.")
    attributes = [text for has, text in zip(held, _ATTRIBUTES.values(), strict=True) if has]
    owned, schemas, truncated = (
        [str(row[0]) for row in fetch(query)] for query in (_OWNED, _SCHEMAS, _TRUNCATED)
    )
    found = [
        *attributes,
        *([f"owns {', '.join(owned)}"] if owned and not held[0] else []),
        *([f"makes tables in {', '.join(schemas)}"] if schemas and not held[0] else []),
        *([f"empties {', '.join(truncated)}"] if truncated and not held[0] else []),
    ]
    seen.measured[f"{role} in {name}"] = "; ".join(found or ["changes rows"])
    seen.problems += [f"{role} {text} (database {name})" for text in found]


CHECK: Final = ReadinessCheck(
    id="application-has-few-rights",
    title="The application's role changes rows, and neither tables nor roles",
    area="security",
    priority="high",
    looks_at=(
        "Attributes and memberships of `application_role`, the tables that it owns, the schemas in which it "
        "makes tables, and the tables that it may TRUNCATE."
    ),
    risk="A hole in the application, or a tool with its address, drops tables or hides what it did.",
    fix=(
        "Let the stack make the role: one of Neon's API has all of these attributes. Let migrations run as "
        "the owner, and grant SELECT, INSERT, UPDATE and DELETE to the application's role alone."
    ),
    controls=(Control.SOC_CC6_3, Control.NIST_AC_6, Control.CIS_3_3),
    look=_look,
    limit_seconds=90.0,
)

"""Names of drills, and the checks by which a drill writes to, damages or removes nothing but its own."""

import re
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from core.failure import Failure
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import ScenarioKind
from recovery.postgres.connection import is_same_database

_NAME: Final = re.compile(
    r"drill-(?:corruption|loss|replica|elsewhere|files|state|credentials|service)-(\d{8}t\d{6}z)-[0-9a-f]{4}"
)
_TIME_FORMAT: Final = "%Y%m%dt%H%M%Sz"


def new_name(kind: ScenarioKind, now: datetime) -> str:
    """Return a name for a drill's stack and its resources at the vendor. Names sort by kind and time."""
    return f"drill-{kind}-{now.strftime(_TIME_FORMAT)}-{token_hex(2)}"


def is_drill_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def age_of(name: str, now: datetime) -> timedelta:
    """Return how long ago the drill of this name began."""
    match = _NAME.fullmatch(name)
    if not match:
        raise ValueError(f"{name} is no drill's name")
    return now - datetime.strptime(match[1], _TIME_FORMAT).replace(tzinfo=UTC)


def read_only_url(url: str) -> str:
    """Return a URL with which the server refuses every write."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = f"{query.get('options', '')} -c default_transaction_read_only=on".strip()
    return parts._replace(query=urlencode(query, quote_via=quote)).geturl()


def require_throw_away(database: RecoveredDatabase, source_url: str) -> None:
    """
    Check that a database is a drill's, and not the one that the platform runs on, if that one is known.

    Raises:
        Failure: it is not, or that can't be determined.
    """
    if not is_drill_name(database.name):
        raise Failure(f"{database.name} is no drill's name.", "nothing was changed; look at what made it.")
    for url in (database.owner_url, database.application_url):
        if source_url and is_same_database(source_url, url):
            raise Failure(
                "The drill's target is the database that the platform runs on.",
                "nothing was changed; look at the outputs of the drill's stack.",
            )

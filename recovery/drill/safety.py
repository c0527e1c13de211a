"""What is looked at before anything is written, damaged or removed: is it the drill's own?"""

import re
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from core.failure import Failure
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import ScenarioKind
from recovery.postgres.connection import same_server


def read_only(url: str) -> str:
    """Return the address with which the server itself refuses every write."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    query["options"] = f"{query.get('options', '')} -c default_transaction_read_only=on".strip()
    return parts._replace(query=urlencode(query, quote_via=quote)).geturl()


def require_throw_away(copy: RecoveredDatabase, source_url: str) -> None:
    """
    See to it that `copy` is a drill's and not what the platform runs on.

    Raises:
        Failure: it is not, or that can't be known.
    """
    if not is_a_drills(copy.name):
        raise Failure(f"{copy.name} is no drill's name.", "nothing was changed; look at what made it.")
    for url in (copy.owner_url, copy.application_url):
        if same_server(source_url, url):
            raise Failure(
                "The drill's target is the database that the platform runs on.",
                "nothing was changed; look at the outputs of the drill's stack.",
            )


_NAME: Final = re.compile(r"drill-(?:corruption|loss|replica|files|state)-(\d{8}t\d{6}z)-[0-9a-f]{4}")
_STAMP: Final = "%Y%m%dt%H%M%Sz"


def new(kind: ScenarioKind, now: datetime) -> str:
    """Return a name that sorts by time; it is that of the stack and of what the vendor has."""
    return f"drill-{kind}-{now.strftime(_STAMP)}-{token_hex(2)}"


def is_a_drills(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def age(name: str, now: datetime) -> timedelta:
    """Return how long ago the drill of this name began."""
    found = _NAME.fullmatch(name)
    if not found:
        raise ValueError(f"{name} is no drill's name")
    return now - datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)

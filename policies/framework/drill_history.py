"""
The drills of a stack's stores: since when each is backed up, and when its last drill passed.

Rules don't use the network. So `./bulwark` reads the history from the vault and the stack's state, and passes
it to the pack in an environment variable. Without a readable value, the history is unknown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

VARIABLE: Final = "BULWARK_DRILLS"
"""Its value is JSON: `{"rehearsal": true}`, or `{"stores": {URN: {"since": TIME, "passed": TIME}}}`."""


@dataclass(frozen=True)
class StoreHistory:
    """One store: since when it is backed up, and when its last passed drill started; None means never."""

    since: datetime | None = None
    passed: datetime | None = None


@dataclass(frozen=True)
class DrillHistory:
    """The drills of all stores, as of `now`."""

    now: datetime
    rehearsal: bool = False
    """Whether the program runs against the twin, where nothing of production is deployed."""

    stores: Mapping[str, StoreHistory] = field(default_factory=dict[str, StoreHistory])
    """URN -> history. A store that is missing here was never deployed."""


def read(environment: Mapping[str, str], now: datetime) -> DrillHistory | None:
    """Return the history from the environment; None if it is missing or malformed."""
    try:
        document: Any = json.loads(environment[VARIABLE])
        if document == {"rehearsal": True}:
            return DrillHistory(now, rehearsal=True)
        stores = {
            urn: StoreHistory(since=_parse_time(store["since"]), passed=_parse_time(store["passed"]))
            for urn, store in document["stores"].items()
        }
        return DrillHistory(now, stores=stores)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def to_json(stores: Mapping[str, StoreHistory]) -> str:
    """Return the value of the environment variable for these stores."""
    return json.dumps(
        {
            "stores": {
                urn: {
                    "since": store.since.isoformat() if store.since else None,
                    "passed": store.passed.isoformat() if store.passed else None,
                }
                for urn, store in stores.items()
            }
        }
    )


REHEARSAL: Final = json.dumps({"rehearsal": True})


def _parse_time(text: str | None) -> datetime | None:
    """Return an ISO 8601 time in UTC. A time without a zone is UTC."""
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)

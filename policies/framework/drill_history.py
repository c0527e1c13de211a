"""
What is known of the drills of a stack's stores.

Rules reach no network, so whoever starts the engine says it: `./bulwark` reads it from the vault and the
stack's state, and hands it over in the environment. Where nobody does, or what they say can't be read,
nothing is known.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

VARIABLE: Final = "BULWARK_DRILLS"
"""Holds a document: `{"rehearsal": true}`, or `{"stores": {URN: {"since": TIME, "passed": TIME}}}`."""


@dataclass(frozen=True)
class StoreHistory:
    """One store: since when its backups are scheduled, and when a drill of it passed last; None: never."""

    since: datetime | None = None
    passed: datetime | None = None


@dataclass(frozen=True)
class Drills:
    """What is known at a moment."""

    now: datetime
    rehearsal: bool = False
    """Whether the program runs against the twin, where nothing of production is deployed."""

    stores: Mapping[str, StoreHistory] = field(default_factory=dict[str, StoreHistory])
    """URN -> its drills; what is not in it was never deployed."""


def read(environment: Mapping[str, str], now: datetime) -> Drills | None:
    """Return what was handed over; None where nothing was, or nothing that can be read."""
    try:
        found: Any = json.loads(environment[VARIABLE])
        if found == {"rehearsal": True}:
            return Drills(now, rehearsal=True)
        stores = {
            urn: StoreHistory(since=_moment(one["since"]), passed=_moment(one["passed"]))
            for urn, one in found["stores"].items()
        }
        return Drills(now, stores=stores)
    except (KeyError, ValueError, TypeError, AttributeError):
        return None


def written(stores: Mapping[str, StoreHistory]) -> str:
    """Return the document that hands this over."""
    return json.dumps(
        {
            "stores": {
                urn: {
                    "since": one.since.isoformat() if one.since else None,
                    "passed": one.passed.isoformat() if one.passed else None,
                }
                for urn, one in stores.items()
            }
        }
    )


REHEARSAL: Final = json.dumps({"rehearsal": True})


def _moment(text: str | None) -> datetime | None:
    """Return a moment in UTC; one without a zone is UTC."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)

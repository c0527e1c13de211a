"""
What a stack's stores were shown to survive, and when its platform was found ready.

Of each store: since when it is backed up, when its last drill passed, and when a backup was last proven. Of
the platform: since when it is deployed, and when `./bulwark ready` last passed.

Rules don't use the network. So `./bulwark` reads the history from the vault and the stack's state, and passes
it to the pack in an environment variable. Without a readable value, the history is unknown.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

VARIABLE: Final = "BULWARK_DRILLS"
"""
Its value is JSON: `{"rehearsal": true}`, or `{"stores": {URN: {"since": T, "passed": T, "proven": T}},
"readiness": {"since": T, "passed": T}}`. Each T is a time or null; `readiness` is left out by who knows
nothing of it.
"""

IS_RECENT: Final = "store-drill-is-recent"
"""The rule that refuses a deployment long after the last drill of a store."""

LONGEST_DAYS: Final = 15
"""How long after it, unless the stack's configuration is stricter."""

IS_READY: Final = "readiness-is-recent"
"""The rule that refuses a deployment long after the platform was last found ready."""

LONGEST_UNREADY_DAYS: Final = 8
"""How long after it, unless the stack's configuration is stricter."""

CLOCK_TOLERANCE: Final = timedelta(hours=1)
"""How far a time may be ahead of this machine's clock."""


REHEARSAL: Final = json.dumps({"rehearsal": True})


@dataclass(frozen=True)
class StoreHistory:
    """One store. None means never."""

    since: datetime | None = None
    """Since when it is backed up."""

    passed: datetime | None = None
    """When its last passed drill started, at the latest when the vault took the evidence."""

    proven: datetime | None = None
    """When its newest proven backup was last restored and compared."""


@dataclass(frozen=True)
class ReadinessHistory:
    """When the platform was found ready. None means never."""

    since: datetime | None = None
    """Since when it is deployed, and has a vault that keeps reports."""

    passed: datetime | None = None
    """When its last report that says so began, at the latest when the vault took it."""


@dataclass(frozen=True)
class DrillHistory:
    """The drills of all stores and the readiness of the platform, as of `now`."""

    now: datetime
    rehearsal: bool = False
    """Whether the program runs against the twin, where nothing of production is deployed."""

    stores: Mapping[str, StoreHistory] = field(default_factory=dict[str, StoreHistory])
    """URN -> history. A store that is missing here was never deployed."""

    readiness: ReadinessHistory | None = ReadinessHistory()
    """None: nobody says."""


def read(environment: Mapping[str, str], now: datetime) -> DrillHistory | None:
    """Return the history from the environment; None if it is missing or malformed."""
    text = environment.get(VARIABLE, "")
    if text == REHEARSAL:
        return DrillHistory(now, rehearsal=True)
    try:
        # The system limits how long a variable's value is. A reader with limits of its own needs libraries
        # that take a tenth of the pack's start.
        match json.loads(text):
            case {"stores": dict() as stores, **others} if others.keys() <= {"readiness"}:
                return DrillHistory(
                    now,
                    stores={urn: _parse_store(store) for urn, store in stores.items()},
                    readiness=_parse_readiness(others["readiness"]) if others else None,
                )
            case _:
                return None
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None


def to_json(stores: Mapping[str, StoreHistory], readiness: ReadinessHistory) -> str:
    """Return the value of the environment variable for these stores and the platform."""
    return json.dumps(
        {
            "stores": {
                urn: {
                    "since": _format_time(store.since),
                    "passed": _format_time(store.passed),
                    "proven": _format_time(store.proven),
                }
                for urn, store in stores.items()
            },
            "readiness": {
                "since": _format_time(readiness.since),
                "passed": _format_time(readiness.passed),
            },
        }
    )


def _parse_store(store: Any) -> StoreHistory:
    match store:
        case {"since": since, "passed": passed, "proven": proven, **others} if not others:
            return StoreHistory(_parse_time(since), _parse_time(passed), _parse_time(proven))
        case _:
            raise ValueError("no history of a store")


def _parse_readiness(readiness: Any) -> ReadinessHistory:
    match readiness:
        case {"since": since, "passed": passed, **others} if not others:
            return ReadinessHistory(_parse_time(since), _parse_time(passed))
        case _:
            raise ValueError("no history of a platform")


def _format_time(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _parse_time(text: str | None) -> datetime | None:
    """Return an ISO 8601 time in UTC. A time without a zone is UTC."""
    if text is None:
        return None
    time = datetime.fromisoformat(text)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)

"""The conditions of Sentry's alerts, each true, false, or None where the twin cannot know."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.host.time_scale import TimeScale
from twin.vendor.store import Attributes, Recorded

_AGE_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_INTERVAL_SECONDS = {
    "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400, "1w": 604800, "30d": 2592000,
}  # fmt: skip
_LEVELS = {"sample": 0, "debug": 10, "info": 20, "warning": 30, "error": 40, "fatal": 50}
_CATEGORIES = {"error": 1, "monitor_check_in_failure": 10, "uptime_domain_failure": 10}
"""Sentry's numbers for the categories error and outage."""


@dataclass(frozen=True)
class EvaluationContext:
    """What a condition is about. `history` returns the issue's recent events; `now` is Unix time."""

    issue: Attributes
    event: Attributes
    environment: str
    history: Callable[[], list[Recorded]]
    now: float
    pace: TimeScale


def holds(
    scene: EvaluationContext, logic: str, conditions: Iterable[Mapping[str, Any]]
) -> tuple[bool | None, list[str]]:
    """
    Combine conditions by all, any, any-short or none.

    Returns the verdict, None when it hangs on something unknown, and the conditions not evaluated.
    """
    answers: list[bool | None] = []
    unknown: list[str] = []
    for condition in conditions:
        name, asked = chosen(condition)
        evaluate = _CONDITIONS.get(name)
        answer = evaluate(scene, asked) if evaluate else None
        answers.append(answer)
        if answer is None:
            unknown.append(name)
    decisive, otherwise = (False, True) if logic == "all" else (True, False)
    if not answers:
        return True, []
    verdict = decisive if decisive in answers else None if unknown else otherwise
    return (not verdict if logic == "none" and verdict is not None else verdict), unknown


def chosen(item: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the one key that is set of a condition, trigger or action, with its value; {} counts as set."""
    return next(((key, value) for key, value in item.items() if value is not None), ("nothing", {}))


def matches(values: list[str], match: str, wanted: str) -> bool | None:
    """Compare as Sentry's match types do, letter case aside; a negative one asks it of every value."""
    found, wanted = [value.lower() for value in values], wanted.lower()
    listed = [item.strip() for item in wanted.split(",")]
    tests: dict[str, Callable[[str], bool]] = {
        "eq": lambda value: value == wanted,
        "co": lambda value: wanted in value,
        "sw": lambda value: value.startswith(wanted),
        "ew": lambda value: value.endswith(wanted),
        "is": lambda _value: True,
        "in": lambda value: value in listed,
    }
    negated = {"ne": "eq", "nc": "co", "nsw": "sw", "new": "ew", "ns": "is", "nin": "in"}
    if match in negated:
        return not any(map(tests[negated[match]], found))
    return any(map(tests[match], found)) if match in tests else None


def _tagged(event: Attributes, asked: Mapping[str, Any]) -> bool | None:
    tags: dict[str, str] = event["tags"]
    found = [value for key, value in tags.items() if key.lower() == str(asked["key"]).lower()]
    return matches(found, asked["match"], str(asked.get("value") or ""))


def _tagged_event(scene: EvaluationContext, asked: Mapping[str, Any]) -> bool | None:
    return _tagged(scene.event, asked)


def _event_attribute(scene: EvaluationContext, asked: Mapping[str, Any]) -> bool | None:
    found = scene.event["attributes"].get(asked["attribute"])
    return None if found is None else matches(found, asked["match"], str(asked.get("value") or ""))


def _level(scene: EvaluationContext, asked: Mapping[str, Any]) -> bool | None:
    have, wanted = _LEVELS.get(scene.event["level"], -1), int(asked["level"])
    return {"eq": have == wanted, "gte": have >= wanted, "lte": have <= wanted}.get(asked["match"])


def _age(scene: EvaluationContext, asked: Mapping[str, Any]) -> bool | None:
    age = scene.now - scene.issue["firstSeen"]
    limit = scene.pace.seconds(asked["value"] * _AGE_SECONDS[asked["time"]])
    return {"older": age > limit, "newer": age < limit}.get(asked["comparisonType"])


def _window(
    scene: EvaluationContext, asked: Mapping[str, Any], back_seconds: float = 0.0
) -> list[Attributes] | None:
    """Return the issue's events in the interval that ended `back_seconds` ago; None if that is unknown."""
    end = scene.now - back_seconds
    start = end - scene.pace.seconds(_INTERVAL_SECONDS[asked["interval"]])
    events = [
        event.entry
        for event in scene.history()
        if start
        <= event.unix_time
        <= end + 1.0  # the event at hand was recorded a moment after `now` was taken
        and scene.environment in {"", event.entry["environment"]}
    ]
    for wanted in asked.get("filters") or ():
        if not wanted.get("key"):
            return None
        events = [event for event in events if _tagged(event, wanted)]
    return events


def _frequency(scene: EvaluationContext, asked: Mapping[str, Any]) -> bool | None:
    """Sentry asks for more than `value`, not for as many."""
    events = _window(scene, asked)
    return None if events is None else len(events) > asked["value"]


def _frequency_increase(scene: EvaluationContext, asked: Mapping[str, Any]) -> bool | None:
    recent = _window(scene, asked)
    before = _window(scene, asked, scene.pace.seconds(_INTERVAL_SECONDS[asked["comparisonInterval"]]))
    if recent is None or before is None:
        return None
    return bool(before) and 100 * (len(recent) - len(before)) / len(before) > asked["value"]


def _user_frequency(scene: EvaluationContext, asked: Mapping[str, Any]) -> bool | None:
    events = _window(scene, asked)
    return None if events is None else len({event["user"] for event in events} - {""}) > asked["value"]


def _included(asked: Mapping[str, Any], *, same: bool) -> bool:
    return same if asked.get("include") is not False else not same


_CONDITIONS: Mapping[str, Callable[[EvaluationContext, Mapping[str, Any]], bool | None]] = {
    "ageComparison": _age,
    # The twin assigns no issue to anyone.
    "assignedTo": lambda _scene, asked: asked.get("targetType") in {None, "Unassigned"},
    "eventAttribute": _event_attribute,
    "eventFrequencyCount": _frequency,
    "eventFrequencyPercent": _frequency_increase,
    "eventUniqueUserFrequencyCount": _user_frequency,
    "issueCategory": lambda scene, asked: _included(
        asked, same=_CATEGORIES[scene.issue["type"]] == int(asked["value"])
    ),
    "issueOccurrences": lambda scene, asked: scene.issue["count"] >= asked["value"],
    "issuePriorityGreaterOrEqual": lambda scene, asked: scene.issue["priority"] >= asked["comparison"],
    "issueType": lambda scene, asked: _included(asked, same=scene.issue["type"] == asked["value"]),
    "level": _level,
    "taggedEvent": _tagged_event,
}

"""Evaluate the conditions of Sentry's alerts: each is true, false, or None if the twin can't evaluate it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twin.host.time_scale import TimeScale
from twin.vendor.store import Attributes, LogEntry

_AGE_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_INTERVAL_SECONDS = {
    "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400, "1w": 604800, "30d": 2592000,
}  # fmt: skip
_LEVELS = {"sample": 0, "debug": 10, "info": 20, "warning": 30, "error": 40, "fatal": 50}
_CATEGORIES = {"error": 1, "monitor_check_in_failure": 10, "uptime_domain_failure": 10}
"""Sentry's numbers for the categories error and outage."""


@dataclass(frozen=True)
class EvaluationContext:
    """The event and issue that conditions test. `history` returns the issue's events; `now` is Unix time."""

    issue: Attributes
    event: Attributes
    environment: str
    history: Callable[[], list[LogEntry]]
    now: float
    time_scale: TimeScale


def evaluate_conditions(
    context: EvaluationContext, logic: str, conditions: Iterable[Mapping[str, Any]]
) -> tuple[bool | None, list[str]]:
    """
    Combine conditions by the logic all, any, any-short or none.

    Returns the verdict, None if it depends on a condition that can't be evaluated, and the names of those.
    """
    answers: list[bool | None] = []
    unknown: list[str] = []
    for condition in conditions:
        name, settings = unwrap(condition)
        evaluate = _CONDITIONS.get(name)
        answer = evaluate(context, settings) if evaluate else None
        answers.append(answer)
        if answer is None:
            unknown.append(name)
    decisive, otherwise = (False, True) if logic == "all" else (True, False)
    if not answers:
        return True, []
    verdict = decisive if decisive in answers else None if unknown else otherwise
    return (not verdict if logic == "none" and verdict is not None else verdict), unknown


def unwrap(item: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return the only key of a condition, trigger or action that is not None, and its value."""
    return next(((key, value) for key, value in item.items() if value is not None), ("nothing", {}))


def match_values(values: list[str], match: str, wanted: str) -> bool | None:
    """Compare by a Sentry match type, without letter case. A negated type holds if no value matches."""
    values, wanted = [value.lower() for value in values], wanted.lower()
    options = [item.strip() for item in wanted.split(",")]
    tests: dict[str, Callable[[str], bool]] = {
        "eq": lambda value: value == wanted,
        "co": lambda value: wanted in value,
        "sw": lambda value: value.startswith(wanted),
        "ew": lambda value: value.endswith(wanted),
        "is": lambda _value: True,
        "in": lambda value: value in options,
    }
    negated = {"ne": "eq", "nc": "co", "nsw": "sw", "new": "ew", "ns": "is", "nin": "in"}
    if match in negated:
        return not any(map(tests[negated[match]], values))
    return any(map(tests[match], values)) if match in tests else None


def _match_tag(event: Attributes, settings: Mapping[str, Any]) -> bool | None:
    tags: dict[str, str] = event["tags"]
    values = [value for key, value in tags.items() if key.lower() == str(settings["key"]).lower()]
    return match_values(values, settings["match"], str(settings.get("value") or ""))


def _match_tagged_event(context: EvaluationContext, settings: Mapping[str, Any]) -> bool | None:
    return _match_tag(context.event, settings)


def _match_event_attribute(context: EvaluationContext, settings: Mapping[str, Any]) -> bool | None:
    values = context.event["attributes"].get(settings["attribute"])
    return (
        None if values is None else match_values(values, settings["match"], str(settings.get("value") or ""))
    )


def _compare_level(context: EvaluationContext, settings: Mapping[str, Any]) -> bool | None:
    level, wanted = _LEVELS.get(context.event["level"], -1), int(settings["level"])
    return {"eq": level == wanted, "gte": level >= wanted, "lte": level <= wanted}.get(settings["match"])


def _compare_age(context: EvaluationContext, settings: Mapping[str, Any]) -> bool | None:
    age = context.now - context.issue["firstSeen"]
    limit = context.time_scale.scale_seconds(settings["value"] * _AGE_SECONDS[settings["time"]])
    return {"older": age > limit, "newer": age < limit}.get(settings["comparisonType"])


def _list_events_in_window(
    context: EvaluationContext, settings: Mapping[str, Any], back_seconds: float = 0.0
) -> list[Attributes] | None:
    """Return the issue's events in the interval that ended `back_seconds` ago, None for an unknown filter."""
    end = context.now - back_seconds
    start = end - context.time_scale.scale_seconds(_INTERVAL_SECONDS[settings["interval"]])
    events = [
        event.content
        for event in context.history()
        if start <= event.unix_time <= end + 1.0  # the current event was recorded shortly after `now`
        and context.environment in {"", event.content["environment"]}
    ]
    for tag_filter in settings.get("filters") or ():
        if not tag_filter.get("key"):
            return None
        events = [event for event in events if _match_tag(event, tag_filter)]
    return events


def _exceeds_frequency(context: EvaluationContext, settings: Mapping[str, Any]) -> bool | None:
    """Return whether there are more than `value` events; as many don't suffice at Sentry."""
    events = _list_events_in_window(context, settings)
    return None if events is None else len(events) > settings["value"]


def _exceeds_frequency_increase(context: EvaluationContext, settings: Mapping[str, Any]) -> bool | None:
    recent = _list_events_in_window(context, settings)
    before = _list_events_in_window(
        context, settings, context.time_scale.scale_seconds(_INTERVAL_SECONDS[settings["comparisonInterval"]])
    )
    if recent is None or before is None:
        return None
    return bool(before) and 100 * (len(recent) - len(before)) / len(before) > settings["value"]


def _exceeds_user_frequency(context: EvaluationContext, settings: Mapping[str, Any]) -> bool | None:
    events = _list_events_in_window(context, settings)
    return None if events is None else len({event["user"] for event in events} - {""}) > settings["value"]


def _apply_include(settings: Mapping[str, Any], *, same: bool) -> bool:
    return same if settings.get("include") is not False else not same


_CONDITIONS: Mapping[str, Callable[[EvaluationContext, Mapping[str, Any]], bool | None]] = {
    "ageComparison": _compare_age,
    # The twin assigns no issue to anyone.
    "assignedTo": lambda _context, settings: settings.get("targetType") in {None, "Unassigned"},
    "eventAttribute": _match_event_attribute,
    "eventFrequencyCount": _exceeds_frequency,
    "eventFrequencyPercent": _exceeds_frequency_increase,
    "eventUniqueUserFrequencyCount": _exceeds_user_frequency,
    "issueCategory": lambda context, settings: _apply_include(
        settings, same=_CATEGORIES[context.issue["type"]] == int(settings["value"])
    ),
    "issueOccurrences": lambda context, settings: context.issue["count"] >= settings["value"],
    "issuePriorityGreaterOrEqual": lambda context, settings: (
        context.issue["priority"] >= settings["comparison"]
    ),
    "issueType": lambda context, settings: _apply_include(
        settings, same=context.issue["type"] == settings["value"]
    ),
    "level": _compare_level,
    "taggedEvent": _match_tagged_event,
}

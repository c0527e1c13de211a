"""
Event patterns of Amazon EventBridge: whether one matches an event.

It knows the comparisons that this project's patterns use; a pattern with another one is refused, so that none
is judged by a guess.

Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

MOST_CHARACTERS: Final = 2048
"""EventBridge's quota of a pattern's length, unless a higher one was asked for (EventBridge, "Quotas")."""

_OR: Final = "$or"
_TEXT_COMPARISONS: Final = ("prefix", "suffix", "wildcard")


EventValue = tuple[tuple[str, ...], type, Any]
"""The path of a value in an event, its type (in Python, True is 1; in JSON it is not), and the value."""


class EventPatternError(ValueError):
    """A text is no event pattern, or has a comparison that this module does not know."""


def parse_pattern(text: str) -> Mapping[str, Any]:
    """
    Read an event pattern.

    Raises:
        EventPatternError: it is none, or one that can't be judged here.
    """
    try:
        pattern = json.loads(text)
    except (ValueError, RecursionError):
        raise EventPatternError("it is no JSON") from None
    _check_node(pattern)
    return pattern


def matches_event(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Tell whether an event matches a pattern that `parse_pattern` returned."""
    return all(
        any(matches_event(branch, event) for branch in expected)
        if name == _OR
        else _matches_field(expected, event, name)
        for name, expected in pattern.items()
    )


def split_pattern(pattern: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return patterns of which one matches just what this one does, without its outermost `$or`."""
    rest = {name: expected for name, expected in pattern.items() if name != _OR}
    # A branch with a field that is also beside the `$or` would replace it.
    if not pattern.get(_OR) or any(rest.keys() & branch.keys() for branch in pattern[_OR]):
        return [pattern]
    return [{**branch, **rest} for branch in pattern[_OR]]


def find_demanded_values(pattern: Mapping[str, Any]) -> frozenset[EventValue]:
    """
    Return values one of which every event has that matches a pattern; none if there are no such values.

    Of several such sets it is the one whose values lie deepest, which the fewest events have.
    """
    return max(_list_demands(pattern, ()), key=_depth_of, default=frozenset())


def list_values(event: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[EventValue]:
    """Yield the values of an event, each with its path."""
    for name, value in event.items():
        path = (*above, name)
        if isinstance(value, dict):
            yield from list_values(cast("dict[str, Any]", value), path)
        else:
            for item in cast("list[Any]", value) if isinstance(value, list) else [value]:
                yield path, type(item), item


def _list_demands(pattern: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[frozenset[EventValue]]:
    for name, expected in pattern.items():
        path = (*above, name)
        if name == _OR:
            branches = [max(_list_demands(one, above), key=_depth_of, default=None) for one in expected]
            if None not in branches:
                yield frozenset().union(*filter(None, branches))
        elif isinstance(expected, dict):
            yield from _list_demands(cast("dict[str, Any]", expected), path)
        elif not any(isinstance(comparison, dict) for comparison in expected):
            yield frozenset((path, type(value), value) for value in expected)


def _depth_of(values: frozenset[EventValue]) -> int:
    return min((len(path) for path, _, _ in values), default=0)


def _matches_field(expected: Any, event: Mapping[str, Any], name: str) -> bool:
    if isinstance(expected, dict):
        below: Any = event.get(name)
        # In a field that is missing, nothing but what must be missing matches.
        return matches_event(cast("dict[str, Any]", expected), below if isinstance(below, dict) else {})
    values: list[Any] = []
    exists = name in event
    if exists:
        value = event[name]
        if isinstance(value, dict):  # only the leaves of an event have values
            exists = False
        else:
            values = cast("list[Any]", value) if isinstance(value, list) else [value]
    return any(_compare(comparison, values, exists=exists) for comparison in expected)


def _compare(comparison: Any, values: list[Any], *, exists: bool) -> bool:
    if not isinstance(comparison, dict):
        # In Python, True is 1; in JSON it is not.
        return any(type(value) is type(comparison) and value == comparison for value in values)
    ((name, expected),) = cast("dict[str, Any]", comparison).items()
    if name == "exists":
        return exists == expected
    return any(isinstance(value, str) and _compare_text(name, expected, value) for value in values)


def _compare_text(name: str, expected: str, value: str) -> bool:
    if name == "wildcard":
        return _compile_wildcard(expected).fullmatch(value) is not None
    return value.startswith(expected) if name == "prefix" else value.endswith(expected)


@lru_cache(256)
def _compile_wildcard(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def _check_node(node: Any) -> None:
    if not isinstance(node, dict) or not node:
        raise EventPatternError("it is no object with fields")
    for name, expected in cast("dict[str, Any]", node).items():
        if name == _OR:
            branches = cast("list[Any]", expected) if isinstance(expected, list) else []
            if len(branches) < 2:
                raise EventPatternError("$or needs two patterns")
            for branch in branches:
                _check_node(branch)
        elif isinstance(expected, dict):
            _check_node(expected)
        elif isinstance(expected, list) and expected:
            for comparison in cast("list[Any]", expected):
                _check_comparison(comparison)
        else:
            raise EventPatternError(f"the values of {name!r} are no list")


def _check_comparison(comparison: Any) -> None:
    match comparison:
        case dict():
            entries = list(cast("dict[str, Any]", comparison).items())
            match entries:
                case [("exists", bool())]:
                    return
                case [(name, str())] if name in _TEXT_COMPARISONS:
                    return
                case _:
                    raise EventPatternError(f"its comparison {sorted(comparison)} is not known")
        case list():
            raise EventPatternError("a value is a list")
        case _:
            return

"""
Building blocks for the rules that a provider checks on a resource's inputs.

A path is dotted; `[]` means each element of a list or each value of a map: `actionFilters[].actions[].email`.
An unknown value passes; it is checked once it is known.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties

InputRule = Callable[[Properties], Iterator[InputRefusal]]


def find_values(inputs: Any, path: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (concrete path, value) for every known value at `path`."""
    if inputs is None or inputs is UNKNOWN:
        return
    if not path:
        yield prefix, inputs
        return
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]")
    if not isinstance(inputs, dict):
        return
    value: Any = inputs.get(name)
    here = f"{prefix}.{name}" if prefix else name
    if step == name:
        yield from find_values(value, rest, here)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from find_values(item, rest, f"{here}[{key!r}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from find_values(item, rest, f"{here}[{index}]")


def each(path: str, accept: Callable[[Any], bool], requirement: str) -> InputRule:
    """Require that `accept` is true of every value at `path`; `requirement` completes "must ..."."""

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, value in find_values(inputs, path):
            if not accept(value):
                yield InputRefusal(where, f"{where} must {requirement}, not {value!r}")

    return rule


def valid_json(path: str) -> InputRule:
    def accept(text: str) -> bool:
        try:
            json.loads(text)
        except ValueError:
            return False
        return True

    return each(path, accept, "be JSON")


def one_of(path: str, *allowed: str | int) -> InputRule:
    choice = ", ".join(map(repr, allowed)) if len(allowed) < 25 else f"{len(allowed)} known values"
    return each(path, lambda value: value in allowed, f"be one of {choice}")


def within(path: str, least: float, most: float | None = None) -> InputRule:
    requirement = f"be at least {least:g}" if most is None else f"be between {least:g} and {most:g}"
    return each(path, lambda value: value >= least and (most is None or value <= most), requirement)


def length(path: str, most: int, least: int = 0) -> InputRule:
    requirement = f"have {least} to {most} characters"

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, value in find_values(inputs, path):  # the value itself may be long, and secret
            if not least <= len(value) <= most:
                yield InputRefusal(where, f"{where} must {requirement}, not {len(value)}")

    return rule


def size(path: str, least: int, most: int = 1_000_000) -> InputRule:
    """Limit the number of elements of a list or map."""
    count = f"at least {least}" if most == 1_000_000 else f"{least} to {most}"

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, value in find_values(inputs, path):
            if not least <= len(value) <= most:
                yield InputRefusal(where, f"{where} must have {count} elements, not {len(value)}")

    return rule


def matches(path: str, pattern: str, requirement: str) -> InputRule:
    compiled = re.compile(pattern)
    return each(path, lambda value: compiled.fullmatch(str(value)) is not None, requirement)


def at_most_one(path: str, *names: str) -> InputRule:
    """Require that at most one of these properties (default: all) of the object at `path` is set."""

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, holder in find_values(inputs, path):
            present = [name for name in names or holder if is_set(holder, name)]
            if len(present) > 1:
                yield InputRefusal(
                    _join_path(where, present[1]),
                    f"{' and '.join(present)} exclude each other{_location(where)}",
                )

    return rule


def exactly_one(path: str, *names: str) -> InputRule:
    """Require that exactly one of these properties of the object at `path` is set."""
    check_at_most_one = at_most_one(path, *names)

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        yield from check_at_most_one(inputs)
        for where, holder in find_values(inputs, path):
            if all(holder.get(name) is None for name in names):
                yield InputRefusal(where, f"one of {', '.join(names)} is required{_location(where)}")

    return rule


def together(path: str, *names: str) -> InputRule:
    """Require that all or none of these properties of the object at `path` are set."""

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, holder in find_values(inputs, path):
            missing = [name for name in names if holder.get(name) is None]
            if 0 < len(missing) < len(names):
                yield InputRefusal(
                    _join_path(where, missing[0]),
                    f"{', '.join(names)} must be set together{_location(where)}",
                )

    return rule


def when(
    path: str,
    discriminator: str,
    *cases: str | bool,
    requires: tuple[str, ...] = (),
    forbids: tuple[str, ...] = (),
) -> InputRule:
    """In the object at `path`, require and forbid properties when `discriminator` is one of `cases`."""

    def condition(case: str | bool) -> str:
        return f"when {discriminator} is {case!r}"

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, holder in find_values(inputs, path):
            case = holder.get(discriminator)
            if case is UNKNOWN or case not in cases:
                continue
            for name in requires:
                if holder.get(name) is None:
                    yield InputRefusal(
                        _join_path(where, name), f"{_join_path(where, name)} is required {condition(case)}"
                    )
            for name in forbids:
                if is_set(holder, name):
                    yield InputRefusal(
                        _join_path(where, name), f"{_join_path(where, name)} is not allowed {condition(case)}"
                    )

    return rule


def is_set(holder: Properties, name: str) -> bool:
    """Tell whether a property is known and not null."""
    return holder.get(name) is not None and holder[name] is not UNKNOWN


def _join_path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _location(where: str) -> str:
    return f" in {where}" if where else ""

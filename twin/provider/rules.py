"""
The words that the providers' client-side rules are written in.

A path is dotted; `[]` goes into a list or the values of a map: `actionFilters[].actions[].email`. What is
unknown passes: it is judged when it is known.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties

InputRule = Callable[[Properties], Iterator[InputRefusal]]


def values_at(inputs: Any, path: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
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
    value: Any = inputs.get(name)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON
    here = f"{prefix}.{name}" if prefix else name
    if step == name:
        yield from values_at(value, rest, here)
    elif isinstance(value, dict):
        for key, item in value.items():  # pyright: ignore[reportUnknownVariableType] - JSON
            yield from values_at(item, rest, f"{here}[{key!r}]")
    elif isinstance(value, list):
        for index, item in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - JSON
            yield from values_at(item, rest, f"{here}[{index}]")


def each(path: str, accept: Callable[[Any], bool], wanted: str) -> InputRule:
    """Every value at `path` must be accepted; `wanted` completes "must ..."."""

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, value in values_at(inputs, path):
            if not accept(value):
                yield InputRefusal(where, f"{where} must {wanted}, not {value!r}")

    return rule


def is_json(path: str) -> InputRule:
    def accept(text: str) -> bool:
        try:
            json.loads(text)
        except ValueError:
            return False
        return True

    return each(path, accept, "be JSON")


def one_of(path: str, *allowed: str | int) -> InputRule:
    listed = ", ".join(map(repr, allowed)) if len(allowed) < 25 else f"one of {len(allowed)} known values"
    return each(path, lambda value: value in allowed, f"be {'one of ' if len(allowed) < 25 else ''}{listed}")


def within(path: str, least: float, most: float | None = None) -> InputRule:
    wanted = f"be at least {least:g}" if most is None else f"be between {least:g} and {most:g}"
    return each(path, lambda value: value >= least and (most is None or value <= most), wanted)


def length(path: str, most: int, least: int = 0) -> InputRule:
    wanted = f"have {least} to {most} characters"

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, value in values_at(inputs, path):  # the value itself may be long, and secret
            if not least <= len(value) <= most:
                yield InputRefusal(where, f"{where} must {wanted}, not {len(value)}")

    return rule


def size(path: str, least: int, most: int = 1_000_000) -> InputRule:
    """Count the elements of a list or map."""
    wanted = f"at least {least}" if most == 1_000_000 else f"{least} to {most}"

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, value in values_at(inputs, path):
            if not least <= len(value) <= most:
                yield InputRefusal(where, f"{where} must have {wanted} elements, not {len(value)}")

    return rule


def matches(path: str, pattern: str, wanted: str) -> InputRule:
    compiled = re.compile(pattern)
    return each(path, lambda value: compiled.fullmatch(str(value)) is not None, wanted)


def at_most_one(path: str, *names: str) -> InputRule:
    """Of these properties of the object at `path` at most one may be set."""

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, holder in values_at(inputs, path):
            given = [name for name in names or holder if is_set(holder, name)]
            if len(given) > 1:
                yield InputRefusal(
                    _below(where, given[1]), f"{' and '.join(given)} exclude each other{_in(where)}"
                )

    return rule


def exactly_one(path: str, *names: str) -> InputRule:
    """Of these properties of the object at `path` one must be set, and only one."""
    several = at_most_one(path, *names)

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        yield from several(inputs)
        for where, holder in values_at(inputs, path):
            if all(holder.get(name) is None for name in names):
                yield InputRefusal(where, f"one of {', '.join(names)} is required{_in(where)}")

    return rule


def together(path: str, *names: str) -> InputRule:
    """Either all or none of these properties of the object at `path` are set."""

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        for where, holder in values_at(inputs, path):
            missing = [name for name in names if holder.get(name) is None]
            if 0 < len(missing) < len(names):
                yield InputRefusal(
                    _below(where, missing[0]), f"{', '.join(names)} must be set together{_in(where)}"
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
        for where, holder in values_at(inputs, path):
            case = holder.get(discriminator)
            if case is UNKNOWN or case not in cases:
                continue
            for name in requires:
                if holder.get(name) is None:
                    yield InputRefusal(
                        _below(where, name), f"{_below(where, name)} is required {condition(case)}"
                    )
            for name in forbids:
                if is_set(holder, name):
                    yield InputRefusal(
                        _below(where, name), f"{_below(where, name)} is not allowed {condition(case)}"
                    )

    return rule


def is_set(holder: Properties, name: str) -> bool:
    """Tell whether a property is known and not null."""
    return holder.get(name) is not None and holder[name] is not UNKNOWN


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _in(where: str) -> str:
    return f" in {where}" if where else ""

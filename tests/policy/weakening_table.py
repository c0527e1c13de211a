"""
The table of weakenings, docs/weakenings.md: property, what is changed, and the rule that refuses it.

    PYTHONPATH=.:tests/policy python tests/policy/weakening_table.py > docs/weakenings.md
"""

import importlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from audit import ATTEMPTS
from case import Case
from mutations import DRILLS, MUTATIONS, SETTINGS, Mutation
from policy_harness import UNKNOWN, StackWithDrills, Toy, production
from weakened_values import GONE, REMOVED

from policies.properties import PROPERTIES
from policies.rules import AREAS

_PROPERTY_OF: Final = {rule: one.name for one in PROPERTIES for rule in one.rules}
_MOST_PARTS: Final = 3
_SHORT: Final = re.compile(r"[\w .:/*@?-]{1,40}")
_HEAD: Final = """# Weakenings

What production was tried with, and the rule that refuses it on the first preview of an empty stack. Each row
is one change of the recorded or the running program; the tests in `tests/policy` make them all. This file is
made from them: `PYTHONPATH=.:tests/policy python tests/policy/weakening_table.py > docs/weakenings.md`.
"""


class Row(NamedTuple):
    """A way to break a property, and the rule that refuses it."""

    property: str
    way: str
    rule: str


def list_rows() -> list[Row]:
    """Return all rows, each once, in the order of the properties and rules."""
    order = {name: number for number, name in enumerate(one.name for one in PROPERTIES)}
    rows = dict.fromkeys((*_from_audit(), *_from_mutations(), *_from_cases()))
    return sorted(rows, key=lambda row: (order[row.property], row.rule))


def render() -> str:
    """Return the Markdown of the table."""
    lines = [_HEAD]
    rows = list_rows()
    for one in PROPERTIES:
        own = [row for row in rows if row.property == one.name]
        if own:
            lines += [f"## {one.name}", "", "| what is changed | refused by |", "|---|---|"]
            lines += [f"| {row.way} | {row.rule} |" for row in own]
            lines.append("")
    return "\n".join(lines)


def _from_audit() -> Iterator[Row]:
    for one in ATTEMPTS:
        yield Row(_PROPERTY_OF[one.rule], one.does, one.rule)


def _from_mutations() -> Iterator[Row]:
    for one in MUTATIONS:
        yield Row(_PROPERTY_OF[one.rule], _describe_mutation(one), one.rule)


def _from_cases() -> Iterator[Row]:
    before = production()
    for area, rules in AREAS.items():
        for rule in rules:
            case: Case = importlib.import_module(f"cases.{area}.{rule.id.replace('-', '_')}").CASE
            for change in (*case.weak, *case.absent):
                yield Row(_PROPERTY_OF[rule.id], _describe_change(before, change(before)), rule.id)


def _describe_mutation(one: Mutation) -> str:
    if one.resource == DRILLS:
        return "what the drills have shown"
    if one.resource == SETTINGS:
        return f"setting `{one.field}`"
    if not one.field:
        return f"without `{one.resource}`" if one.value == REMOVED else f"`{one.resource}` of another type"
    value = f" is {_write(one.value)}" if _is_short(one.value) else ""
    return f"`{one.resource}`: `{one.field}`{' is left out' if one.value is GONE else value}"


def _describe_change(before: Sequence[Toy], after: Sequence[Toy]) -> str:
    """Return what differs between two stacks; resources that didn't change are the same objects."""
    if isinstance(after, StackWithDrills):
        return "what the drills have shown"
    old, new = {toy.name: toy for toy in before}, {toy.name: toy for toy in after}
    parts = [f"without `{name}`" for name in old if name not in new]
    parts += [f"with a {toy.type.rpartition(':')[2]}" for name, toy in new.items() if name not in old]
    for name in [name for name, toy in new.items() if name in old and toy is not old[name]]:
        parts += [f"`{name}`: {path}" for path in _describe_toy(old[name], new[name])]
    parts = list(dict.fromkeys(parts))
    if len(parts) > _MOST_PARTS:
        parts[_MOST_PARTS:] = [f"and {len(parts) - _MOST_PARTS} more"]
    return "; ".join(parts) or "nothing is declared"


def _describe_toy(old: Toy, new: Toy) -> list[str]:
    found = _find_paths(old.inputs, new.inputs, "")
    found += [f"option `{name}`" for name in new.options if new.options[name] != old.options.get(name)]
    if not found and old.provider != new.provider:
        return ["its provider"]
    return found or ["what its inputs are made from"]


def _find_paths(old: Any, new: Any, path: str) -> list[str]:
    old, new = _load(old), _load(new)
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            found
            for key in dict.fromkeys([*old, *new])
            if old.get(key) != new.get(key)
            for found in _find_paths(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [
            found
            for number, (one, other) in pairs
            if one != other
            for found in _find_paths(one, other, f"{path}[{_name_of(one, number)}]")
        ]
    short = f" is {_write(new)}" if _is_short(new) else " is left out" if new is None else ""
    return [f"`{path}`{short}"]


def _is_short(value: Any) -> bool:
    return isinstance(value, bool | float | int) or (
        isinstance(value, str) and bool(_SHORT.fullmatch(value)) and value != UNKNOWN
    )


def _write(value: Any) -> str:
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    return f"`{json.dumps(number)}`"


def _name_of(entry: Any, number: int) -> str:
    sid = entry.get("Sid") if isinstance(entry, dict) else None
    return str(sid or number)


def _load(value: Any) -> Any:
    """Return what a policy's text says, so that a change of one statement is seen as such."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


if __name__ == "__main__":
    sys.stdout.write(render())

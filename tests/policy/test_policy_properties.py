"""
The properties, and the table of ways to break each: property x way x rule that refuses.

The ways are the cases of the rules (tests/policy/cases), which run in test_policy_rules.py on production as a
first preview shows it, and the mutations of the program, which the real engine previews.
"""

import importlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from case import Case
from mutations import MUTATIONS
from weakening_table import list_rows, render

from policies.framework.closing_rules import CLOSING_RULES
from policies.properties import PROPERTIES, Property
from policies.rules import AREAS, RULES


class Weakening(NamedTuple):
    """One row: a way to break a property, and the rule that refuses it."""

    property: str
    way: str
    rule: str


_CLOSING: Final = {rule.id for rule in CLOSING_RULES}


def _list_ways() -> Iterator[tuple[str, str]]:
    """Yield (rule, way); each way is a different change, as the cases and mutations demand."""
    for area, rules in AREAS.items():
        for rule in rules:
            case: Case = importlib.import_module(f"cases.{area}.{rule.id.replace('-', '_')}").CASE
            for kind, changes in (("weak", case.weak), ("absent", case.absent)):
                yield from ((rule.id, f"{kind} {number}") for number in range(len(changes)))
    for mutation in MUTATIONS:
        yield mutation.rule, f"{mutation.resource} {mutation.field} {mutation.value!r}"


_PROPERTY_OF: Final = {rule: one.name for one in PROPERTIES for rule in one.rules}
TABLE: Final = [Weakening(_PROPERTY_OF[rule], way, rule) for rule, way in _list_ways()]


def test_every_rule_protects_one_property() -> None:
    named = Counter(rule for one in PROPERTIES for rule in one.rules)
    assert set(named) == {rule.id for rule in RULES} | _CLOSING
    assert set(named.values()) == {1}


def test_the_table_of_weakenings_is_long_and_has_no_row_twice() -> None:
    assert len(TABLE) >= 1_000
    assert len(set(TABLE)) == len(TABLE)


def test_the_table_of_weakenings_is_written_down() -> None:
    document = Path(__file__).parents[2] / "docs" / "weakenings.md"
    assert document.read_text() == render(), "run: tests/policy/weakening_table.py, as it says"
    assert len(list_rows()) >= 250
    assert {row.property for row in list_rows()} == {one.name for one in PROPERTIES}


@pytest.mark.parametrize("one", PROPERTIES, ids=lambda one: one.name)
def test_a_property_is_broken_in_at_least_six_ways(one: Property) -> None:
    if set(one.rules) <= _CLOSING:
        return  # what breaks it is no resource: test_policy_settings, _ignored and _waivers
    ways = Counter(row.rule for row in TABLE if row.property == one.name)
    assert ways.total() >= 6
    assert set(ways) >= set(one.rules) - _CLOSING

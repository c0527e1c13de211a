"""Every rule, on production as the engine tells of it: weakened, absent, unknown, secret, waived."""

import importlib
import pkgutil
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import cases
import pytest
from case import Case, Change
from policy_harness import TODAY, Violation, find_toy, find_violations, production

from policies.facts.buckets import BUCKET
from policies.framework.closing_rules import CLOSING_RULES, WAIVERS_ARE_VALID
from policies.framework.controls import Control
from policies.framework.rule import Rule
from policies.rules import AREAS, RULES

_RULES: Final = {rule.id: rule for rule in RULES}
_CASES: Final[list[Case]] = [
    importlib.import_module(f"cases.{area}.{rule.id.replace('-', '_')}").CASE
    for area, rules in AREAS.items()
    for rule in rules
]


_NOTHING_TO_TRY: Final = {
    # That the resource is there decides.
    # What refuses is there, and named by what it depends on.
    "host-role-is-limited": {"absent", "unknown"},
    "no-long-lived-key": {"absent", "unknown", "secret"},
    "type-is-classified": {"absent", "unknown", "secret"},
    # Its provider and its options decide, and the engine knows them before any input.
    "provider-is-explicit": {"absent", "unknown", "secret"},
    "store-is-protected": {"unknown", "secret"},
    # Whoever owns no database that is declared may be given to whomever.
    "owner-role-is-given-to-nobody": {"absent"},
    # Whatever class is not declared is one that can be read at once.
    "vault-is-read-in-time": {"absent"},
    # A credential that isn't given, or isn't known yet, is none in clear.
    "secret-is-marked": {"absent"},
    "nothing-looks-like-a-secret": {"absent", "unknown"},
    # What the list's input is made of says whose it is.
    "role-policies-are-listed": {"unknown"},
    # What drills have shown is handed over, and no input.
    "readiness-is-recent": {"secret"},
    "store-drill-is-recent": {"secret"},
}
"""Rule -> the kinds of case that can't be, and why."""


def _changes(kind: str) -> list[object]:
    return [
        pytest.param(case, change, id=f"{case.rule}-{number}")
        for case in _CASES
        for number, change in enumerate(getattr(case, kind))
    ]


def _violations(case: Case, change: Change) -> list[Violation]:
    return find_violations(change(production()), [_RULES[case.rule]])


def test_every_rule_has_a_file_of_cases_where_the_rule_has_its_own() -> None:
    files = {
        (area.name, file.name)
        for area in pkgutil.iter_modules(cases.__path__)
        for file in pkgutil.iter_modules([str(Path(cases.__path__[0], area.name))])
    }
    assert files == {(area, rule.id.replace("-", "_")) for area, rules in AREAS.items() for rule in rules}
    assert [case.rule for case in _CASES] == list(_RULES)


def test_every_rule_is_tried_on_what_is_absent_unknown_and_secret() -> None:
    left_out = {
        case.rule: {kind for kind in ("absent", "unknown", "secret") if not getattr(case, kind)}
        for case in _CASES
    }
    assert {rule: kinds for rule, kinds in left_out.items() if kinds} == _NOTHING_TO_TRY


def test_production_passes_every_rule() -> None:
    assert find_violations(production()) == []


@pytest.mark.parametrize(("case", "change"), _changes("weak"))
def test_a_weakened_protection_is_refused(case: Case, change: Change) -> None:
    found = _violations(case, change)
    assert (case.rule, case.at, 1) in {(one.rule, one.resource, one.level) for one in found}
    assert not any("crashed" in one.message for one in found)


@pytest.mark.parametrize(("case", "change"), _changes("absent"))
def test_an_absent_protection_is_refused(case: Case, change: Change) -> None:
    found = _violations(case, change)
    assert (case.rule, case.at, 1) in {(one.rule, one.resource, one.level) for one in found}
    assert not any("crashed" in one.message for one in found)


@pytest.mark.parametrize(("case", "change"), _changes("unknown"))
def test_a_protection_that_a_preview_does_not_know_is_refused_as_undecided(
    case: Case, change: Change
) -> None:
    said = [one.message for one in _violations(case, change) if one.resource == case.at and one.level == 1]
    assert said
    assert all("could not be decided" in message for message in said)


@pytest.mark.parametrize(("case", "change"), _changes("secret"))
def test_a_secret_input_decides_like_a_plain_one(case: Case, change: Change) -> None:
    assert _violations(case, change) == []


@pytest.mark.parametrize(("case", "change"), _changes("fine"))
def test_another_way_to_comply_with_a_rule_passes(case: Case, change: Change) -> None:
    # A bucket that declares a setting itself, and not as a resource of its own, does not ignore it.
    stack = [
        replace(toy, options={**toy.options, "ignoreChanges": []}) if toy.type == BUCKET else toy
        for toy in production()
    ]
    assert find_violations(change(stack), [_RULES[case.rule]]) == []


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.rule)
def test_a_waiver_lets_a_violation_pass_and_shows_it_or_is_refused(case: Case, tmp_path: Path) -> None:
    rule = _RULES[case.rule]
    stack = case.weak[0](production())
    file = tmp_path / "waivers.yaml"
    refused = {one.resource for one in find_violations(stack, [rule])}
    for name in refused:
        with file.open("a") as lines:
            lines.write(
                f"- rule: {rule.id}\n  resource: {find_toy(stack, name).urn}\n"
                f"  reason: The replacement is being built\n  owner: operations\n  ticket: OPS-1\n"
                f"  created: {TODAY}\n  expires: {TODAY}\n"
            )
    found = find_violations(stack, [rule], waivers_file=file)
    if rule.waivable:
        assert {(one.rule, one.level) for one in found} == {("waived", 0)}
        assert all(f"{rule.id} is WAIVED until {TODAY}" in one.message for one in found)
    else:
        assert {one.resource for one in found if one.rule == rule.id and one.level == 1} == refused
        assert any("can't be waived" in one.message for one in found if one.rule == WAIVERS_ARE_VALID.id)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_complete_and_found_by_its_name(rule: Rule) -> None:
    area = next(area for area, rules in AREAS.items() if rule in rules)
    module = importlib.import_module(f"policies.rules.{area}.{rule.id.replace('-', '_')}")
    assert rule is module.RULE
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.id)
    assert not rule.title.endswith(".")
    assert rule.risk.endswith(".")
    assert rule.fix.endswith(".")
    assert rule.controls


def test_every_module_of_an_area_is_a_rule_of_the_pack() -> None:
    for area, rules in AREAS.items():
        package = importlib.import_module(f"policies.rules.{area}")
        modules = {module.name.replace("_", "-") for module in pkgutil.iter_modules(package.__path__)}
        assert modules == {rule.id for rule in rules}


def test_every_control_is_answered_by_a_rule() -> None:
    answered = {control for rule in (*RULES, *CLOSING_RULES) for control in rule.controls}
    assert set(Control) == answered

"""Waivers: what one must say, how long it lasts, and what becomes of one that is wrong."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from policy_harness import TODAY, Toy, Violation, find_violations, with_options

from policies.framework import waivers
from policies.framework.closing_rules import WAIVERS_ARE_VALID
from policies.rules import RULES

WAIVABLE = {rule.id: rule.waivable for rule in RULES}
KNOWN = {"store-is-protected": True, "store-has-independent-backup": False}
PROJECT = Toy("neon:index/project:Project", "database-project")


def entry(**changes: Any) -> dict[str, Any]:
    """Return a good waiver with some fields changed; None takes one away."""
    whole = {
        "rule": "store-is-protected",
        "resource": PROJECT.urn,
        "reason": "The project is moved to another organization",
        "owner": "operations",
        "ticket": "OPS-1",
        "created": TODAY,
        "expires": TODAY,
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def read(folder: Path, *entries: Any, today: date = TODAY) -> waivers.Waivers:
    file = folder / "waivers.yaml"
    file.write_text(yaml.safe_dump(list(entries)))
    return waivers.read(file, today=today, rules=KNOWN)


def test_a_good_waiver_counts_until_the_end_of_its_last_day(tmp_path: Path) -> None:
    last = TODAY + timedelta(days=90)
    assert read(tmp_path, entry(expires=last), today=last).problems == ()
    gone = read(tmp_path, entry(expires=last), today=last + timedelta(days=1))
    assert gone.in_force == {}
    assert [text.text for text in gone.problems] == [f"waiver 1 expired on {last}"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"rule": None}, "rule: is missing"),
        ({"resource": None}, "resource: is missing"),
        ({"reason": None}, "reason: is missing"),
        ({"owner": None}, "owner: is missing"),
        ({"ticket": None}, "ticket: is missing"),
        ({"created": None}, "created: is missing"),
        ({"expires": None}, "expires: is missing"),
        ({"reason": "because"}, "reason: string should have at least 20 characters"),
        ({"reason": "    because     of     "}, "reason: string should have at least 20 characters"),
        ({"owner": ""}, "owner: "),
        ({"expires": "soon"}, "expires: "),
        ({"expires": 5.5}, "expires: "),
        ({"resource": "*"}, "resource: "),
        ({"resource": "urn:pulumi:prod::bulwark::neon:index/project:Project::*"}, "resource: "),
        ({"until": "2030-01-01"}, "until: is no field of an entry"),
        ({"rule": "store-is-nice"}, "names no rule of this pack"),
        ({"rule": "store-has-independent-backup"}, "which can't be waived"),
        ({"expires": TODAY + timedelta(days=91)}, "lasts longer than 90 days"),
        ({"created": TODAY + timedelta(days=1), "expires": TODAY + timedelta(days=2)}, "is yet to come"),
        ({"created": TODAY - timedelta(days=9), "expires": TODAY - timedelta(days=1)}, "expired on"),
    ],
)
def test_a_bad_waiver_waives_nothing_and_says_why(
    tmp_path: Path, change: dict[str, Any], complaint: str
) -> None:
    found = read(tmp_path, entry(**change))
    assert found.in_force == {}
    assert any(complaint in text.text and text.text.startswith("waiver 1 ") for text in found.problems)


@pytest.mark.parametrize("content", ["a: b", "just text", "[unclosed", "- - -\t", "\x00"])
def test_a_file_that_is_no_list_waives_nothing(tmp_path: Path, content: str) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(content)
    found = waivers.read(file, today=TODAY, rules=KNOWN)
    assert found.in_force == {}
    assert found.problems


def test_malformed_waivers_are_refused_one_by_one(tmp_path: Path) -> None:
    found = read(tmp_path, None, 5, "text", [], entry())
    assert len(found.in_force) == 1
    assert {text.text.split()[1] for text in found.problems} == {"1", "2", "3", "4"}


@pytest.mark.parametrize("content", ["", "# nothing is waived\n", "[]"])
def test_no_waivers_are_no_problem(tmp_path: Path, content: str) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text(content)
    assert waivers.read(file, today=TODAY, rules=KNOWN) == waivers.NONE
    assert waivers.read(tmp_path / "none", today=TODAY, rules=KNOWN) == waivers.NONE


def test_a_duplicate_waiver_is_a_problem(tmp_path: Path) -> None:
    found = read(tmp_path, entry(), entry(ticket="OPS-2"))
    assert [text.text for text in found.problems] == ["waiver 2 is there twice"]


def test_the_waivers_of_this_repository_are_good() -> None:
    found = waivers.read(waivers.FILE, today=date(2000, 1, 1), rules=WAIVABLE)
    assert [text for text in found.problems if "yet to come" not in text.text] == []


def verdicts(stack: Sequence[Toy], folder: Path, *entries: Any) -> list[Violation]:
    file = folder / "waivers.yaml"
    file.write_text(yaml.safe_dump(list(entries)))
    rule = next(rule for rule in RULES if rule.id == "store-is-protected")
    return find_violations(stack, [rule], waivers_file=file)


def stack(*, protected: bool) -> list[Toy]:
    root = Toy("pulumi:pulumi:Stack", "bulwark-prod")
    return with_options(
        [root, Toy(PROJECT.type, PROJECT.name, provider="neon")], PROJECT.name, protect=protected
    )


def test_a_waived_finding_is_shown_and_refuses_nothing(tmp_path: Path) -> None:
    found = verdicts(stack(protected=False), tmp_path, entry())
    assert [(one.rule, one.level) for one in found] == [("waived", 0)]
    assert f"store-is-protected is WAIVED until {TODAY} (OPS-1, operations)" in found[0].message


def test_a_waiver_that_matches_no_violation_refuses_the_deploy(tmp_path: Path) -> None:
    found = verdicts(stack(protected=True), tmp_path, entry())
    assert [(one.rule, one.level) for one in found] == [(WAIVERS_ARE_VALID.id, 1)]
    assert "store-is-protected for database-project matches no violation" in found[0].message


def test_a_waiver_of_another_resource_or_rule_does_not_help(tmp_path: Path) -> None:
    other = PROJECT.urn.replace("database-project", "database")
    found = verdicts(stack(protected=False), tmp_path, entry(resource=other))
    assert {(one.rule, one.level) for one in found} == {("store-is-protected", 1), (WAIVERS_ARE_VALID.id, 1)}


def test_a_waiver_of_another_stack_is_left_alone(tmp_path: Path) -> None:
    other = PROJECT.urn.replace(":prod:", ":staging:")
    assert verdicts(stack(protected=True), tmp_path, entry(resource=other)) == []


def test_a_bad_waiver_refuses_the_deploy_even_where_nothing_else_does(tmp_path: Path) -> None:
    found = verdicts(stack(protected=True), tmp_path, {"rule": "store-is-protected"})
    assert {(one.rule, one.level) for one in found} == {(WAIVERS_ARE_VALID.id, 1)}

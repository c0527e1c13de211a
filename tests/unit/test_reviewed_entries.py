"""Entries of policies/undeclared.yaml: who said that something needs no declaration, and until when."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from live.finding import BlindSpot, LiveFinding
from live.reviewed_entries import FILE, read, sort_out

TODAY = date(2030, 6, 15)
THING = "neon/project/tight-sky-1"
ENTRY: dict[str, Any] = {
    "stack": "prod",
    "thing": THING,
    "reason": "belongs to the team of the data warehouse",
    "owner": "operations",
    "ticket": "OPS-7",
    "created": "2030-01-01",
    "expires": "2030-12-31",
}
FOUND = LiveFinding(THING, "it is a project that nobody declared", "declare it.", can_be_reviewed=True)
POLICY = LiveFinding(THING, "it is an inline policy that nobody declared", "remove it.")


def sorted_out(
    folder: Path,
    entries: Any,
    findings: list[LiveFinding],
    *,
    today: date = TODAY,
    unknown: list[BlindSpot] | None = None,
) -> tuple[list[LiveFinding], list[str]]:
    """Return the findings that are left, and all problems."""
    file = folder / "undeclared.yaml"
    file.write_text(yaml.safe_dump(entries))
    read_entries = read(file, stack="prod", today=today)
    left, _, unmatched = sort_out(findings, read_entries, unknown or [])
    return left, [*read_entries.problems, *unmatched]


def test_an_entry_excuses_one_thing_until_its_last_day(tmp_path: Path) -> None:
    last = date(2030, 12, 31)
    other = LiveFinding("neon/project/other", "it is another", "declare it.", can_be_reviewed=True)
    assert sorted_out(tmp_path, [ENTRY], [FOUND, other], today=last) == ([other], [])
    left, problems = sorted_out(tmp_path, [ENTRY], [FOUND], today=last + timedelta(days=1))
    assert left == [FOUND]
    assert problems == ["entry 1 of undeclared.yaml expired on 2030-12-31"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"created": "2030-07-01"}, "was created on 2030-07-01, which is yet to come"),
        ({"created": "2029-06-01"}, "lasts longer than 366 days"),
        ({"thing": "neon/project/*"}, "is not valid: thing: "),
        ({"owner": ""}, "is not valid: owner: "),
        ({"ticket": ""}, "is not valid: ticket: "),
        ({"reason": "ours"}, "is not valid: reason: "),
        ({"until": "2030-12-31"}, "is not valid: until: is no field of an entry"),
    ],
)
def test_an_entry_with_a_problem_excuses_nothing(
    tmp_path: Path, changes: dict[str, str], problem: str
) -> None:
    left, problems = sorted_out(tmp_path, [ENTRY | changes], [FOUND])
    assert left == [FOUND]
    assert len(problems) == 1
    assert problem in problems[0]


def test_an_entry_never_excuses_a_policy_of_a_role(tmp_path: Path) -> None:
    left, problems = sorted_out(tmp_path, [ENTRY], [POLICY])
    assert left == [POLICY]
    assert problems == [f"the entry for {THING} matches nothing that is there; remove it"]


def test_an_entry_for_what_is_gone_is_a_problem_unless_nobody_could_look(tmp_path: Path) -> None:
    assert sorted_out(tmp_path, [ENTRY], []) == (
        [],
        [f"the entry for {THING} matches nothing that is there; remove it"],
    )
    gap = BlindSpot("Neon projects of example", "Neon fails", "neon/project/")
    assert sorted_out(tmp_path, [ENTRY], [], unknown=[gap]) == ([], [])


def test_an_entry_of_another_stack_excuses_nothing(tmp_path: Path) -> None:
    assert sorted_out(tmp_path, [ENTRY | {"stack": "staging"}], [FOUND]) == ([FOUND], [])


def test_a_file_that_is_no_list_excuses_nothing(tmp_path: Path) -> None:
    left, problems = sorted_out(tmp_path, {"entries": [ENTRY]}, [FOUND])
    assert left == [FOUND]
    assert problems == ["undeclared.yaml is no list of entries, so none of them counts"]


def test_the_file_of_this_repository_has_no_problem() -> None:
    assert read(FILE, stack="prod", today=date.today()).problems == ()  # noqa: DTZ011 - a day is enough

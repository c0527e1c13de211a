"""How long a waiver stands, by the history of its file: a date that is moved renews nothing."""

import subprocess
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from policy_harness import TODAY
from test_policy_waivers import KNOWN, entry

from policies.framework import waivers

FIRST = TODAY - timedelta(days=80)


def git(folder: Path, *arguments: str, day: date = TODAY) -> None:
    when = f"{day}T12:00:00Z"
    subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments],
        check=True,
        capture_output=True,
        env={
            "PATH": "/usr/bin:/bin",
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
            "HOME": str(folder),
        },
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    folder = tmp_path / "policies"
    folder.mkdir()
    return folder


def commit(folder: Path, *entries: Any, day: date) -> None:
    (folder / waivers.NAME).write_text(yaml.safe_dump(list(entries)))
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "a", day=day)


def problems(folder: Path) -> list[str]:
    return [one.text for one in waivers.read(folder / waivers.NAME, today=TODAY, rules=KNOWN).problems]


def renewed(**changes: Any) -> dict[str, Any]:
    """Return the waiver as somebody changes it on its last day but ten."""
    return entry(created=TODAY, expires=TODAY + timedelta(days=60), **changes)


def old() -> dict[str, Any]:
    return entry(created=FIRST, expires=FIRST + timedelta(days=90))


def test_a_waiver_that_only_its_dates_renew_is_refused(folder: Path) -> None:
    commit(folder, old(), day=FIRST)
    assert problems(folder) == []
    commit(folder, renewed(), day=TODAY)
    (text,) = problems(folder)
    assert text.startswith(
        f"waiver 1 stands in the repository since {FIRST}, so it lasts longer than 90 days"
    )


def test_a_waiver_that_is_not_committed_yet_counts_from_its_first_commit(folder: Path) -> None:
    commit(folder, old(), day=FIRST)
    (folder / waivers.NAME).write_text(yaml.safe_dump([renewed(reason="The project is moved next quarter")]))
    assert len(problems(folder)) == 1


def test_to_take_a_waiver_away_for_a_day_renews_nothing(folder: Path) -> None:
    commit(folder, old(), day=FIRST)
    commit(folder, day=TODAY - timedelta(days=1))
    commit(folder, renewed(), day=TODAY)
    assert len(problems(folder)) == 1


def test_a_new_ticket_is_a_new_term_and_another_resource_another_waiver(folder: Path) -> None:
    commit(folder, old(), day=FIRST)
    commit(folder, renewed(ticket="OPS-2"), day=TODAY)
    assert problems(folder) == []
    other = old()["resource"].replace("database-project", "other")
    commit(folder, renewed(resource=other), day=TODAY)
    assert problems(folder) == []


def test_an_older_version_that_is_no_list_is_passed_over(folder: Path) -> None:
    (folder / waivers.NAME).write_text("[unclosed")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "a", day=FIRST)
    commit(folder, 5, {"rule": 5}, day=FIRST)
    commit(folder, renewed(), day=TODAY)
    assert problems(folder) == []


def test_without_a_repository_the_entry_itself_says_since_when(tmp_path: Path) -> None:
    (tmp_path / waivers.NAME).write_text(yaml.safe_dump([renewed()]))
    assert problems(tmp_path) == []

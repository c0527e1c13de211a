"""A drill is a look at the backup that it recovered from, and says of it what it has seen, and no more."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from drill_evidence import NOW, drill, scenario, times

from recovery.catalogue import Backup, ListedBackup, Verification
from recovery.drill.evidence import Check
from recovery.drill.records import Record, of, proofs
from recovery.manifest import BackupManifest
from recovery.vault.objects import VersionEntry

ID = "20300115T021700Z-77ab"
KEY = f"database/daily/{ID}/manifest.json"
VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"


def check(outcome: Any) -> Check:
    return Check(name="rows", what="all", expected="46", actual="45", outcome=outcome)


def backup(version: str = VERSION) -> Backup[BackupManifest]:
    entry = VersionEntry(key=KEY, version=version, bytes=1, modified=NOW, latest=True, marker=False)
    return Backup(ListedBackup(ID, "daily", entry), None, "", ())


def seen(**changes: Any) -> list[Verification]:
    record = Record("x", drill(scenario(**changes)), "")
    return list(of(proofs([record, Record("y", None, "can't be read")]), backup()))


def test_a_backup_that_came_back_whole_is_proven_at_the_moment_of_its_comparison() -> None:
    [look] = seen()
    assert (look.backup, look.deep, look.problems) == (ID, True, ())
    assert look.at == NOW + timedelta(seconds=66)


def test_what_was_compared_and_is_otherwise_is_the_backups_problem() -> None:
    [look] = seen(checks=(check("passed"), check("failed")))
    assert look.problems == ("rows: expected 46, found 45",)


@pytest.mark.parametrize(
    "changes",
    [
        {"error": "killed"},
        {"checks": (check("not_run"),)},
        {"times": times(first_query=48)},
        {"recovery_point": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_drill_that_could_not_look_says_nothing(changes: dict[str, Any]) -> None:
    assert seen(**changes) == []


def test_a_drill_that_was_too_slow_has_seen_the_backup_whole() -> None:
    [look] = seen(times=times(first_query=5_000, verified=9_000, health=9_001))
    assert look.good
    assert look.at == datetime.fromisoformat("2030-01-15T06:53:00Z")


def test_another_version_of_the_manifest_is_not_what_was_drilled() -> None:
    assert of(proofs([Record("x", drill(), "")]), backup("another")) == ()

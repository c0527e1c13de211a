"""A drill counts as a verification of the backup that it restored, as far as it compared."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from drill_evidence import NOW, drill, scenario, times

from recovery.catalogue import Backup, ListedBackup, Verification
from recovery.drill.evidence import Check
from recovery.drill.records import DrillRecord, verification_history, verifications_of
from recovery.manifest import BackupManifest
from recovery.vault.objects import VersionEntry

ID = "20300115T021700Z-77ab"
KEY = f"database/daily/{ID}/manifest.json"
VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"


def check(outcome: Any) -> Check:
    return Check(name="rows", what="all", expected="46", actual="45", outcome=outcome)


def backup(version: str = VERSION) -> Backup[BackupManifest]:
    entry = VersionEntry(
        key=KEY, version=version, bytes=1, modified=NOW, is_latest=True, is_delete_marker=False
    )
    return Backup(ListedBackup(ID, "daily", entry), None, "", ())


def verifications(**changes: Any) -> list[Verification]:
    record = DrillRecord("x", drill(scenario(**changes)), "")
    return list(
        verifications_of(verification_history([record, DrillRecord("y", None, "can't be read")]), backup())
    )


def test_a_backup_that_was_restored_whole_is_verified_at_the_time_of_its_comparison() -> None:
    [verification] = verifications()
    assert (verification.backup, verification.deep, verification.problems) == (ID, True, ())
    assert verification.at == NOW + timedelta(seconds=66)


def test_a_failed_comparison_is_a_problem_of_the_backup() -> None:
    [verification] = verifications(checks=(check("passed"), check("failed")))
    assert verification.problems == ("rows: expected 46, found 45",)


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
def test_a_drill_that_did_not_compare_verifies_nothing(changes: dict[str, Any]) -> None:
    assert verifications(**changes) == []


def test_a_drill_that_was_too_slow_still_verifies_its_backup() -> None:
    [verification] = verifications(times=times(first_query=5_000, verified=9_000, health=9_001))
    assert verification.passed
    assert verification.at == datetime.fromisoformat("2030-01-15T06:53:00Z")


def test_a_drill_verifies_no_other_version_of_the_manifest() -> None:
    assert verifications_of(verification_history([DrillRecord("x", drill(), "")]), backup("another")) == ()

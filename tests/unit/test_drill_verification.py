"""A drill counts as a verification of the backup that it restored, as far as it compared."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from drill_evidence import NOW, drill, scenario, times
from sample_stores import STACK_DATABASE

from recovery.catalogue import Backup, ListedBackup, Proof
from recovery.drill.evidence import Check
from recovery.drill.records import DrillRecord, proofs_by_drills, proofs_of
from recovery.manifest import BackupManifest
from recovery.vault.objects import VersionEntry

ID = "20300115T021700Z-77ab"
KEY = f"database/daily/database/{ID}/manifest.json"
STORED = NOW + timedelta(hours=1)
"""When the vault took the evidence."""

VERSION = "3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrHY"


def check(outcome: Any) -> Check:
    return Check(name="rows", what="all", expected="46", actual="45", outcome=outcome)


def backup(version: str = VERSION) -> Backup[BackupManifest]:
    entry = VersionEntry(
        key=KEY, version=version, bytes=1, modified=NOW, is_latest=True, is_delete_marker=False
    )
    return Backup(ListedBackup(ID, STACK_DATABASE, "daily", entry, None), None, "", "")


def proofs(*, doubt: str = "", **changes: Any) -> list[Proof]:
    record = DrillRecord("x", drill(scenario(**changes)), "", doubt, STORED)
    return list(proofs_of(proofs_by_drills([record, DrillRecord("y", None, "can't be read")]), backup()))


def test_a_backup_that_was_restored_whole_is_proven_since_the_vault_has_the_evidence() -> None:
    [proof] = proofs()
    verification = proof.verification
    assert (verification.backup, verification.deep, verification.problems) == (ID, True, ())
    assert verification.at == NOW + timedelta(seconds=66)
    assert proof.stored_at == STORED


def test_evidence_that_does_not_count_proves_nothing() -> None:
    assert proofs(doubt="has no attestation") == []


def test_a_failed_comparison_is_a_problem_of_the_backup() -> None:
    [proof] = proofs(checks=(check("passed"), check("failed")))
    assert proof.verification.problems == ("rows: expected 46, found 45",)


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
    assert proofs(**changes) == []


def test_a_drill_that_was_too_slow_still_verifies_its_backup() -> None:
    [proof] = proofs(times=times(first_query=5_000, verified=9_000, health=9_001))
    assert proof.verification.passed
    assert proof.verification.at == datetime.fromisoformat("2030-01-15T06:53:00Z")


def test_a_drill_verifies_no_other_version_of_the_manifest() -> None:
    record = DrillRecord("x", drill(), "", "", STORED)
    assert proofs_of(proofs_by_drills([record]), backup("another")) == ()

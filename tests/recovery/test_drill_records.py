"""The evidence of drills in a vault: stored once, found again, and believed only where it is whole."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from attesting import SIGN, TRUST
from drill_evidence import NOW, drill, identity, scenario, times
from sample_stores import STACK_DATABASE, STACK_FILES
from vaults import ProxiedVault

from core import vault_layout
from recovery.drill import records
from recovery.drill.evidence import Drill
from recovery.drill.spec import DrillObjectives
from recovery.store import Store
from recovery.vault.client import Exists

OBJECTIVES = DrillObjectives(recovery=3600, critical=900, history_loss=3600, vault_loss=27 * 3600)

LATER = NOW + timedelta(days=7)


def test_evidence_is_stored_locked_and_found_again_newest_first(locked_vault: ProxiedVault) -> None:
    stored = records.store(locked_vault.client, drill(), SIGN)
    records.store(locked_vault.client, drill(at=LATER), SIGN)
    assert stored.key == "evidence/drills/20300115T042300Z-3f9a.json"
    assert (stored.lock_mode, stored.locked_until is not None) == ("GOVERNANCE", True)
    assert [one.drill for one in records.read_records(locked_vault.client, TRUST)] == [
        drill(at=LATER),
        drill(),
    ]
    [newest] = records.read_records(locked_vault.client, TRUST, last=1)
    assert newest.summary == f"{drill(at=LATER).identity.id} passed"


def test_a_vault_without_drills_has_no_records(locked_vault: ProxiedVault) -> None:
    assert records.read_records(locked_vault.client, TRUST) == []


def test_stored_evidence_is_never_overwritten(locked_vault: ProxiedVault) -> None:
    records.store(locked_vault.client, drill(), SIGN)
    with pytest.raises(Exists):
        records.store(locked_vault.client, drill(scenario(checks=())), SIGN)
    [record] = records.read_records(locked_vault.client, TRUST)
    assert record.drill == drill()


def test_a_password_that_the_drill_used_is_hidden_from_its_evidence() -> None:
    password = 'correct "horse" bättery\\'
    evidence = drill(
        scenario(deviations=(f"{password}: refused",)), error=f"login as app with {password} failed"
    )
    hidden = records.hide_secrets(evidence, [password, ""])
    assert "horse" not in hidden.model_dump_json()
    assert hidden.faults == ("broke off: login as app with [a secret] failed",)
    assert hidden.scenarios[0].deviations == ("[a secret]: refused",)


def test_overwritten_evidence_is_reported_and_not_believed(locked_vault: ProxiedVault) -> None:
    failed = drill(scenario(checks=()))
    stored = records.store(locked_vault.client, failed, SIGN)
    locked_vault.direct.put_object(
        Bucket=locked_vault.bucket, Key=stored.key, Body=records.to_json(drill()), ChecksumAlgorithm="SHA256"
    )
    [record] = records.read_records(locked_vault.client, TRUST)
    assert (record.drill, record.unreadable) == (None, "has 2 versions; evidence is written once")


def test_evidence_under_a_delete_marker_is_still_found(locked_vault: ProxiedVault) -> None:
    stored = records.store(locked_vault.client, drill(), SIGN)
    locked_vault.direct.delete_object(Bucket=locked_vault.bucket, Key=stored.key)
    [record] = records.read_records(locked_vault.client, TRUST)
    assert record.drill == drill()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda found: found.update(verdict="failed"), "can't be read: states verdict otherwise"),
        (
            lambda found: found.update(schema_version="bulwark-drill-9"),
            "can't be read: schema_version: Input should be",
        ),
        (lambda found: found.pop("scenarios"), "can't be read: scenarios: Field required"),
        (lambda found: found["identity"].update(id="20300115T042300Z-0000"), "tells of another drill"),
    ],
)
def test_an_edited_evidence_document_is_reported_and_not_believed(
    locked_vault: ProxiedVault, change: object, what: str
) -> None:
    found = json.loads(records.to_json(drill()))
    assert callable(change)
    change(found)
    locked_vault.client.put(vault_layout.drill(drill().identity.id), json.dumps(found).encode())
    [record] = records.read_records(locked_vault.client, TRUST)
    assert record.drill is None
    assert record.unreadable.startswith(what)


def test_a_store_is_proven_by_its_newest_drill_that_passed() -> None:
    both = drill(scenario(), scenario("files", times=times(verified=5)))
    half = drill(scenario(checks=()), scenario("files", times=times(verified=5)), at=LATER)
    broken = drill(scenario("files", times=times(verified=5)), at=LATER + timedelta(days=7), error="killed")
    month = NOW + timedelta(days=30)
    other = drill(identity=identity(month, stack="local"), at=month)
    rehearsed = drill(identity=identity(month, place="twin"), at=month)
    tried = (broken, half, other, rehearsed, both)
    found = [record_of(one) for one in tried]
    found.append(records.DrillRecord("x", None, "can't be read"))
    assert records.newest_passed(found, "prod", "vendors") == {
        STACK_DATABASE: found[4],
        STACK_FILES: found[1],
    }
    assert records.newest_passed([], "prod", "vendors") == {}


def test_evidence_counts_only_with_an_attestation_and_within_the_objectives_of_today() -> None:
    good = drill()
    assert records.newest_passed([record_of(good)], "prod", "vendors", lambda _: OBJECTIVES)
    assert records.newest_passed([record_of(good, doubt="has no attestation")], "prod", "vendors") == {}
    # Whatever objective the evidence itself names.
    slow = drill(scenario(times=times(first_query=48, verified=66, health=90)))
    strict = replace(OBJECTIVES, critical=60)
    of_its_own = {"database": OBJECTIVES}
    assert records.newest_passed(
        [record_of(slow)], "prod", "vendors", lambda store: of_its_own.get(store, strict)
    )
    assert records.newest_passed([record_of(slow)], "prod", "vendors", lambda _: strict) == {}


def test_a_scenario_proves_its_own_store_alone() -> None:
    several = drill(
        scenario(stores=("orders",)),
        scenario(stores=("billing",), checks=()),
        scenario("files", stores=("orders",), times=times(verified=5)),
    )
    assert set(records.newest_passed([record_of(several)], "prod", "vendors")) == {
        Store("database", "orders"),
        Store("files", "orders"),
    }
    assert several.faults == ("loss of billing: nothing was checked",)
    boastful = drill(scenario(stores=("database", "files", "state")))
    assert records.newest_passed([record_of(boastful)], "prod", "vendors") == {}


def test_a_store_is_not_proven_by_a_drill_that_failed_in_another_of_its_scenarios() -> None:
    mixed = drill(scenario("corruption", checks=()), scenario("loss"))
    assert records.newest_passed([record_of(mixed)], "prod", "vendors") == {}


def record_of(evidence: Drill, *, doubt: str = "") -> records.DrillRecord:
    return records.DrillRecord(evidence.identity.id, evidence, "", doubt, evidence.finished)

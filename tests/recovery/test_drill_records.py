"""The evidence of drills in a vault: stored once, found again, and believed only where it is whole."""

import json
from datetime import timedelta

import pytest
from drill_evidence import NOW, drill, identity, scenario, times
from vaults import Place

from core import vault_layout
from recovery.drill import records
from recovery.vault.client import Exists

LATER = NOW + timedelta(days=7)


def test_evidence_is_stored_locked_and_found_again_newest_first(locked: Place) -> None:
    stored = records.keep(locked.vault, drill())
    records.keep(locked.vault, drill(at=LATER))
    assert stored.key == "evidence/drills/20300115T042300Z-3f9a.json"
    assert (stored.lock_mode, stored.locked_until is not None) == ("GOVERNANCE", True)
    assert [one.drill for one in records.records(locked.vault)] == [drill(at=LATER), drill()]
    [newest] = records.records(locked.vault, last=1)
    assert newest.told == f"{drill(at=LATER).identity.id} passed"


def test_there_is_none_before_the_first_drill(locked: Place) -> None:
    assert records.records(locked.vault) == []


def test_a_drill_is_stored_once_and_what_is_there_stays(locked: Place) -> None:
    records.keep(locked.vault, drill())
    with pytest.raises(Exists):
        records.keep(locked.vault, drill(scenario(checks=())))
    [found] = records.records(locked.vault)
    assert found.drill == drill()


def test_a_password_that_the_drill_used_is_hidden_though_it_has_no_form() -> None:
    password = 'correct "horse" bättery\\'
    told = drill(scenario(deviations=(f"{password}: refused",)), error=f"login as app with {password} failed")
    found = records.without(told, [password, ""])
    assert "horse" not in found.model_dump_json()
    assert found.faults == ("broke off: login as app with [a secret] failed",)
    assert found.scenarios[0].deviations == ("[a secret]: refused",)


def test_what_was_put_over_evidence_is_told_and_not_believed(locked: Place) -> None:
    failed = drill(scenario(checks=()))
    stored = records.keep(locked.vault, failed)
    locked.raw.put_object(
        Bucket=locked.bucket, Key=stored.key, Body=records.written(drill()), ChecksumAlgorithm="SHA256"
    )
    [found] = records.records(locked.vault)
    assert (found.drill, found.unreadable) == (None, "has 2 versions; evidence is written once")


def test_a_hidden_document_is_found(locked: Place) -> None:
    stored = records.keep(locked.vault, drill())
    locked.raw.delete_object(Bucket=locked.bucket, Key=stored.key)
    [found] = records.records(locked.vault)
    assert found.drill == drill()


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
def test_a_document_that_is_not_what_it_must_be_is_told_and_not_believed(
    locked: Place, change: object, what: str
) -> None:
    found = json.loads(records.written(drill()))
    assert callable(change)
    change(found)
    locked.vault.put(vault_layout.drill(drill().identity.id), json.dumps(found).encode())
    [record] = records.records(locked.vault)
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
    found = [records.Record(one.identity.id, one, "") for one in tried]
    found.append(records.Record("x", None, "can't be read"))
    assert records.passed(found, "prod", "vendors") == {"database": both, "files": half}
    assert records.passed([], "prod", "vendors") == {}


def test_a_store_is_not_proven_by_a_drill_that_failed_on_another_way_back() -> None:
    mixed = drill(scenario("corruption", checks=()), scenario("loss"))
    assert records.passed([records.Record("x", mixed, "")], "prod", "vendors") == {}

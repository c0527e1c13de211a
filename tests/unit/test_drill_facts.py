"""Facts of drills for the policies: from the state and the vault, or none where these can't be read."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from drill_evidence import NOW, drill, identity, scenario, times
from sample_stores import STACK_DATABASE

from cli import drill_facts
from core.failure import Failure
from engine.targets import find_target
from policies.framework.drill_history import (
    REHEARSAL,
    VARIABLE,
    DrillHistory,
    ReadinessHistory,
    StoreHistory,
    read,
    to_json,
)
from recovery.drill.evidence import Drill
from recovery.drill.records import DrillRecord

PROJECT = "urn:pulumi:prod::bulwark::neon:index/project:Project::database-project"
FILES = "urn:pulumi:prod::bulwark::bulwark:index:Files::files"
DEPLOYED = datetime(2029, 12, 1, 10, 0, 0, 123456, tzinfo=UTC)
TARGET = find_target("prod", on_twin=False)


def state(**outputs: Any) -> list[dict[str, Any]]:
    """Return resources like the engine's: jobs that protect one store each, with their children."""
    found: list[dict[str, Any]] = [
        {
            "urn": "urn:stack",
            "type": "pulumi:pulumi:Stack",
            "outputs": {"vault": "example-vault", "stores": {"database": PROJECT, "files": FILES}, **outputs},
        }
    ]
    for store, urn in (("database", PROJECT), ("files", FILES)):
        job = f"urn:job-{store}"
        found.append({"urn": job, "type": "bulwark:index:ScheduledJob", "inputs": {"protects": [urn]}})
        for days, part in ((20, "heartbeat"), (0, "cron")):
            created = (DEPLOYED + timedelta(days=days)).isoformat().replace("+00:00", "789Z")
            found.append({"urn": f"{job}-{part}", "type": "x", "parent": job, "created": created})
    found.append({"urn": "urn:job-drill", "type": "bulwark:index:ScheduledJob", "inputs": {"protects": []}})
    return found


def facts_of(
    resources: list[dict[str, Any]], *tried: Drill, proven: datetime | None = None, doubt: str = ""
) -> dict[str, StoreHistory]:
    drills = [DrillRecord(one.identity.id, one, "", doubt, one.started) for one in tried]
    return drill_facts.history_of(resources, drills, {STACK_DATABASE: proven}, TARGET)


def test_policies_get_each_store_by_its_urn_with_its_first_backup_and_its_last_passed_drill() -> None:
    failed = drill(scenario(checks=()), at=NOW + timedelta(days=7))
    assert facts_of(state(), drill(), failed, proven=NOW) == {
        PROJECT: StoreHistory(DEPLOYED, NOW, NOW),
        FILES: StoreHistory(DEPLOYED, None),
    }


def test_a_drill_that_is_not_attested_proves_nothing() -> None:
    assert facts_of(state(), drill(), doubt="has no attestation")[PROJECT].passed is None


def test_a_drill_of_another_stack_or_place_proves_nothing() -> None:
    others = [drill(identity=identity(stack="local")), drill(identity=identity(place="twin"))]
    assert {one.passed for one in facts_of(state(), *others).values()} == {None}


def test_a_stack_that_does_not_say_what_its_stores_are_has_no_proof_of_them() -> None:
    both = drill(scenario(), scenario("files", times=times(verified=5)))
    assert facts_of(state(stores={}), both) == {
        PROJECT: StoreHistory(DEPLOYED),
        FILES: StoreHistory(DEPLOYED),
    }
    assert facts_of([], both) == {}


def test_drill_facts_are_read_back_as_they_were_written() -> None:
    known = facts_of(state(), drill())
    ready = ReadinessHistory(DEPLOYED, NOW)
    assert read({VARIABLE: to_json(known, ready)}, NOW) == DrillHistory(NOW, stores=known, readiness=ready)
    assert read({VARIABLE: to_json({}, ReadinessHistory())}, NOW) == DrillHistory(NOW)
    assert read({VARIABLE: '{"stores": {}}'}, NOW) == DrillHistory(NOW, readiness=None)
    assert read({VARIABLE: REHEARSAL}, NOW) == DrillHistory(NOW, rehearsal=True)


@pytest.mark.parametrize(
    "document",
    [
        None,
        "",
        "true",
        "[]",
        "{}",
        '{"rehearsal": false}',
        '{"rehearsal": true, "stores": {}}'[:-5],
        '{"stores": []}',
        '{"stores": {"urn": null}}',
        '{"stores": {"urn": {"passed": "2030-01-01"}}}',
        '{"stores": {"urn": {"since": null, "passed": null}}}',
        '{"stores": {"urn": {"since": null, "passed": "yesterday", "proven": null}}}',
        '{"stores": {"urn": {"since": null, "passed": null, "proven": "yesterday"}}}',
        '{"stores": {"urn": {"since": null, "passed": 1893456000, "proven": null}}}',
        '{"stores": {}, "readiness": null}',
        '{"stores": {}, "readiness": {"passed": null}}',
        '{"stores": {}, "readiness": {"since": null, "passed": "yesterday"}}',
        '{"stores": {}, "more": {}}',
    ],
)
def test_drill_facts_that_cannot_be_read_are_none(document: str | None) -> None:
    assert read({} if document is None else {VARIABLE: document}, NOW) is None


def test_a_time_in_drill_facts_without_a_zone_is_utc() -> None:
    document = json.dumps(
        {"stores": {PROJECT: {"since": None, "passed": "2030-01-15T04:23:00", "proven": None}}}
    )
    found = read({VARIABLE: document}, NOW)
    assert found
    assert found.stores == {PROJECT: StoreHistory(passed=NOW)}


def test_a_vault_that_does_not_answer_leaves_no_drill_and_a_way_to_deploy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An outage of the vault's region must not keep back the very change that helps."""

    def fail(*_: object) -> str:
        raise Failure("the vault can't be reached", "wait")

    monkeypatch.setattr(drill_facts, "read_history", fail)
    engine = SimpleNamespace(workspace=SimpleNamespace(env_vars={}))
    drill_facts.pass_to_policies(find_target("prod", on_twin=False), cast("Any", engine))
    assert engine.workspace.env_vars == {VARIABLE: ""}
    said = " ".join(capsys.readouterr().err.split())
    assert "the vault can't be reached" in said
    assert "waive store-drill-is-recent for its stores in policies/waivers.yaml" in said
    assert "readiness-is-recent for the platform" in said

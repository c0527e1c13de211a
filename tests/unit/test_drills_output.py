"""What the policies are told of drills: what state and vault say, and nothing where that can't be read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from drill_evidence import NOW, drill, identity, scenario, times

from cli import drill_facts
from engine import stack_target
from policies.framework.drill_history import REHEARSAL, VARIABLE, Drills, StoreHistory, read, written
from recovery.drill.evidence import Drill
from recovery.drill.records import Record

PROJECT = "urn:pulumi:prod::bulwark::neon:index/project:Project::database-project"
FILES = "urn:pulumi:prod::bulwark::bulwark:index:Files::files"
DEPLOYED = datetime(2029, 12, 1, 10, 0, 0, 123456, tzinfo=UTC)
SPACE = stack_target.find("prod", on_twin=False)


def state(**outputs: Any) -> list[dict[str, Any]]:
    """Return a state like the engine's: jobs that protect a store each, and what was made for them."""
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


def told(resources: list[dict[str, Any]], *tried: Drill) -> dict[str, StoreHistory]:
    return drill_facts.known(resources, [Record(one.identity.id, one, "") for one in tried], SPACE)


def test_each_store_is_told_by_its_urn_with_its_first_backup_and_its_last_passed_drill() -> None:
    failed = drill(scenario(checks=()), at=NOW + timedelta(days=7))
    assert told(state(), drill(), failed) == {
        PROJECT: StoreHistory(DEPLOYED, NOW),
        FILES: StoreHistory(DEPLOYED, None),
    }


def test_a_drill_of_another_stack_or_place_proves_nothing() -> None:
    others = [drill(identity=identity(stack="local")), drill(identity=identity(place="twin"))]
    assert {one.passed for one in told(state(), *others).values()} == {None}


def test_a_stack_that_does_not_say_what_its_stores_are_has_no_proof_of_them() -> None:
    both = drill(scenario(), scenario("files", times=times(verified=5)))
    assert told(state(stores={}), both) == {PROJECT: StoreHistory(DEPLOYED), FILES: StoreHistory(DEPLOYED)}
    assert told([], both) == {}


def test_what_is_handed_over_arrives() -> None:
    known = told(state(), drill())
    assert read({VARIABLE: written(known)}, NOW) == Drills(NOW, stores=known)
    assert read({VARIABLE: written({})}, NOW) == Drills(NOW)
    assert read({VARIABLE: REHEARSAL}, NOW) == Drills(NOW, rehearsal=True)


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
        '{"stores": {"urn": {"since": null, "passed": "yesterday"}}}',
        '{"stores": {"urn": {"since": null, "passed": 1893456000}}}',
    ],
)
def test_what_cannot_be_read_is_nothing(document: str | None) -> None:
    assert read({} if document is None else {VARIABLE: document}, NOW) is None


def test_a_moment_without_a_zone_is_utc() -> None:
    document = json.dumps({"stores": {PROJECT: {"since": None, "passed": "2030-01-15T04:23:00"}}})
    found = read({VARIABLE: document}, NOW)
    assert found
    assert found.stores == {PROJECT: StoreHistory(passed=NOW)}

"""An update is held to the plan that was reviewed."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.failure import Failure
from engine.event_log import EventLog
from engine.plan_file import ReviewedPlan, read, require_same, without_values

MONITOR = "urn:pulumi:prod::bulwark::uptimerobot:index/monitor:Monitor::uptime-backend-health"
PROJECT = "urn:pulumi:prod::bulwark::neon:index/project:Project::database-project"
REPLACED = ["create-replacement", "replace", "delete-replaced"]


def planned_resource(
    operations: list[str] | None, *, protect: bool = False, **difference: Any
) -> dict[str, Any]:
    return {"steps": operations, "goal": {"inputDiff": difference, "protect": protect}}


def plan(folder: Path, resources: dict[str, Any]) -> ReviewedPlan:
    file = folder / "plan.json"
    file.write_text(json.dumps({"resourcePlans": resources}))
    return read(file)


def secret(ciphertext: str) -> dict[str, str]:
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": ciphertext}


@pytest.mark.parametrize(
    "resources",
    [
        {},
        {
            MONITOR: planned_resource(["update"], updates={"interval": 60}),
            PROJECT: planned_resource(REPLACED, deletes=["quota"]),
        },
        {MONITOR: {"steps": ["delete"], "goal": None}, PROJECT: planned_resource(None)},
    ],
)
def test_a_plan_equal_to_the_reviewed_one_is_accepted(tmp_path: Path, resources: dict[str, Any]) -> None:
    require_same(plan(tmp_path, resources), plan(tmp_path, resources), stack="prod")


def test_a_secret_that_is_encrypted_anew_is_the_same_one(tmp_path: Path) -> None:
    before, now = (
        plan(tmp_path, {MONITOR: planned_resource(["update"], updates={"list": [{"token": secret(text)}]})})
        for text in ("one", "two")
    )
    require_same(before, now, stack="prod")


@pytest.mark.parametrize(
    ("reviewed", "now", "message"),
    [
        ({}, {PROJECT: planned_resource(["create"])}, "database-project (create)"),
        ({PROJECT: planned_resource(["create"])}, {}, "database-project (no longer there)"),
        (
            {PROJECT: planned_resource(["same"])},
            {PROJECT: planned_resource(REPLACED)},
            "(create-replacement, delete-replaced, ",
        ),
        (
            {PROJECT: planned_resource(["update"])},
            {PROJECT: planned_resource(["delete"])},
            "database-project (delete)",
        ),
        (
            {MONITOR: planned_resource(["update"], updates={"interval": 60, "url": "a"})},
            {MONITOR: planned_resource(["update"], updates={"interval": 61, "url": "a"})},
            "uptime-backend-health (interval)",
        ),
        (
            {MONITOR: planned_resource(["update"], updates={"interval": 60})},
            {MONITOR: planned_resource(["update"], updates={"interval": 60}, deletes=["url"])},
            "uptime-backend-health (url)",
        ),
        (
            {PROJECT: planned_resource(["update"], protect=True)},
            {PROJECT: planned_resource(["update"])},
            "database-project (the option protect)",
        ),
    ],
)
def test_a_plan_that_differs_from_the_reviewed_one_is_refused(
    tmp_path: Path, reviewed: dict[str, Any], now: dict[str, Any], message: str
) -> None:
    with pytest.raises(Failure) as refused:
        require_same(plan(tmp_path, reviewed), plan(tmp_path, now), stack="prod")
    assert message in str(refused.value)
    assert "Nothing was changed" in str(refused.value)
    assert "./bulwark review --stack prod --save-plan FILE" in str(refused.value)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"resourcePlans": 1}', '{"resourcePlans": {"a": []}}', "\xff"]
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content, encoding="latin-1")
    with pytest.raises(Failure, match="is no plan"):
        read(tmp_path / "plan.json")


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"is no plan: No such file"):
        read(tmp_path / "plan.json")


def test_values_in_the_engines_plan_violations_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    # What pulumi 3.259.0 wrote, with the values of a secret of two lines.
    violation = (
        "error: resource urn:a violates plan: properties changed: ++password[{&{{hunter2\nhunter3}}}!={4}]"
    )
    watched = EventLog("Update", quiet=False, as_json=False)
    for line in ["before", *violation.split("\n"), "Diagnostics: hunter2"]:
        watched.on_output(line)
    assert "hunter" not in without_values(violation)[0]
    out = capsys.readouterr().out
    assert out.startswith("before\nerror: resource urn:a violates plan; the values are not shown")
    assert "hunter" not in out

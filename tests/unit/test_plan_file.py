"""An update is held to the plan that was reviewed."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.failure import Failure
from engine.event_log import EventLog
from engine.plan_file import ReviewedPlan, read, refuse_others, without_values

MONITOR = "urn:pulumi:prod::bulwark::uptimerobot:index/monitor:Monitor::uptime-health"
PROJECT = "urn:pulumi:prod::bulwark::neon:index/project:Project::database-project"
REPLACED = ["create-replacement", "replace", "delete-replaced"]


def planned(operations: list[str] | None, *, protect: bool = False, **difference: Any) -> dict[str, Any]:
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
            MONITOR: planned(["update"], updates={"interval": 60}),
            PROJECT: planned(REPLACED, deletes=["quota"]),
        },
        {MONITOR: {"steps": ["delete"], "goal": None}, PROJECT: planned(None)},
    ],
)
def test_what_was_reviewed_may_be_done(tmp_path: Path, resources: dict[str, Any]) -> None:
    refuse_others(plan(tmp_path, resources), plan(tmp_path, resources), stack="prod")


def test_a_secret_that_is_encrypted_anew_is_the_same_one(tmp_path: Path) -> None:
    before, now = (
        plan(tmp_path, {MONITOR: planned(["update"], updates={"list": [{"token": secret(text)}]})})
        for text in ("one", "two")
    )
    refuse_others(before, now, stack="prod")


@pytest.mark.parametrize(
    ("reviewed", "now", "told"),
    [
        ({}, {PROJECT: planned(["create"])}, "database-project (create)"),
        ({PROJECT: planned(["create"])}, {}, "database-project (no longer there)"),
        (
            {PROJECT: planned(["same"])},
            {PROJECT: planned(REPLACED)},
            "(create-replacement, delete-replaced, ",
        ),
        ({PROJECT: planned(["update"])}, {PROJECT: planned(["delete"])}, "database-project (delete)"),
        (
            {MONITOR: planned(["update"], updates={"interval": 60, "url": "a"})},
            {MONITOR: planned(["update"], updates={"interval": 61, "url": "a"})},
            "uptime-health (interval)",
        ),
        (
            {MONITOR: planned(["update"], updates={"interval": 60})},
            {MONITOR: planned(["update"], updates={"interval": 60}, deletes=["url"])},
            "uptime-health (url)",
        ),
        (
            {PROJECT: planned(["update"], protect=True)},
            {PROJECT: planned(["update"])},
            "database-project (the option protect)",
        ),
    ],
)
def test_anything_else_is_refused_before_it_is_done(
    tmp_path: Path, reviewed: dict[str, Any], now: dict[str, Any], told: str
) -> None:
    with pytest.raises(Failure) as refused:
        refuse_others(plan(tmp_path, reviewed), plan(tmp_path, now), stack="prod")
    assert told in str(refused.value)
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
    with pytest.raises(Failure, match=r"is no plan \(FileNotFoundError\)"):
        read(tmp_path / "plan.json")


def test_what_the_engine_says_of_values_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    # What pulumi 3.259.0 wrote, with the values of a secret of two lines.
    said = "error: resource urn:a violates plan: properties changed: ++password[{&{{hunter2\nhunter3}}}!={4}]"
    watched = EventLog("Update", quiet=False, as_json=False)
    for line in ["before", *said.split("\n"), "Diagnostics: hunter2"]:
        watched.read(line)
    assert "hunter" not in without_values(said)[0]
    out = capsys.readouterr().out
    assert out.startswith("before\nerror: resource urn:a violates plan; the values are not shown")
    assert "hunter" not in out

"""An update is held to the plan that was reviewed."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.reviewed import read, refuse_others
from toolchain.failure import Failure

MONITOR = "urn:pulumi:prod::bulwark::uptimerobot:index/monitor:Monitor::uptime-health"
PROJECT = "urn:pulumi:prod::bulwark::neon:index/project:Project::database-project"


def plan(folder: Path, **steps: list[str] | None) -> Path:
    file = folder / "plan.json"
    file.write_text(json.dumps({"resourcePlans": {urn: {"steps": found} for urn, found in steps.items()}}))
    return file


def step(op: str, urn: str) -> dict[str, Any]:
    return {"op": op, "urn": urn, "properties": []}


def test_what_was_planned_may_be_done(tmp_path: Path) -> None:
    planned = read(
        plan(tmp_path, **{MONITOR: ["update"], PROJECT: ["create-replacement", "replace", "delete-replaced"]})
    )
    refuse_others(planned, [step("update", MONITOR), step("replace", PROJECT)], stack="prod")
    refuse_others(planned, [], stack="prod")


@pytest.mark.parametrize("steps", [{}, {PROJECT: ["same"]}, {PROJECT: ["update"]}, {PROJECT: None}])
def test_what_nobody_reviewed_is_refused_before_anything_changes(
    tmp_path: Path, steps: dict[str, list[str] | None]
) -> None:
    planned = read(plan(tmp_path, **steps))
    with pytest.raises(Failure, match=r"database-project \(replace\)\. Nothing was changed") as refused:
        refuse_others(planned, [step("replace", PROJECT)], stack="prod")
    assert "./bulwark review --stack prod --save-plan FILE" in str(refused.value)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"resourcePlans": 1}', '{"resourcePlans": {"a": []}}'])
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(Failure, match="is no plan"):
        read(tmp_path / "plan.json")


def test_a_plan_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"is no plan \(FileNotFoundError\)"):
        read(tmp_path / "plan.json")

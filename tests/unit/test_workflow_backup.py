"""The scheduled backup agrees with the settings, and the commands of its runbook exist."""

import re
import shlex
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cli.app import app

CHECKOUT: Final = Path(__file__).resolve().parents[2]
RUNBOOK: Final = CHECKOUT / "docs" / "runbooks" / "backup.md"
WORKFLOW: Final[dict[Any, Any]] = yaml.safe_load((CHECKOUT / ".github/workflows/backup.yml").read_text())
JOB: Final[dict[str, Any]] = WORKFLOW["jobs"]["backup"]
SETTINGS: Final[dict[str, Any]] = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
BACKUPS: Final[dict[str, Any]] = SETTINGS["bulwark:backups"]
ON: Final[dict[str, Any]] = WORKFLOW[True]  # YAML 1.1 reads `on` as true


def commands(text: str) -> list[str]:
    return re.findall(r"^\./bulwark .*$", text, re.MULTILINE)


def test_the_schedules_are_those_from_which_the_heartbeats_are_derived() -> None:
    wanted = [BACKUPS[job]["schedule"] for job in ("database", "files")]
    assert [entry["cron"] for entry in ON["schedule"]] == wanted
    assert all(schedule in JOB["env"]["STORES"] for schedule in wanted)
    assert all(schedule.split()[0].isdecimal() and int(schedule.split()[0]) % 30 for schedule in wanted)


def test_a_run_has_the_time_that_the_settings_give_it_and_its_role_lasts_longer() -> None:
    longest = max(BACKUPS[job]["longest_run_minutes"] for job in ("database", "files"))
    assert JOB["timeout-minutes"] > longest
    [role] = [step["with"] for step in JOB["steps"] if "configure-aws" in step.get("uses", "")]
    assert role["role-duration-seconds"] >= JOB["timeout-minutes"] * 60
    assert role["role-to-assume"] == "${{ vars.BACKUP_ROLE }}"
    assert not role.keys() & {"aws-access-key-id", "aws-secret-access-key"}


def test_the_backup_workflow_never_runs_twice_at_a_time_and_has_only_the_permissions_that_it_needs() -> None:
    assert WORKFLOW["concurrency"] == {"group": "backup", "cancel-in-progress": False}
    assert WORKFLOW["permissions"] == {}
    assert JOB["permissions"] == {"contents": "read", "id-token": "write"}
    assert JOB["environment"] == BACKUPS.get("backup_environment", "backup")


def test_every_action_is_pinned_by_the_commit_that_the_other_workflows_use() -> None:
    used: dict[str, set[str]] = {}
    for file in (CHECKOUT / ".github" / "workflows").glob("*.yml"):
        for action, pin in re.findall(r"uses: (\S+)@(\S+)", file.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40}", pin), f"{file.name}: {action}"
            used.setdefault(action, set()).add(pin)
    assert {action: pins for action, pins in used.items() if len(pins) > 1} == {}


def test_the_postgresql_of_the_backup_workflow_is_as_new_as_the_server() -> None:
    [found] = re.findall(r"postgresql-client-(\d+)", str(JOB["steps"]))
    assert int(found) >= SETTINGS["bulwark:database"]["postgres_version"]
    assert f"postgresql-client-{found}" in RUNBOOK.read_text()


@pytest.mark.parametrize("command", commands(RUNBOOK.read_text()))
def test_every_command_of_the_runbook_exists(command: str) -> None:
    app.parse_args(shlex.split(command.partition(" > ")[0])[1:], exit_on_error=False, print_error=False)


def test_every_command_of_the_backup_workflow_exists() -> None:
    for stores in ("database state", *ON["workflow_dispatch"]["inputs"]["stores"]["options"]):
        app.parse_args(["backup", *stores.split(), "--stack", "prod"], exit_on_error=False, print_error=False)

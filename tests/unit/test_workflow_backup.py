"""The scheduled backup and its proof agree with the settings, and the commands of their runbook exist."""

import re
import shlex
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cli.app import app
from cli.toolchain import toolchain

CHECKOUT: Final = Path(__file__).resolve().parents[2]
RUNBOOK: Final = CHECKOUT / "docs" / "runbooks" / "backup.md"
WORKFLOW: Final[dict[Any, Any]] = yaml.safe_load((CHECKOUT / ".github/workflows/backup.yml").read_text())
JOB: Final[dict[str, Any]] = WORKFLOW["jobs"]["backup"]
STATE: Final[dict[str, Any]] = WORKFLOW["jobs"]["state"]
PROVE: Final[dict[str, Any]] = WORKFLOW["jobs"]["prove"]
KEEP: Final[dict[str, Any]] = WORKFLOW["jobs"]["keep"]
SETTINGS: Final[dict[str, Any]] = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
BACKUPS: Final[dict[str, Any]] = SETTINGS["bulwark:backups"]
JOBS: Final = {name: store["backup"] for name, store in SETTINGS["bulwark:stores"].items()}
ON: Final[dict[str, Any]] = WORKFLOW[True]  # YAML 1.1 reads `on` as true


def commands(text: str) -> list[str]:
    return re.findall(r"^\./bulwark .*$", text, re.MULTILINE)


def test_the_schedules_are_those_from_which_the_heartbeats_are_derived() -> None:
    wanted = [JOBS[job]["schedule"] for job in ("database", "files")]
    assert [entry["cron"] for entry in ON["schedule"]] == wanted
    assert all(schedule in WORKFLOW["env"]["STORES"] for schedule in wanted)
    # The proof follows the last backup of the day.
    assert BACKUPS["proof"]["schedule"] == wanted[-1]
    assert all(schedule.split()[0].isdecimal() and int(schedule.split()[0]) % 30 for schedule in wanted)


def steps_of(job: dict[str, Any], action: str) -> list[dict[str, Any]]:
    return [step for step in job["steps"] if action in step.get("uses", "")]


def script_of(job: dict[str, Any], name: str) -> str:
    [script] = [step["run"] for step in job["steps"] if step.get("name") == name]
    return script


def test_a_run_has_the_time_that_the_settings_give_it_and_its_role_lasts_longer() -> None:
    longest = max(JOBS[job]["longest_run_minutes"] for job in ("database", "files"))
    assert JOB["timeout-minutes"] > longest
    [role] = [step["with"] for step in JOB["steps"] if "configure-aws" in step.get("uses", "")]
    assert role["role-duration-seconds"] >= JOB["timeout-minutes"] * 60
    assert role["role-to-assume"] == "${{ vars.BACKUP_ROLE }}"
    assert not role.keys() & {"aws-access-key-id", "aws-secret-access-key"}


def test_no_job_of_the_backup_workflow_runs_twice_at_a_time_nor_waits_for_another_one() -> None:
    groups = [job["concurrency"] for job in (JOB, STATE, PROVE, KEEP)]
    assert len({one["group"] for one in groups}) == 4
    assert not any(one["cancel-in-progress"] for one in groups)
    assert "concurrency" not in WORKFLOW


def test_each_job_of_the_backup_workflow_has_the_one_role_that_it_needs() -> None:
    environments = {"backup": "backup", "restore": "restore", "state": "state"} | {
        name.removesuffix("_environment"): value
        for name, value in BACKUPS.items()
        if name.endswith("_environment")
    }
    assert WORKFLOW["permissions"] == {}
    for job, environment, role in (
        (JOB, "backup", "BACKUP"),
        (STATE, "state", "STATE"),
        (PROVE, "restore", "RESTORE"),
        (KEEP, "backup", "BACKUP"),
    ):
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert job["environment"] == "${{ inputs.prefix }}" + environments[environment]
        [found] = steps_of(job, "configure-aws")
        assert found["with"]["role-to-assume"] == f"${{{{ vars.{role}_ROLE }}}}"
        assert found["with"]["aws-region"] == f"${{{{ vars.{role}_REGION }}}}"


def test_each_backup_is_proven_and_what_was_found_is_kept_whatever_it_is() -> None:
    assert PROVE["needs"] == ["backup", "state"]
    either = "needs.backup.result == 'success' || needs.state.result == 'success'"
    assert PROVE["if"] == f"${{{{ !cancelled() && ({either}) }}}}"
    assert KEEP["needs"] == "prove"
    assert KEEP["if"] == "always() && needs.prove.result != 'skipped'"
    [hands_over], [takes] = steps_of(PROVE, "upload-artifact"), steps_of(KEEP, "download-artifact")
    assert hands_over["if"] == "always()"
    assert hands_over["with"]["name"] == takes["with"]["name"]
    assert hands_over["with"]["path"] == takes["with"]["path"]
    assert PROVE["timeout-minutes"] >= BACKUPS["proof"]["longest_run_minutes"]


def test_the_time_until_a_proof_is_reported_late_is_that_of_the_backup_and_of_its_own_run() -> None:
    proof = BACKUPS["proof"]
    before = max(
        JOBS[job]["lateness_minutes"] + JOBS[job]["longest_run_minutes"] for job in ("database", "files")
    )
    assert timedelta(minutes=proof["lateness_minutes"]) >= timedelta(minutes=before)


@pytest.mark.parametrize(
    ("damaged", "code"), [((), 0), (("database",), 1), (("files",), 1), (("database", "files"), 1)]
)
def test_one_damaged_backup_does_not_keep_the_next_from_being_proven(
    tmp_path: Path, damaged: tuple[str, ...], code: int
) -> None:
    """Run the steps as the runner does, with a program in the place of ours that answers as it does."""
    program = tmp_path / "bulwark"
    program.write_text(
        "#!/bin/bash\n"
        'echo "$*" >> calls\n'
        'if [ "$2" = --add ]; then [ -s "$3" ]; exit; fi\n'
        f'case "{" ".join(damaged)}" in *"$4"*) exit 1;; *) echo "$4 is good";; esac\n'
    )
    program.chmod(0o755)
    environment = {
        "PATH": "/usr/bin:/bin",
        "RUNNER_TEMP": str(tmp_path),
        "STORES": "database state files",
        "STACK": "prod",
        "DOCUMENT": "aws-secret:a",
    }

    def run(script: str) -> int:
        # GitHub runs a step with `bash -e`.
        return subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp_path, env=environment, check=False
        ).returncode

    assert run(script_of(PROVE, "Restore and compare")) == code
    assert run(script_of(KEEP, "Put it into the vault")) == code
    assert (tmp_path / "calls").read_text().splitlines() == [
        *(f"verify --deep --store {one} --stack prod --json" for one in ("database", "state", "files")),
        *(
            f"verify --add {tmp_path}/proof/{one}.json --stack prod --recovery aws-secret:a"
            for one in ("database", "files", "state")
        ),
    ]


@pytest.mark.parametrize(
    ("stores", "backed_up"),
    [("database state", "database"), ("files", "files"), ("all", "all"), ("database", "database")],
)
def test_the_state_is_backed_up_by_the_job_that_does_nothing_else(stores: str, backed_up: str) -> None:
    """Run the step as the runner does, with a program in the place of ours that shows its arguments."""
    script = 'bulwark() { echo "$*"; }\n' + script_of(JOB, "Back up").replace("./bulwark", "bulwark")
    ran = subprocess.run(
        ["bash", "-e", "-c", script],
        env={"PATH": "/usr/bin:/bin", "STORES": stores, "STACK": "prod", "DOCUMENT": "aws-secret:a"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"backup {backed_up} --stack prod --recovery aws-secret:a\n"
    assert script_of(STATE, "Back up the state") == './bulwark backup state --stack "$STACK"'
    assert JOB["if"] == "inputs.stores != 'state'"
    database = ON["schedule"][0]["cron"]
    assert STATE["if"] == (
        "inputs.stores == 'all' || inputs.stores == 'state' || "
        f"!inputs.stores && github.event.schedule == '{database}'"
    )


def test_each_store_that_the_workflow_backs_up_can_be_proven_alone() -> None:
    stores = {"database", "state", *ON["workflow_dispatch"]["inputs"]["stores"]["options"]}
    for store in stores:
        words = ["verify", "--deep", "--store", store, "--stack", "prod", "--json"]
        app.parse_args(words, exit_on_error=False, print_error=False)
    app.parse_args(["verify", "--add", "x.json", "--stack", "prod"], exit_on_error=False, print_error=False)


def test_every_action_is_pinned_by_the_commit_that_the_other_workflows_use() -> None:
    used: dict[str, set[str]] = {}
    for file in (CHECKOUT / ".github" / "workflows").glob("*.yml"):
        for action, pin in re.findall(r"uses: (\S+)@(\S+)", file.read_text()):
            assert re.fullmatch(r"[0-9a-f]{40}", pin), f"{file.name}: {action}"
            used.setdefault(action, set()).add(pin)
    assert {action: pins for action, pins in used.items() if len(pins) > 1} == {}


def test_the_postgresql_of_the_workflows_is_that_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    for job in (JOB, PROVE):
        [script] = [step["run"] for step in job["steps"] if "postgresql-client-" in step.get("run", "")]
        assert 'postgresql-client-$(./bulwark toolchain postgresql)"' in script
    assert toolchain("postgresql") == 0
    assert capsys.readouterr().out == f"{SETTINGS['bulwark:stores']['database']['postgres_version']}\n"


@pytest.mark.parametrize("command", commands(RUNBOOK.read_text()))
def test_every_command_of_the_runbook_exists(command: str) -> None:
    app.parse_args(shlex.split(command.partition(" > ")[0])[1:], exit_on_error=False, print_error=False)


def test_every_command_of_the_backup_workflow_exists() -> None:
    for stores in ("database files", "all", *ON["workflow_dispatch"]["inputs"]["stores"]["options"]):
        app.parse_args(["backup", *stores.split(), "--stack", "prod"], exit_on_error=False, print_error=False)

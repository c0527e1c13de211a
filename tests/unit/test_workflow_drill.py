"""The workflow of drills: by the settings' schedule, each job with the one role that it needs."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, get_args

import yaml

from cli.app import app
from cli.drill import Choice
from cli.receiving_stack import list_variables
from engine.targets import find_target

_FILE = Path(__file__).parents[2] / ".github" / "workflows" / "drill.yml"
_TEXT = _FILE.read_text()
# PyYAML reads the key `on` as true.
WORKFLOW: dict[Any, Any] = yaml.safe_load(_TEXT)
PREFIX = "${{ inputs.prefix }}"
SETTINGS = find_target("prod", on_twin=False).settings.vaults
DRILL, STATE, KEEP, CREDENTIALS = (
    WORKFLOW["jobs"][name] for name in ("drill", "state", "keep", "credentials")
)


def run_steps(job: dict[str, Any]) -> str:
    return "\n".join(str(step.get("run", "")) for step in job["steps"]).replace("\\\n", " ")


def assumed_roles(job: dict[str, Any]) -> list[str]:
    return [
        step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})
    ]


def test_the_drill_workflow_runs_by_the_schedule_that_the_heartbeat_is_derived_from() -> None:
    assert WORKFLOW[True]["schedule"] == [{"cron": SETTINGS.drill.schedule}]
    assert DRILL["timeout-minutes"] >= SETTINGS.drill.longest_run_minutes
    assert WORKFLOW["concurrency"] == {"group": "drill", "cancel-in-progress": False}


def test_every_scenario_that_the_drill_workflow_offers_exists() -> None:
    inputs = WORKFLOW[True]["workflow_dispatch"]["inputs"]
    # No job has the private key of the copy elsewhere, or may take a service down.
    assert set(inputs["scenario"]["options"]) == set(get_args(Choice)) - {"elsewhere", "service"}
    assert inputs["scenario"]["default"] == "all"


def test_the_job_that_reads_backups_writes_none_and_the_job_that_keeps_evidence_restores_none() -> None:
    assert (DRILL["environment"], assumed_roles(DRILL)) == (
        PREFIX + SETTINGS.drill_environment,
        ["${{ vars.DRILL_ROLE }}"],
    )
    assert (STATE["environment"], assumed_roles(STATE)) == (
        PREFIX + SETTINGS.state_drill_environment,
        ["${{ vars.STATE_DRILL_ROLE }}"],
    )
    assert (CREDENTIALS["environment"], assumed_roles(CREDENTIALS)) == (
        PREFIX + SETTINGS.drill_environment,
        ["${{ vars.DRILL_ROLE }}"],
    )
    assert (KEEP["environment"], assumed_roles(KEEP)) == (
        PREFIX + SETTINGS.backup_environment,
        ["${{ vars.BACKUP_ROLE }}"],
    )
    assert "bulwark drill " not in run_steps(KEEP)
    assert "--add" not in run_steps(DRILL) + run_steps(STATE) + run_steps(CREDENTIALS)
    assert WORKFLOW["permissions"] == {}
    for job in (DRILL, STATE, KEEP, CREDENTIALS):
        assert job["permissions"] == {"contents": "read", "id-token": "write"}


def test_evidence_is_kept_whatever_the_verdict_and_nothing_is_left_behind() -> None:
    assert KEEP["needs"] == ["drill", "state", "credentials"]
    skipped = " && ".join(f"needs.{job}.result == 'skipped'" for job in KEEP["needs"])
    assert KEEP["if"] == f"always() && !({skipped})"
    [takes] = [step for step in KEEP["steps"] if "download-artifact" in step.get("uses", "")]
    for job in (DRILL, STATE, CREDENTIALS):
        hands_over = next(step for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
        assert hands_over["if"] == "always()"
        # The whole folder: without its attestation, which lies beside it, evidence does not count.
        assert hands_over["with"]["path"] == "${{ runner.temp }}/drill"
        assert "$RUNNER_TEMP/drill/evidence.json" in run_steps(job)
        assert fnmatch(hands_over["with"]["name"], takes["with"]["pattern"])
    cleans = next(step for step in DRILL["steps"] if "--clean" in step.get("run", ""))
    assert cleans["if"] == "${{ !success() }}"


def test_the_commands_of_the_drill_workflow_are_those_of_the_command_line() -> None:
    found = re.findall(
        r"^ *\./bulwark (?!toolchain)(.*)$",
        "\n".join(map(run_steps, (DRILL, STATE, KEEP, CREDENTIALS))),
        re.MULTILINE,
    )
    assert len(found) == 5
    for line in found:
        words = line.removesuffix(" || code=$?").replace('"$SCENARIO"', "all")
        words = words.replace("$RANDOM_POINT", "--random").replace('"', "")
        words = words.replace("${INTO:+--into $INTO}", "--into staging")
        called, _, _ = app.parse_args(words.split(), print_error=False, exit_on_error=False)
        assert called.__name__ in {"drill", "drills"}


def test_only_a_drill_into_another_stack_gets_the_addresses_of_its_database() -> None:
    steps = [step for step in DRILL["steps"] if "_INTO_" in str(step)]
    assert [step["name"] for step in steps] == ["Drill", "Leave nothing behind"]
    for step in steps:
        names = [name for name in step["env"] if "_INTO_" in name]
        assert names == list(list_variables("database"))
        for name in names:
            assert step["env"][name] == f"${{{{ inputs.into && secrets.{name} }}}}"
    assert WORKFLOW[True]["workflow_dispatch"]["inputs"]["into"]["options"] == ["", "staging"]
    assert "into" not in WORKFLOW[True]["workflow_call"]["inputs"]

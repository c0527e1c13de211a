"""Staging's jobs are those of production's workflows, with its own schedules, environments and secrets."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from engine import stack_file
from engine.stack_file import load_settings

_FOLDER: Final = Path(__file__).parents[2] / ".github" / "workflows"
_WORKFLOW: Final[dict[Any, Any]] = yaml.safe_load((_FOLDER / "staging.yml").read_text())
_ON: Final[dict[str, Any]] = _WORKFLOW[True]  # YAML 1.1 reads `on` as true
_JOBS: Final[dict[str, dict[str, Any]]] = _WORKFLOW["jobs"]
_SETTINGS: Final = load_settings("staging", stack_file.read("staging"))


def called_by(job: dict[str, Any]) -> tuple[str, dict[Any, Any]]:
    """Return the text and the content of the workflow that a job calls."""
    text = (_FOLDER / job["uses"].removeprefix("$/.github/workflows/")).read_text()
    return text, yaml.safe_load(text)


@pytest.mark.parametrize("name", _JOBS)
def test_a_job_of_staging_gives_its_workflow_what_it_takes_and_no_more_rights(name: str) -> None:
    job = _JOBS[name]
    text, content = called_by(job)
    call = content[True]["workflow_call"]
    required = {key for key, entry in call["inputs"].items() if entry.get("required")}
    assert required <= set(job["with"]) <= set(call["inputs"])
    assert (job["with"]["stack"], job["with"]["prefix"]) == ("staging", _SETTINGS.vaults.environment_prefix)
    # A drill into staging is one of production's backups.
    used = {one for one in re.findall(r"secrets\.(\w+)", text) if "_INTO_" not in one}
    assert set(call["secrets"]) == used
    # It has no vault at another cloud.
    assert set(job["secrets"]) == {one for one in used if "ELSEWHERE" not in one}
    assert job["secrets"] == {one: f"${{{{ secrets.{one} }}}}" for one in job["secrets"]}
    needed = [entry for called in content["jobs"].values() for entry in called["permissions"].items()]
    assert set(job["permissions"].items()) == set(needed)


def test_staging_runs_by_its_own_schedules_and_deploys_from_main_when_it_is_there() -> None:
    backups = _SETTINGS.vaults
    [stores] = {store.backup.schedule for store in _SETTINGS.stores.values()}
    assert backups.proof.schedule == stores  # the proof is a job of the same run
    begins = {name: re.findall(r"schedule == '(.*?)'", job["if"]) for name, job in _JOBS.items()}
    assert begins["backup"] == [stores]
    assert begins["drill"] == [backups.drill.schedule]
    assert begins["deploy"] == []
    crons = [entry["cron"] for entry in _ON["schedule"]]
    assert sorted(crons) == sorted(cron for of_job in begins.values() for cron in of_job)
    assert len(set(crons)) == len(crons)
    assert _ON["push"] == {"branches": ["main"]}
    assert _JOBS["deploy"]["with"]["environment"] == backups.deploy_environment
    assert set(_ON["workflow_dispatch"]["inputs"]["what"]["options"]) == set(_JOBS)
    assert all(job["if"].startswith("vars.STAGING == 'true' && (") for job in _JOBS.values())


def test_runs_of_two_stacks_do_not_wait_for_each_other_except_drills() -> None:
    for job in _JOBS.values():
        text, content = called_by(job)
        groups = re.findall(r"^ +group: (.*)$", text, re.MULTILINE)
        assert groups
        assert content["env"]["STACK"] == "${{ inputs.stack || 'prod' }}"
        assert all(group == "drill" or group.endswith(f"-{content['env']['STACK']}") for group in groups)

"""The workflow of the copy elsewhere: by the settings' schedule, with one role, without the private key."""

from pathlib import Path
from typing import Any, Final

import yaml

from components.settings.backups import ELSEWHERE_KEY
from engine.targets import find_target

_TEXT: Final = (Path(__file__).parents[2] / ".github" / "workflows" / "elsewhere.yml").read_text()
# PyYAML reads the key `on` as true.
_WORKFLOW: Final[dict[Any, Any]] = yaml.safe_load(_TEXT)
_JOB: Final[dict[str, Any]] = _WORKFLOW["jobs"]["copy"]
_SETTINGS: Final = find_target("prod", on_twin=False).settings.vaults


def test_the_copy_elsewhere_runs_by_the_schedule_that_its_heartbeat_is_derived_from() -> None:
    assert _SETTINGS.elsewhere
    assert _WORKFLOW[True]["schedule"] == [{"cron": _SETTINGS.elsewhere.job.schedule}]
    assert _JOB["timeout-minutes"] > _SETTINGS.elsewhere.job.longest_run_minutes
    assert _JOB["concurrency"]["cancel-in-progress"] is False


def test_the_copy_elsewhere_has_a_role_that_reads_and_never_the_private_key() -> None:
    assert _WORKFLOW["permissions"] == {}
    assert _JOB["permissions"] == {"contents": "read", "id-token": "write"}
    assert _JOB["environment"] == "${{ inputs.prefix }}" + _SETTINGS.copy_environment
    [role] = [step["with"] for step in _JOB["steps"] if "configure-aws" in step.get("uses", "")]
    assert role["role-to-assume"] == "${{ vars.COPY_ROLE }}"
    assert role["role-duration-seconds"] >= _JOB["timeout-minutes"] * 60
    [run] = [step for step in _JOB["steps"] if "./bulwark copy" in step.get("run", "")]
    assert set(run["env"]) == {*ELSEWHERE_KEY, "DOCUMENT"}
    assert "identity" not in _TEXT.lower()
    assert "--deep" not in _TEXT

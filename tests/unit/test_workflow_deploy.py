"""Production changes from main alone, after an approval, by a saved plan; drift is one issue."""

import re
import shutil
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import fake_gh
import pytest
import yaml
from fake_gh import item

from components.guard import REPLICA_READER
from components.settings.backups import BackupSettings
from engine import stack_file
from engine.stack_file import load_settings

_FOLDER = Path(__file__).parents[2] / ".github/workflows"
_MARK = "<!-- bulwark drift: prod -->\n"


def workflow(name: str) -> dict[Any, Any]:
    return yaml.safe_load((_FOLDER / name).read_text())


def commands(job: dict[str, Any]) -> str:
    return "\n".join(str(step.get("run", "")) for step in job["steps"])


def environment_of(field: str) -> Any:
    return BackupSettings.model_fields[field].default


@pytest.mark.parametrize("file", sorted(_FOLDER.glob("*.yml")), ids=lambda file: file.name)
def test_every_workflow_declares_its_permissions_and_pins_its_actions(file: Path) -> None:
    found = yaml.safe_load(file.read_text())
    assert found["permissions"] == {}
    jobs = [job for job in found["jobs"].values() if "uses" not in job]
    used = [step["uses"] for job in jobs for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40}", action) for action in used)
    assert all("timeout-minutes" in job for job in jobs)


def test_production_changes_from_main_alone_after_an_approval() -> None:
    found = workflow("deploy.yml")
    plan, deploy = found["jobs"]["plan"], found["jobs"]["deploy"]
    assert found[True]["push"] == {"branches": ["main"]}  # YAML 1.1 reads `on` as true
    assert plan["if"] == "github.ref == 'refs/heads/main'"
    assert deploy["needs"] == "plan"
    assert plan["environment"] == "${{ inputs.prefix }}" + environment_of("plan_environment")
    default = environment_of("deploy_environment")
    assert deploy["environment"] == f"${{{{ inputs.environment || '{default}' }}}}"
    assert found["concurrency"]["cancel-in-progress"] is False


def test_who_plans_and_deploys_looks_into_the_replicas_account_by_the_profile_of_the_settings() -> None:
    config = ConfigParser()
    config.read(_FOLDER.parent / "aws-config")
    for stack in ("prod", "staging"):
        settings = load_settings(stack, stack_file.read(stack))
        replica, name = settings.vaults.replica, settings.platform.name
        profile = config[f"profile {replica.profile}"]
        assert profile["role_arn"] == f"arn:aws:iam::{replica.account}:role/{name}-{REPLICA_READER}"
        assert profile["credential_source"] == "Environment"
    using = {
        file.name
        for file in _FOLDER.glob("*.yml")
        if "/.github/aws-config" in workflow(file.name).get("env", {}).get("AWS_CONFIG_FILE", "")
    }
    assert using == {
        file.name
        for file in _FOLDER.glob("*.yml")
        if re.search(r"vars\.(PLAN|DEPLOY)_ROLE", file.read_text())
    }


def test_the_plan_that_is_deployed_is_the_one_that_was_shown() -> None:
    plan, deploy = workflow("deploy.yml")["jobs"].values()
    saved = re.search(r"--save-plan (\S+)", commands(plan))
    done = re.search(r"up --stack \S+ --yes --plan (\S+)", commands(deploy))
    assert saved
    assert done
    assert saved[1] == done[1]
    assert "pulumi up" not in commands(deploy)  # ./bulwark has the policies on, whatever it is told


def test_the_drift_workflow_can_change_nothing() -> None:
    look, keep, tell = workflow("drift.yml")["jobs"].values()
    assert look["environment"] == "${{ inputs.prefix }}" + environment_of("plan_environment")
    assert look["permissions"] == {"contents": "read", "id-token": "write"}
    assert "--add" not in commands(look)
    assert keep["environment"] == "${{ inputs.prefix }}" + environment_of("backup_environment")
    assert tell["permissions"] == {"issues": "write"}
    assert not any("checkout" in step.get("uses", "") for step in tell["steps"])


def issues_after(folder: Path, before: list[Any], drift: str | None) -> list[Any]:
    """Run the workflow's own step."""
    found = workflow("drift.yml")
    step = found["jobs"]["tell"]["steps"][-1]
    stack = found["env"]["STACK"]
    step["env"]["MINE"] = step["env"]["MINE"].replace(stack, "prod")
    (folder / "drift.md").unlink(missing_ok=True)
    if drift:
        (folder / "drift.md").write_text(drift)
    return fake_gh.run_step(step, folder, before, ISSUES="repos/example/platform/issues", STACK="prod")


def test_the_nightly_look_publishes_the_page_of_the_health_whatever_it_says() -> None:
    steps = {step.get("name"): step for step in workflow("drift.yml")["jobs"]["look"]["steps"]}
    show, publish = steps["Show the health of everything"], steps["Publish the page"]
    assert show["if"] == publish["if"] == "always()"
    assert "./bulwark status" in show["run"]
    assert "--html" in show["run"]
    assert publish["with"]["path"].endswith("/health")
    # A page that could not be written fails the job, which the verdict on it does not.
    assert publish["with"]["if-no-files-found"] == "error"


def test_the_nightly_report_of_readiness_is_kept_whatever_it_says() -> None:
    look, keep, _ = workflow("drift.yml")["jobs"].values()
    steps = {step.get("name"): step for step in look["steps"]}
    ready, hand_over = steps["Look whether it is ready"], steps["Hand over the report, with its attestation"]
    assert ready["if"] == hand_over["if"] == "always()"
    written = re.search(r"--evidence \"\$RUNNER_TEMP/(\S+)/evidence.json\"", ready["run"])
    [taken] = [step for step in keep["steps"] if "download-artifact" in step.get("uses", "")]
    assert written
    assert hand_over["with"]["path"].endswith(written[1])
    assert hand_over["with"]["name"] == taken["with"]["name"]
    assert keep["if"].startswith("always()")
    assert "./bulwark ready" in commands(keep)
    assert "--add" in commands(keep)


@pytest.mark.skipif(
    not shutil.which("jq"), reason="jq is not on this machine, and gh's filter is its language"
)
def test_drift_is_one_issue_until_it_is_gone(tmp_path: Path) -> None:
    others = [
        item(1, f"{_MARK}quoted", by="someone"),
        item(2, f"{_MARK}a pull request", pull_request={}),
        item(3, f"{_MARK}last month's", state="closed"),
        item(4, f"{_MARK.replace('prod', 'staging')}of another stack"),
    ]
    assert issues_after(tmp_path, others, None) == others
    title = "The stack prod is not what the repository declares"
    first = issues_after(tmp_path, others, f"{_MARK}first")
    assert first == [*others, item(104, f"{_MARK}first", title=title)]
    second = issues_after(tmp_path, first, f"{_MARK}second")
    assert second == [*others, item(104, f"{_MARK}second", title=title)]
    gone = issues_after(tmp_path, second, None)
    assert gone == [*others, item(104, f"{_MARK}second", title=title, state="closed")]

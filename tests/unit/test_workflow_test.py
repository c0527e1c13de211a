"""The workflow of the checks: on every supported end of Python, and no contract test is left out."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

_CHECKOUT: Final = Path(__file__).parents[2]
_WORKFLOWS: Final = sorted((_CHECKOUT / ".github" / "workflows").glob("*.yml"))
# PyYAML reads the key `on` as true.
_WORKFLOW: Final[dict[Any, Any]] = yaml.safe_load((_CHECKOUT / ".github/workflows/test.yml").read_text())
_JOB: Final[dict[str, Any]] = _WORKFLOW["jobs"]["test"]


def test_the_checks_run_on_pushes_and_pull_requests_without_rights() -> None:
    assert set(_WORKFLOW[True]) == {"push", "pull_request"}
    assert _WORKFLOW["permissions"] == {}
    assert _JOB["permissions"] == {"contents": "read"}
    assert "secrets." not in str(_WORKFLOW)


def test_the_checks_run_on_the_oldest_and_the_newest_python() -> None:
    project = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text())["project"]
    launcher = (_CHECKOUT / "bulwark").read_text()
    newest = max(
        re.findall(r'"python(3\.\d+)"', launcher), key=lambda version: int(version.partition(".")[2])
    )
    oldest = project["requires-python"].removeprefix(">=")
    assert _JOB["strategy"]["matrix"]["python"] == [oldest, newest]
    [setup] = [step for step in _JOB["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["with"] == {"python-version": "${{ matrix.python }}"}


@pytest.mark.parametrize(
    ("name", "command"), [("test", "./bulwark test"), ("nightly", "./bulwark test --all")]
)
def test_a_contract_test_that_can_not_run_fails_the_workflow(name: str, command: str) -> None:
    workflow = yaml.safe_load((_CHECKOUT / f".github/workflows/{name}.yml").read_text())
    steps = [step for step in workflow["jobs"]["test"]["steps"] if "run" in step]
    [step] = [step for step in steps if "bulwark" in step["run"]]
    assert step["run"] == command
    assert step["env"] == {"BULWARK_REQUIRE_PROVIDERS": "1"}


def test_every_workflow_uses_the_same_commit_of_an_action() -> None:
    commits: dict[str, set[str]] = {}
    for file in _WORKFLOWS:
        for action, commit in re.findall(r"uses: ([\w./-]+)@(.*)", file.read_text()):
            commits.setdefault(action, set()).add(commit)
    assert all(re.fullmatch(r"[0-9a-f]{40} # v[\d.]+", each) for found in commits.values() for each in found)
    assert {action: found for action, found in commits.items() if len(found) > 1} == {}

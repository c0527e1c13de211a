"""What a job installs, it installs before it holds a credential; and what it runs is pinned."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from cli.app import app

_FOLDER: Final = Path(__file__).parents[2] / ".github" / "workflows"
_INSTALLS: Final = re.compile(
    r"apt-get|\bpip\b|\buv\b|\bnpm\b|\bnpx\b|\bcurl\b|\bwget\b|\bgo (?:get|install|run)\b|bulwark toolchain"
)
_PREPARES: Final = ("actions/checkout@", "actions/setup-python@")
_JOBS: Final = {
    f"{file.name}: {name}": job
    for file in sorted(_FOLDER.glob("*.yml"))
    for name, job in yaml.safe_load(file.read_text())["jobs"].items()
    if "uses" not in job  # those of the called workflow are in the list
}


def takes_credential(step: dict[str, Any]) -> bool:
    return "configure-aws-credentials" in step.get("uses", "") or "secrets." in str(step)


def first(steps: list[dict[str, Any]], matching: Any) -> int:
    return next((number for number, step in enumerate(steps) if matching(step)), len(steps))


@pytest.mark.parametrize("job", _JOBS.values(), ids=_JOBS.keys())
def test_nothing_is_installed_once_a_job_holds_a_credential(job: dict[str, Any]) -> None:
    assert "secrets." not in str(job.get("env", "")), "a job's environment is that of its first step too"
    steps = job["steps"]
    after = steps[first(steps, takes_credential) :]
    assert not [step for step in after if _INSTALLS.search(step.get("run", ""))]
    assert not [step for step in after if step.get("uses", "").startswith(_PREPARES)]


@pytest.mark.parametrize(
    "job", [job for job in _JOBS.values() if "id-token" in job.get("permissions", {})], ids=str
)
def test_a_job_with_a_role_has_installed_everything_before_it_takes_the_role(job: dict[str, Any]) -> None:
    steps = job["steps"]
    runs = first(steps, lambda step: "bulwark " in step.get("run", "") and "toolchain" not in step["run"])
    installs = first(steps, lambda step: "./bulwark toolchain install" in step.get("run", ""))
    role = first(steps, takes_credential)
    assert installs < role < runs < len(steps)


def test_every_command_of_the_toolchain_in_a_workflow_exists() -> None:
    found = set(re.findall(r"\./bulwark (toolchain [\w ]+\w)", "".join(map(str, _JOBS.values()))))
    assert found == {"toolchain install", "toolchain install cli", "toolchain postgresql"}
    for words in (*found, "toolchain lock", "toolchain lock --anew"):
        app.parse_args(words.split(), exit_on_error=False, print_error=False)


def test_what_a_job_installs_is_pinned() -> None:
    for step in [step for job in _JOBS.values() for step in job["steps"]]:
        uses, run = step.get("uses", ""), step.get("run", "")
        assert not uses or re.fullmatch(r"[\w.-]+(?:/[\w.-]+)+@[0-9a-f]{40}", uses)
        assert not re.search(r"curl|wget|\bpip install|\bnpx?\b", run)
        packages = re.findall(r"apt-get install --yes --no-install-recommends (.*)", run)
        assert packages in ([], ['"postgresql-client-$(./bulwark toolchain postgresql)"'])

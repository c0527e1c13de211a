"""Which secrets each job of the workflows can reach, compared with the table in docs/production.md."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

CHECKOUT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = CHECKOUT / ".github" / "workflows"
PAGE: Final = (CHECKOUT / "docs" / "production.md").read_text()

_DECRYPTS: Final = frozenset(("PULUMI_CONFIG_PASSPHRASE",))
_READS_STATE: Final = frozenset(("PULUMI_BACKEND_URL", "PULUMI_ACCESS_TOKEN"))
_DEPLOYMENT_ROLES: Final = frozenset(("PLAN_ROLE", "DEPLOY_ROLE"))
"""Their jobs have no passphrase: the state's secrets are encrypted with a key that these roles may use."""


def jobs() -> dict[str, dict[str, Any]]:
    """Return the jobs of all workflows, by `<file> <job>`."""
    return {
        f"{file.name} {name}": job
        for file in sorted(FOLDER.glob("*.yml"))
        for name, job in yaml.safe_load(file.read_text())["jobs"].items()
    }


def find(pattern: str, job: dict[str, Any]) -> set[str]:
    return set(re.findall(pattern, yaml.safe_dump(job)))


def role_of(job: dict[str, Any]) -> str:
    found = find(r"role-to-assume: \$\{\{ vars\.(\w+) \}\}", job)
    assert len(found) <= 1
    return next(iter(found), "")


def reach_of(job: dict[str, Any]) -> str:
    """Return what a job can open of the stack's state, which holds every secret of the stack."""
    variables = find(r"(?:secrets|vars)\.(\w+)", job)
    if not variables & _READS_STATE:
        return "nothing"
    return "everything" if variables & _DECRYPTS or role_of(job) in _DEPLOYMENT_ROLES else "encrypted"


def table() -> dict[str, tuple[str, str, str, str]]:
    """Return the rows of the page: job -> environment, role, secrets of GitHub's, reach into the state."""
    rows = re.findall(r"^\| `(\S+\.yml)` (\w+) \| (.*?) \| (.*?) \| (.*?) \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows
    return {
        f"{file} {job}": (environment, role, secrets, state)
        for file, job, environment, role, secrets, state in rows
    }


def test_the_page_lists_for_each_job_the_secrets_that_it_can_reach() -> None:
    found = {
        name: (
            job.get("environment", "none"),
            role_of(job) or "none",
            ", ".join(sorted(find(r"secrets\.(\w+)", job))) or "none",
            reach_of(job),
        )
        for name, job in jobs().items()
    }
    assert table() == found


def test_no_job_hands_its_secrets_to_more_than_the_steps_that_need_them() -> None:
    for name, job in jobs().items():
        assert not find(r"secrets\.(\w+)", {"env": job.get("env", {})}), name
    for file in FOLDER.glob("*.yml"):
        assert "secrets." not in str(yaml.safe_load(file.read_text()).get("env", {})), file.name


@pytest.mark.parametrize("name", ["backup.yml prove", "drill.yml keep", "elsewhere.yml copy"])
def test_a_job_that_restores_copies_or_keeps_evidence_has_neither_the_state_nor_what_decrypts_it(
    name: str,
) -> None:
    assert reach_of(jobs()[name]) == "nothing"


def test_the_state_is_backed_up_encrypted() -> None:
    assert reach_of(jobs()["backup.yml state"]) == "encrypted"

"""The pull request's comment: written once, edited from then on, and never somebody else's."""

import shutil
from pathlib import Path
from typing import Any

import fake_gh
import pytest
import yaml
from fake_gh import item

from review.base import GUARDS

_WORKFLOW = Path(__file__).parents[2] / ".github/workflows/review.yml"
_OURS = "<!-- bulwark review: prod -->\n"


def comments_after(folder: Path, before: list[Any], review: str) -> list[Any]:
    """Run the workflow's own step."""
    steps = yaml.safe_load(_WORKFLOW.read_text())["jobs"]["publish"]["steps"]
    step = next(step for step in steps if "comment" in step.get("name", ""))
    (folder / "review.md").write_text(review)
    return fake_gh.run_step(
        step,
        folder,
        before,
        COMMENTS="repos/example/platform/issues/7/comments",
        REPOSITORY="repos/example/platform",
    )


@pytest.mark.skipif(
    not shutil.which("jq"), reason="jq is not on this machine, and gh's filter is its language"
)
def test_a_pull_request_has_one_comment_however_often_it_is_reviewed(tmp_path: Path) -> None:
    others = [
        item(1, f"{_OURS}quoted", by="someone"),
        item(2, "of another workflow"),
        item(3, "<!-- bulwark audit: prod -->"),
    ]
    first = comments_after(tmp_path, others, f"{_OURS}first")
    assert first == [*others, item(103, f"{_OURS}first")]
    second = comments_after(tmp_path, first, f"{_OURS}second")
    assert second == [*others, item(103, f"{_OURS}second")]


def test_a_fork_reaches_no_secret_and_nothing_of_a_pull_request_runs_with_rights() -> None:
    workflow = yaml.safe_load(_WORKFLOW.read_text())
    assert set(workflow[True]) == {"pull_request"}  # YAML 1.1 reads `on` as true
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["review"]["permissions"] == {"contents": "read"}
    assert "secrets." not in _WORKFLOW.read_text()
    publish = workflow["jobs"]["publish"]
    assert "head.repo.full_name == github.repository" in publish["if"]
    assert not any("checkout" in step.get("uses", "") for step in publish["steps"])


def test_the_bases_policies_judge_each_pull_request() -> None:
    job = yaml.safe_load(_WORKFLOW.read_text())["jobs"]["review"]
    [checkout] = [step["with"] for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert (
        checkout["fetch-depth"] == 0
    )  # HEAD^1 is what the merge merges into; waivers count from their first commit
    [command] = [step["run"] for step in job["steps"] if "bulwark review" in step.get("run", "")]
    assert "--base HEAD^1 " in command
    for file in _WORKFLOW.parent.glob("*.yml"):
        assert "--base none" not in file.read_text()
        assert "pull_request_target" not in file.read_text()


def owner_of(path: str) -> str:
    """Return the owner by the last line that matches, as GitHub does; for the patterns of the file."""
    lines = (_WORKFLOW.parents[1] / "CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    matching = [
        owner
        for pattern, owner in rules
        if pattern in {"*", f"/{path}"} or (pattern.endswith("/") and f"/{path}".startswith(pattern))
    ]
    return matching[-1]


@pytest.mark.parametrize("name", [name for names in GUARDS.values() for name in names])
def test_what_judges_a_change_has_owners_of_its_own(name: str) -> None:
    assert owner_of(f"{name}file" if name.endswith("/") else name) == "@example/security"
    assert owner_of("components/uptime.py") == "@example/platform"


def test_every_owned_path_exists() -> None:
    checkout = _WORKFLOW.parents[2]
    for line in (_WORKFLOW.parents[1] / "CODEOWNERS").read_text().splitlines():
        pattern = line.partition(" ")[0]
        if pattern.startswith("/"):
            assert (checkout / pattern[1:]).exists(), pattern

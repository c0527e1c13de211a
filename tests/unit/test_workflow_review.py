"""The pull request's comment: written once, edited from then on, and never somebody else's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

_WORKFLOW = Path(__file__).parents[2] / ".github/workflows/review.yml"
_GH = """#!{python}
# Stands in for GitHub's `gh api` on a folder: comments.json is what the pull request has.
import json, pathlib, subprocess, sys
store, arguments = pathlib.Path("comments.json"), sys.argv[2:]
comments = json.loads(store.read_text())
if "--field" not in arguments:
    program = arguments[arguments.index("--jq") + 1]
    sys.exit(subprocess.run(["jq", "-r", program], input=json.dumps(comments), text=True).returncode)
body = pathlib.Path(arguments[arguments.index("--field") + 1].removeprefix("body=@")).read_text()
if "PATCH" in arguments:
    number = int(next(one for one in arguments if "/issues/comments/" in one).rpartition("/")[2])
    next(one for one in comments if one["id"] == number)["body"] = body
else:
    comments.append({{"id": 100 + len(comments), "user": {{"login": "github-actions[bot]"}}, "body": body}})
store.write_text(json.dumps(comments))
"""
_OURS = "<!-- bulwark review: prod -->\n"


def comments_after(folder: Path, before: list[Any], review: str) -> list[Any]:
    """Run the workflow's own step."""
    steps = yaml.safe_load(_WORKFLOW.read_text())["jobs"]["publish"]["steps"]
    step = next(step for step in steps if "comment" in step.get("name", ""))
    (folder / "gh").write_text(_GH.format(python=sys.executable))
    (folder / "gh").chmod(0o755)
    (folder / "comments.json").write_text(json.dumps(before))
    (folder / "review.md").write_text(review)
    environment = {
        "MINE": step["env"]["MINE"],
        "COMMENTS": "repos/example/platform/issues/7/comments",
        "REPOSITORY": "repos/example/platform",
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
    }
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=folder, env=environment, check=True)
    return json.loads((folder / "comments.json").read_text())


def comment(number: int, body: str, by: str = "github-actions[bot]") -> dict[str, Any]:
    return {"id": number, "user": {"login": by}, "body": body}


@pytest.mark.skipif(
    not shutil.which("jq"), reason="jq is not on this machine, and gh's filter is its language"
)
def test_a_pull_request_has_one_comment_however_often_it_is_reviewed(tmp_path: Path) -> None:
    others = [
        comment(1, f"{_OURS}quoted", by="someone"),
        comment(2, "of another workflow"),
        comment(3, "<!-- bulwark audit: prod -->"),
    ]
    first = comments_after(tmp_path, others, f"{_OURS}first")
    assert first == [*others, comment(103, f"{_OURS}first")]
    second = comments_after(tmp_path, first, f"{_OURS}second")
    assert second == [*others, comment(103, f"{_OURS}second")]


def test_a_fork_reaches_no_secret_and_nothing_of_a_pull_request_runs_with_rights() -> None:
    workflow = yaml.safe_load(_WORKFLOW.read_text())
    assert set(workflow[True]) == {"pull_request"}  # YAML 1.1 reads `on` as true
    assert workflow["permissions"] == {}
    assert workflow["jobs"]["review"]["permissions"] == {"contents": "read"}
    assert "secrets." not in _WORKFLOW.read_text()
    publish = workflow["jobs"]["publish"]
    assert "head.repo.full_name == github.repository" in publish["if"]
    assert not any("checkout" in step.get("uses", "") for step in publish["steps"])

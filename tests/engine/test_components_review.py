"""`./bulwark review` and `audit` of production: before anything exists, and after all of it does."""

import json
from pathlib import Path

import pytest
import sarif_schema
from deployment import Deployment, name_of
from policy_harness import NOW, announcements, servicer, whole
from policy_harness import production as recorded

from policies.drills import Drills
from policies.judgement import Judgement

Looks = set[tuple[str, str, str]]
"""(rule, resource, outcome)"""


@pytest.fixture(scope="module")
def audited(production: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    ended = production.installation.bulwark("audit", "--stack", "prod", "--twin", "--write", str(folder))
    assert ended.code == 0, ended.text
    assert "prod passes" in ended.out
    return folder


def looks(document: Path) -> Looks:
    found = json.loads(document.read_text())["matrix"]
    return {(row["rule"], name_of(row["resource"]), row["outcome"]) for row in found}


def looks_on_first_preview() -> Looks:
    seen: list[Judgement] = []
    server = servicer(seen=seen, drills=Drills(NOW, rehearsal=True))
    for request in announcements(recorded()):
        server.Analyze(request, None)
    server.AnalyzeStack(whole(recorded()), None)
    return {
        (one.rule.id, one.resource.name if one.resource else "", one.outcome.value)
        for one in seen[0].verdicts
    }


def test_an_audit_of_what_is_deployed_agrees_with_the_first_preview(audited: Path) -> None:
    assert looks(audited / "audit.json") == looks_on_first_preview()


def test_a_review_of_what_is_deployed_changes_nothing_and_agrees(
    production: Deployment, audited: Path, tmp_path: Path
) -> None:
    ended = production.installation.bulwark("review", "--stack", "prod", "--twin", "--write", str(tmp_path))
    assert ended.code == 0, ended.text
    assert "Plan: nothing changes" in ended.out
    assert looks(tmp_path / "review.json") == looks(audited / "audit.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["review.json", "review.md", "review.sarif"]


def test_what_would_be_lost_is_the_arithmetic_of_the_settings(audited: Path) -> None:
    stores = {
        name_of(store["urn"]): [path["arithmetic"] for path in store["paths"]]
        for store in json.loads((audited / "audit.json").read_text())["recovery"]
    }
    assert stores["files"][0].startswith("1 d between runs + 2 h lateness + 45 min longest run")
    assert stores["files"][0].endswith("= 1 d 3 h")
    assert stores["database-project"][0].endswith("= 1 d 2 h 45 min")


def test_a_replacement_of_the_database_is_loud_and_refused_changes_are_told(
    production: Deployment, tmp_path: Path
) -> None:
    installation = production.installation
    installation.edit("Pulumi.prod.yaml", "region: aws-eu-central-1", "region: aws-us-east-1")
    installation.edit("Pulumi.prod.yaml", "history_retention_hours: 168", "history_retention_hours: 24")
    try:
        ended = installation.bulwark("review", "-s", "prod", "--twin", "--write", str(tmp_path))
    finally:
        installation.edit("Pulumi.prod.yaml", "region: aws-us-east-1", "region: aws-eu-central-1")
        installation.edit("Pulumi.prod.yaml", "history_retention_hours: 24", "history_retention_hours: 168")
    assert ended.code != 0
    text = (tmp_path / "review.md").read_text()
    assert "**database-project (Project) would be replaced, and the data that it holds with it.**" in text
    assert "`regionId`" in text
    log = json.loads((tmp_path / "review.sarif").read_text())
    assert log["runs"][0]["results"]
    assert sarif_schema.problems(log) == []


def test_an_update_does_what_was_reviewed_and_nothing_else(production: Deployment, tmp_path: Path) -> None:
    installation, file = production.installation, "Pulumi.prod.yaml"
    plan = str(tmp_path / "plan.json")
    slower = ("slow_after_milliseconds: 2000", "slow_after_milliseconds: 2500")
    rarer = ("frequent_events: 100", "frequent_events: 200")
    installation.edit(file, *slower)
    try:
        ended = installation.bulwark("review", "-s", "prod", "--twin", "--save-plan", plan)
        assert ended.code == 0, ended.text
        installation.edit(file, *rarer)
        ended = installation.bulwark("up", "-s", "prod", "--twin", "--yes", "--plan", plan)
        assert ended.code == 1, ended.text
        assert "errors-backend-frequent-alert (update)" in ended.err
        assert "uptime-health" not in ended.err.partition("bulwark: ")[2]
        installation.edit(file, *rarer[::-1])
        ended = installation.bulwark("up", "-s", "prod", "--twin", "--yes", "--plan", plan, "--json")
        assert ended.code == 0, ended.text
        assert ended.json["changes"] == {"same": ended.json["changes"]["same"], "update": 3}
    finally:
        for changed in (slower, rarer):
            if changed[1] in (installation.folder / file).read_text():
                installation.edit(file, *changed[::-1])
    assert installation.bulwark("up", "-s", "prod", "--twin", "--yes").code == 0


def test_a_review_that_refuses_leaves_no_plan(production: Deployment, tmp_path: Path) -> None:
    installation, plan = production.installation, tmp_path / "plan.json"
    plan.write_text("of an earlier review")
    installation.edit("Pulumi.prod.yaml", "history_retention_hours: 168", "history_retention_hours: 24")
    try:
        ended = installation.bulwark("review", "-s", "prod", "--twin", "--save-plan", str(plan))
    finally:
        installation.edit("Pulumi.prod.yaml", "history_retention_hours: 24", "history_retention_hours: 168")
    assert ended.code != 0
    assert list(tmp_path.iterdir()) == []


def test_settings_that_are_wrong_are_told_and_not_taken_for_consent(
    production: Deployment, tmp_path: Path
) -> None:
    installation = production.installation
    installation.edit("Pulumi.prod.yaml", "longest_run_minutes: 45", "longest_run_minutes: 450")
    try:
        ended = installation.bulwark("review", "-s", "prod", "--twin", "--write", str(tmp_path))
    finally:
        installation.edit("Pulumi.prod.yaml", "longest_run_minutes: 450", "longest_run_minutes: 45")
    assert ended.code != 0
    assert "backups.files.schedule" in ended.err
    text = (tmp_path / "review.md").read_text()
    assert "could not be judged" in text
    assert "backups.files.schedule" in text


def test_an_audit_of_nothing_says_what_to_do(production: Deployment) -> None:
    ended = production.installation.bulwark("audit", "--stack", "local")
    assert ended.code == 1
    assert "There is nothing to audit: local has no resources." in ended.err
    assert "Next: run ./bulwark up" in ended.err

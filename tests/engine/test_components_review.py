"""`./bulwark review` and `audit` of production: before anything exists, and after all of it does."""

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import role_clients
import sarif_schema
from deployment import Deployment, name_of
from policy_harness import NOW, resource_requests, servicer, stack_request
from policy_harness import production as recorded
from readme_output import find_differences, read_block

from engine import stack_file
from engine.program import BOTH
from policies.framework.drill_history import DrillHistory
from policies.framework.evaluation import Evaluation

pytestmark = pytest.mark.shares("production")

_WEAK_SETTINGS = (
    ("independent_recovery_point_hours: 27", "independent_recovery_point_hours: 800"),
    ('backup: { schedule: "17 2 * * *"', 'backup: { schedule: "17 2 1 * *"'),
    ("lock_days: 30", "lock_days: 1"),
    ("access_log_days: 90", "access_log_days: 1"),
)
_BLINDED = {
    "store-has-history": "stores",
    "store-loss-is-within-objective": "stores",
    "vault-access-is-logged": "vaults",
    "vault-account-keeps-a-trail": "vaults",
    "vault-is-locked": "vaults",
    "vault-is-versioned": "vaults",
}
"""Rule -> its area; all but the last refuse the weak settings."""

Outcomes = set[tuple[str, str, str]]
"""(rule, resource, outcome)"""


@pytest.fixture(scope="module")
def audited(production: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    ended = production.installation.bulwark("audit", "--stack", "prod", "--twin", "--write", str(folder))
    assert ended.code == 0, ended.text
    assert "prod passes" in ended.out
    return folder


@pytest.fixture(scope="module", autouse=True)
def base(production: Deployment) -> Generator[None]:
    """Give every review a base: the installation as it is."""
    with production.installation.under_git():
        yield


def read_outcomes(document: Path) -> Outcomes:
    found = json.loads(document.read_text())["matrix"]
    return {(row["rule"], name_of(row["resource"]), row["outcome"]) for row in found}


@contextmanager
def edit_settings(production: Deployment, *changes: tuple[str, str]) -> Generator[None]:
    """Change the stack's file for a while."""
    for before, after in changes:
        production.installation.edit("Pulumi.prod.yaml", before, after)
    try:
        yield
    finally:
        for before, after in changes:
            production.installation.edit("Pulumi.prod.yaml", after, before)


def outcomes_of_first_preview() -> Outcomes:
    seen: list[Evaluation] = []
    server = servicer(seen=seen, drills=DrillHistory(NOW, rehearsal=True))
    for request in resource_requests(recorded()):
        server.Analyze(request, None)
    server.AnalyzeStack(stack_request(recorded()), None)
    return {
        (one.rule.id, one.resource.name if one.resource else "", one.outcome.value)
        for one in seen[0].verdicts
    }


def test_an_audit_of_what_is_deployed_agrees_with_the_first_preview(audited: Path) -> None:
    # The recording has one stack for both programs.
    root = ("nothing-looks-like-a-secret", "bulwark-administrator-prod", "passed")
    assert read_outcomes(audited / "audit.json") == outcomes_of_first_preview() | {root}


def test_an_audit_says_that_it_judged_the_state(audited: Path) -> None:
    assert json.loads((audited / "audit.json").read_text())["judged"] == "state"
    assert "Judged: the stack's state" in (audited / "audit.md").read_text()


def test_a_review_of_what_is_deployed_changes_nothing_and_agrees(
    production: Deployment, audited: Path, tmp_path: Path
) -> None:
    ended = production.installation.bulwark("review", "--stack", "prod", "--twin", "--write", str(tmp_path))
    assert ended.code == 0, ended.text
    assert find_differences(read_block("$ ./bulwark review"), ended.out) == []
    assert read_outcomes(tmp_path / "review.json") == read_outcomes(audited / "audit.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["review.json", "review.md", "review.sarif"]


def test_the_worst_data_loss_of_an_audit_is_computed_from_the_settings(audited: Path) -> None:
    stores = {
        name_of(store["urn"]): [path["arithmetic"] for path in store["paths"]]
        for store in json.loads((audited / "audit.json").read_text())["recovery"]
    }
    assert stores["files"][0].startswith("1 d between runs + 2 h lateness + 45 min longest run")
    assert stores["files"][0].endswith("= 1 d 3 h")
    assert stores["database-project"][0].endswith("= 1 d 2 h 45 min")


@pytest.mark.scenario("a review")
def test_a_review_warns_of_a_replaced_database_and_reports_refused_changes(
    production: Deployment, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("of an earlier review")
    with edit_settings(
        production,
        ("region: aws-eu-central-1", "region: aws-us-east-1"),
        ("history_retention_hours: 168", "history_retention_hours: 24"),
    ):
        ended = production.installation.bulwark(
            *("review", "-s", "prod", "--twin", "--write", str(tmp_path), "--save-plan", str(plan))
        )
    assert ended.code != 0
    text = (tmp_path / "review.md").read_text()
    assert "**database-project (Project) would be replaced, and the data that it holds with it.**" in text
    assert "`regionId`" in text
    log = json.loads((tmp_path / "review.sarif").read_text())
    assert log["runs"][0]["results"]
    assert sarif_schema.find_problems(log) == []
    assert not list(tmp_path.glob("plan*")), "nobody must deploy by it"


def as_job(production: Deployment, role: str) -> dict[str, Any]:
    """Return the environment of a job of deploy.yml; by a profile it looks into the replica's account."""
    folder = stack_file.CHECKOUT / ".github"
    job = role_clients.job_environment(production.installation.home, role, platform="example")
    return {**job, "AWS_CONFIG_FILE": str(folder / "aws-config"), "CI": ""}


def as_break_glass(production: Deployment, folder: Path) -> dict[str, Any]:
    """Return the environment of a person who has taken on break-glass of both accounts, one as a profile."""
    home, config = production.installation.home, folder / "aws-config"
    there = dict(role_clients.break_glass(home, role_clients.THERE).credentials)
    config.write_text("[profile example-replica]\n" + "".join(f"{k} = {v}\n" for k, v in there.items()))
    return {
        **role_clients.environment_of(role_clients.break_glass(home)),
        "AWS_CONFIG_FILE": str(config),
        "CI": "",
    }


@pytest.mark.scenario("a review")
def test_the_deployer_does_what_the_planner_reviewed_and_nothing_else(
    production: Deployment, tmp_path: Path
) -> None:
    plan = str(tmp_path / "plan.json")
    bulwark, where = production.installation.bulwark, ("-s", "prod", "--twin")
    planner, deployer = as_job(production, "planner"), as_job(production, "deployer")
    reviewed = (
        ("slow_after_milliseconds: 2000", "slow_after_milliseconds: 2500"),
        ("buckets: [documents]", "buckets: [documents, pictures]"),
    )
    with edit_settings(production, *reviewed):
        ended = bulwark("review", *where, "--save-plan", plan, **planner)
        assert ended.code == 0, ended.text
    with edit_settings(
        production,
        ("slow_after_milliseconds: 2000", "slow_after_milliseconds: 2501"),
        ("frequent_events: 100", "frequent_events: 200"),
    ):
        ended = bulwark("up", *where, "--yes", "--plan", plan, **deployer)
    assert ended.code == 1, ended.text
    assert "errors-backend-frequent-alert (update)" in ended.err
    assert "uptime-backend-health (responseTimeThreshold)" in ended.err
    with edit_settings(production, *reviewed):
        ended = bulwark("up", *where, "--yes", "--plan", plan, "--json", **deployer)
        assert ended.code == 0, ended.text
        # Three monitors, the component of the files, and the value of the backup writer's document at AWS.
        same = ended.json["changes"]["same"]
        assert ended.json["changes"] == {"same": same, "update": 4, "replace": 1}
    assert bulwark("up", *where, "--yes", **deployer).code == 0


@pytest.mark.scenario("a review")
def test_a_change_of_the_administrators_stack_is_refused_to_plan_and_deployer_and_made_by_break_glass(
    production: Deployment, tmp_path: Path
) -> None:
    installation, plan = production.installation, tmp_path / "plan.json"
    where = ("--stack", "prod", "--twin")
    before = [installation.state("prod", program.project) for program in BOTH]
    alone = (*where, "--administrator", "--yes")
    break_glass = as_break_glass(production, tmp_path)
    with edit_settings(
        production,
        ("access_log_days: 90", "access_log_days: 91"),
        ("slow_after_milliseconds: 2000", "slow_after_milliseconds: 2500"),
    ):
        seen = installation.bulwark("review", *where, "--json", "--save-plan", str(plan))
        ended = installation.bulwark("up", *where, "--yes", "--plan", str(plan))
        deployer = installation.bulwark("up", *where, "--yes", **as_job(production, "deployer"))
        states = [installation.state("prod", program.project) for program in BOTH]
        person = installation.bulwark("up", *alone, "--json", **break_glass)
    assert seen.code == 0, seen.text
    planned = {name_of(step["urn"]) for step in seen.json["plan"]["steps"]}
    assert {"backups-vault-access-log-lifecycle", "uptime-backend-health"} <= planned
    for refused in (ended, deployer):
        assert refused.code == 1
        assert "The administrator's stack would change (backups-" in refused.err
        assert "./bulwark up --administrator --stack prod" in refused.err
    assert "which the role example-deployer only reads" in deployer.err
    assert states == before
    assert person.code == 0, person.text
    assert set(person.json["changes"]) == {"same", "update"}
    back = installation.bulwark("up", *alone, **as_break_glass(production, tmp_path))
    assert back.code == 0, back.text


def test_a_review_of_wrong_settings_reports_them_and_does_not_pass(
    production: Deployment, tmp_path: Path
) -> None:
    with edit_settings(production, ("longest_run_minutes: 45", "longest_run_minutes: 450")):
        ended = production.installation.bulwark("review", "-s", "prod", "--twin", "--write", str(tmp_path))
    assert ended.code != 0
    assert "stores.files.backup.schedule" in ended.err
    text = (tmp_path / "review.md").read_text()
    assert "could not be judged" in text
    assert "stores.files.backup.schedule" in text


def test_an_audit_of_a_stack_without_resources_says_what_to_do(production: Deployment) -> None:
    ended = production.installation.bulwark("audit", "--stack", "local")
    assert ended.code == 1
    assert "There is nothing to audit: local is not deployed." in ended.err
    assert "Next: run ./bulwark up" in ended.err


@pytest.mark.scenario("a review")
def test_a_change_that_blinds_the_rules_that_would_refuse_it_is_refused(
    production: Deployment, tmp_path: Path
) -> None:
    folder = production.installation.folder
    for rule, area in _BLINDED.items():
        file = folder / "policies" / "rules" / area / f"{rule.replace('-', '_')}.py"
        file.write_text(re.sub(r"subjects=\w+,", "subjects=lambda _: (),", file.read_text()))
    try:
        with edit_settings(production, *_WEAK_SETTINGS):
            ended = production.installation.bulwark(
                *(
                    "review",
                    "-s",
                    "prod",
                    "--twin",
                    "--write",
                    str(tmp_path),
                    "--save-plan",
                    f"{tmp_path}/plan",
                )
            )
    finally:
        production.installation.git("checkout", "--quiet", "--", "policies")
    assert ended.code != 0, ended.text
    assert "prod is refused by the policies of its base: 9 violations" in " ".join(ended.out.split())
    assert not (tmp_path / "plan").exists()
    found = json.loads((tmp_path / "review.json").read_text())
    assert not [one for one in found["verdicts"] if one["outcome"] != "passed"], "what it says of itself"
    assert {one["rule"] for one in found["base"]["refusals"]} == {*_BLINDED} - {"vault-is-versioned"}
    lost = {one["rule"]: one["at_base"] for one in found["base"]["rules_without_subjects"]}
    assert lost.keys() == _BLINDED.keys()
    assert lost["vault-is-locked"] == 2
    assert len(found["base"]["files"]) == len(_BLINDED)
    assert {one["guard"] for one in found["base"]["files"]} == {"policies"}
    top, _, _ = (tmp_path / "review.md").read_text().partition("**Plan:**")
    assert "❌ `prod` is refused by the base's policies: 9 violations" in top
    assert "vault-is-locked judges nothing any more; by the base's policies it judges 2 resources" in top
    log = json.loads((tmp_path / "review.sarif").read_text())
    assert sarif_schema.find_problems(log) == []
    assert {one["ruleId"] for one in log["runs"][0]["results"]} == {
        *("judge-changed", "rule-without-subjects", "base-refuses")
    }

"""What a review shows, from the engine's steps and the policies' verdicts."""

import io
import json
import re
from pathlib import Path
from typing import Any, Literal

import pytest
import sarif_schema
from rich.console import Console

from policies.rules import RULES
from review import markdown, sarif, terminal
from review.review import Review, build

URN = "urn:pulumi:prod::bulwark::bulwark:index:Platform"
DATABASE = f"{URN}$bulwark:index:Database$neon:index/project:Project::database-project"
VAULT = f"{URN}$bulwark:index:Backups$bulwark:index:Vault$aws:s3/bucket:Bucket::backups-vault-bucket"
MONITOR = f"{URN}$bulwark:index:Uptime$uptimerobot:index/monitor:Monitor::uptime-backend-health"
FIRST, SECOND = RULES[0], RULES[1]


def step(op: str, urn: str, *properties: str) -> dict[str, Any]:
    return {"op": op, "urn": urn, "properties": list(properties)}


def verdict(rule: str, urn: str, outcome: str, message: str = "", **changes: Any) -> dict[str, Any]:
    whole = {"rule": rule, "urn": urn, "outcome": outcome, "message": message, "expires": ""}
    return {**whole, "severity": severity(rule), "advisory": False, **changes}


def severity(rule: str) -> str:
    return next(one.severity.value for one in RULES if one.id == rule)


def review(
    *,
    steps: list[dict[str, Any]] | None = None,
    verdicts: list[dict[str, Any]] | None = None,
    stopped: str = "",
    occasion: Literal["review", "audit"] = "review",
    evaluated: list[str] | None = None,
    loosened: tuple[str, ...] = (),
    expendable: tuple[str, ...] = (),
) -> Review:
    return build(
        "prod",
        occasion,
        steps=steps or [],
        report=None
        if stopped
        else {
            "loosened": list(loosened),
            "expendable": list(expendable),
            "evaluated": [rule.id for rule in RULES] if evaluated is None else evaluated,
            "verdicts": verdicts or [],
            "waivers": [
                {
                    "rule": SECOND.id,
                    "resource": VAULT,
                    "reason": "being | rebuilt",
                    "owner": "operations",
                    "ticket": "OPS-1",
                    "created": "2030-01-01",
                    "expires": "2030-02-01",
                }
            ],
            "stores": [
                {
                    "urn": DATABASE,
                    "paths": [
                        {
                            "by": "job-database",
                            "arithmetic": "1 d between runs + 2 h lateness = 1 d 2 h",
                            "lacking": "",
                            "retention_days": 35.0,
                            "copies": ["backups-vault-bucket"],
                        }
                    ],
                    "losses": [
                        {"kind": "cloud", "name": "aws", "left": [], "unknown": []},
                        {"kind": "account", "name": "aws 1", "left": [DATABASE], "unknown": [VAULT]},
                    ],
                }
            ],
        },
        stopped=stopped,
    )


def refused_review() -> Review:
    return review(
        steps=[step("create", MONITOR)],
        verdicts=[
            verdict(FIRST.id, DATABASE, "violated", "database-project (Project) lacks it.\nRisk: r\nFix: f"),
            verdict(FIRST.id, VAULT, "undecided", "could not be decided: x.\nRisk: r\nFix: f"),
            verdict(SECOND.id, VAULT, "waived", "it is WAIVED until 2030-02-01", expires="2030-02-01"),
            verdict(SECOND.id, DATABASE, "passed"),
        ],
    )


def show(found: Review) -> str:
    written = io.StringIO()
    terminal.show(found, Console(width=160, file=written))
    return written.getvalue()


@pytest.mark.parametrize("ops", [["replace"], ["create-replacement", "replace", "delete-replaced"]])
def test_a_replaced_store_is_one_loud_line_with_the_inputs_that_force_it(ops: list[str]) -> None:
    reviewed = review(steps=[step(op, DATABASE, *(["regionId"] if op == "replace" else [])) for op in ops])
    assert reviewed.counts() == {"replaced": 1}
    assert "> [!CAUTION]" in markdown.render(reviewed)
    assert "**database-project (Project) would be replaced, and the data that it holds" in markdown.render(
        reviewed
    )
    assert "> Because of: `regionId`" in markdown.render(reviewed)
    assert "database-project (Project) would be replaced, and the data that it holds" in show(reviewed)


@pytest.mark.parametrize(
    ("kind", "loud"),
    [
        ("neon:index/project:Project", True),
        ("aws:s3/bucket:Bucket", True),
        ("aws:s3/bucketV2:BucketV2", True),
        ("aws:kms/key:Key", True),
        ("aws:rds/instance:Instance", True),
        ("neon:index/database:Database", True),
        ("vendor:index/strangeDatabase:StrangeDatabase", True),
        ("uptimerobot:index/monitor:Monitor", False),
        ("aws:s3/bucketVersioning:BucketVersioning", False),
    ],
)
def test_a_deletion_is_loud_where_data_goes_with_it(kind: str, loud: bool) -> None:
    reviewed = review(steps=[step("delete", f"{URN}${kind}::gone")])
    assert ("[!CAUTION]" in markdown.render(reviewed)) is loud


def test_a_change_in_place_is_not_loud() -> None:
    reviewed = review(steps=[step("update", DATABASE, "quota")])
    assert reviewed.losses == []
    assert "1 changed" in markdown.render(reviewed)
    assert "| changed | database-project | Project | `quota` |" in markdown.render(reviewed)


def test_unchanged_resources_and_providers_are_no_change_of_a_plan() -> None:
    provider = "urn:pulumi:prod::bulwark::pulumi:providers:aws::aws"
    reviewed = review(steps=[step("same", DATABASE), step("read", VAULT), step("create", provider)])
    assert reviewed.counts() == {}
    assert "**Plan:** nothing changes." in markdown.render(reviewed)


def test_a_refusal_says_what_why_and_how_to_fix_it() -> None:
    text = markdown.render(refused_review())
    assert "❌ `prod` is refused: 2 violations" in text
    assert (
        f"**{FIRST.id}** ({FIRST.severity.value}): {FIRST.title}\n- database-project (Project) lacks it."
        in text
    )
    assert f"Risk: {FIRST.risk}" in text
    assert f"Fix: {FIRST.fix}" in text
    assert "### Could not be decided" in text
    assert (
        f"| {SECOND.id} | backups-vault-bucket | 2030-02-01 | operations | OPS-1 | being \\| rebuilt |"
        in text
    )
    assert "| database-project | job-database | 1 d between runs + 2 h lateness = 1 d 2 h | 35 d |" in text


def test_the_terminal_shows_the_same_refusal() -> None:
    text = show(refused_review())
    assert "prod is refused: 2 violations of " in text
    assert FIRST.fix in " ".join(text.split())
    assert "WAIVED until 2030-02-01" in text
    assert "1 d between runs + 2 h lateness = 1 d 2 h" in text


def test_what_is_left_of_a_store_is_shown_for_each_thing_that_may_be_lost() -> None:
    database, vault = DATABASE.rpartition("::")[2], VAULT.rpartition("::")[2]
    rows = [
        f"| account aws 1 | {database} | {database}, {vault} (not known) |",
        f"| cloud aws | {database} | **nothing** |",
    ]
    assert "\n".join(rows) in markdown.render(review())
    assert re.search(rf"cloud aws +│ {database} +│ nothing", show(review()))


def test_an_undecided_rule_refuses_and_a_waived_one_does_not() -> None:
    undecided = review(verdicts=[verdict(FIRST.id, VAULT, "undecided", "m")])
    waived = review(verdicts=[verdict(SECOND.id, VAULT, "waived", "m", expires="2030-02-01")])
    assert (undecided.passes, waived.passes) == (False, True)


def test_an_advisory_violation_is_shown_as_such_and_refuses_nothing(tmp_path: Path) -> None:
    reviewed = review(verdicts=[verdict(FIRST.id, VAULT, "violated", "m", advisory=True)])
    assert reviewed.passes
    assert f"**{FIRST.id}** ({severity(FIRST.id)}, advisory in this stack)" in markdown.render(reviewed)
    assert "advisory in this stack" in show(reviewed)
    assert sarif.render(reviewed, tmp_path)["runs"][0]["results"][0]["level"] == "note"


def test_the_severity_is_the_one_that_the_stack_gives(tmp_path: Path) -> None:
    reviewed = review(
        verdicts=[
            verdict(FIRST.id, VAULT, "violated", "m", severity="low"),
            verdict(SECOND.id, VAULT, "violated", "m", severity="critical"),
        ]
    )
    assert [rule.id for rule in reviewed.by_rule("violated")] == [SECOND.id, FIRST.id]
    assert f"**{FIRST.id}** (low)" in markdown.render(reviewed)
    run = sarif.render(reviewed, tmp_path)["runs"][0]
    assert {one["ruleId"]: one["level"] for one in run["results"]} == {FIRST.id: "note", SECOND.id: "error"}
    scores = {rule["id"]: rule["properties"]["security-severity"] for rule in run["tool"]["driver"]["rules"]}
    assert scores == {FIRST.id: "3.0", SECOND.id: "9.5"}


def test_settings_that_demand_less_are_named() -> None:
    reviewed = review(loosened=("vault-is-locked.minimum_days = 7",))
    assert "**Demand less than the defaults**, by `policies/config/prod.json`" in markdown.render(reviewed)
    assert "vault-is-locked.minimum_days = 7" in show(reviewed)
    assert reviewed.document()["rules"]["loosened"] == ["vault-is-locked.minimum_days = 7"]


def test_rules_that_are_switched_off_are_named() -> None:
    reviewed = review(evaluated=[rule.id for rule in RULES if rule is not FIRST])
    assert FIRST.id in reviewed.disabled
    assert (
        f"**Switched off** by `policies/config/prod.json`: {', '.join(reviewed.disabled)}"
        in markdown.render(reviewed)
    )
    assert FIRST.id in show(reviewed)


def test_a_review_without_verdicts_does_not_pass() -> None:
    reviewed = review(stopped="error: the stack's settings have 1 problem")
    assert not reviewed.passes
    assert "could not be judged" in markdown.render(reviewed)
    assert "the stack's settings have 1 problem" in markdown.render(reviewed)
    assert sarif.render(reviewed, Path())["runs"][0]["invocations"] == [{"executionSuccessful": False}]


def test_a_comment_begins_with_its_mark_and_is_never_too_long_for_github() -> None:
    many = [verdict(FIRST.id, f"{DATABASE}-{number}", "violated", "x" * 200) for number in range(1000)]
    text = markdown.render(review(verdicts=many))
    assert text.startswith("<!-- bulwark review: prod -->\n")
    assert len(text) < 65_536
    assert "the rest is in the report" in text


def test_a_comment_that_is_cut_short_within_details_closes_them() -> None:
    steps = [step("create", f"{MONITOR}-{number}", "x" * 200) for number in range(1000)]
    text = markdown.render(review(steps=steps))
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.endswith("report that the job keeps.*\n")


def test_names_that_a_pull_request_chooses_are_no_markdown_and_call_nobody() -> None:
    odd = f"{URN}$uptimerobot:index/monitor:Monitor::a|b`<img>[x](y)@someone\n# title"
    reviewed = review(steps=[step("delete", odd)], verdicts=[verdict(FIRST.id, odd, "violated", "@someone|")])
    text = markdown.render(reviewed)
    for harmful in ("a|b", "b`", "<img>", "[x](y)", "@someone", "\n# title"):
        assert harmful not in text.replace("\\", "\\ ")


def test_output_of_the_engine_stays_in_its_code_block() -> None:
    text = markdown.render(review(stopped="before\n```\n# after"))
    assert "````text\nbefore\n```\n# after\n````\n" in text


def test_an_audit_has_no_plan() -> None:
    text = markdown.render(review(occasion="audit"))
    assert "Plan" not in text
    assert text.startswith("<!-- bulwark audit: prod -->\n")


def test_the_matrix_joins_rule_resource_and_control() -> None:
    rows = refused_review().matrix()
    assert {(row["rule"], row["resource"], row["outcome"]) for row in rows} == {
        (FIRST.id, DATABASE, "violated"),
        (FIRST.id, VAULT, "undecided"),
        (SECOND.id, VAULT, "waived"),
        (SECOND.id, DATABASE, "passed"),
    }
    assert rows[0]["controls"] == [str(control) for control in FIRST.controls]
    control = str(FIRST.controls[0])
    assert refused_review().by_control()[control]["violated"] == 1
    controls = ", ".join(str(control) for control in FIRST.controls)
    assert f"| {FIRST.id} | {controls} |  | database-project (violated), backups-vault-bucket" in (
        markdown.render(refused_review())
    )


def test_the_terminal_tells_which_controls_of_each_framework_are_not_met() -> None:
    primary = FIRST.controls[0]
    row = next(one for one in refused_review().by_framework() if one.framework is primary.framework)
    assert primary.id in row.unmet
    text = " ".join(show(refused_review()).split())
    assert str(primary.framework) in text
    assert primary.id in text


def test_a_control_that_a_waiver_lets_pass_is_no_met_one() -> None:
    primary = FIRST.controls[0]
    reviewed = review(
        verdicts=[verdict(FIRST.id, VAULT, "waived", "m"), verdict(FIRST.id, DATABASE, "passed", "")]
    )
    row = next(one for one in reviewed.by_framework() if one.framework is primary.framework)
    assert (primary.id in row.unmet, primary.id in row.waived) == (False, True)


def test_the_document_is_plain_json_without_a_property_value() -> None:
    document = json.loads(json.dumps(refused_review().document()))
    assert document["schema"] == "bulwark-review-1"
    assert document["passes"] is False
    assert document["plan"]["steps"][0] == {
        "change": "created",
        "urn": MONITOR,
        "properties": [],
        "loses_data": False,
    }


def test_a_review_lists_the_stores_that_are_declared_to_hold_nothing() -> None:
    reviewed = review(expendable=(VAULT,))
    assert "hold nothing of value, as declared  backups-vault-bucket" in show(reviewed)
    assert "**Hold nothing of value**, as the program declares: backups-vault-bucket" in markdown.render(
        reviewed
    )
    assert reviewed.document()["expendable"] == [VAULT]


def test_sarif_points_each_finding_at_the_settings_it_is_made_from(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.prod.yaml").write_text(
        "config:\n  bulwark:stores:\n    files: {}\n    database: {}\n  bulwark:backups:\n    b: 1\n"
    )
    run = sarif.render(refused_review(), tmp_path)["runs"][0]
    places = {
        result["locations"][0]["logicalLocations"][0]["name"]: result["locations"][0]["physicalLocation"]
        for result in run["results"]
    }
    assert places["database-project"]["artifactLocation"]["uri"] == "Pulumi.prod.yaml"
    assert places["database-project"]["region"]["startLine"] == 4
    assert places["backups-vault-bucket"]["region"]["startLine"] == 5


@pytest.mark.parametrize("found", [refused_review(), review(), review(stopped="error: no")])
def test_sarif_is_valid_by_its_schema(found: Review, tmp_path: Path) -> None:
    assert sarif_schema.find_problems(sarif.render(found, tmp_path)) == []


def test_the_schema_of_sarif_refuses_an_invalid_log() -> None:
    log = sarif.render(refused_review(), Path())
    log["runs"][0]["results"][0]["level"] = "loud"
    assert sarif_schema.find_problems(log) == [
        "$.runs[0].results[0].level: 'loud' is not one of ['none', 'note', 'warning', 'error']"
    ]


def test_sarif_tells_violations_apart_and_suppresses_waived_ones(tmp_path: Path) -> None:
    run = sarif.render(refused_review(), tmp_path)["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == sorted({FIRST.id, SECOND.id})
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    suppressed = [result["ruleId"] for result in run["results"] if "suppressions" in result]
    assert suppressed == [SECOND.id]
    prints = [result["partialFingerprints"]["ruleAndResource/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)

"""What other people's programs need to get to green: their own settings, one finding a cause, no drills."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from compliant_programs import PROGRAMS, make_stack
from policy_harness import (
    NO_WAIVERS,
    NOW,
    StackWithDrills,
    Toy,
    find_violations,
    production,
    servicer,
    stack_request,
)
from pulumi.runtime.proto import analyzer_pb2

from policies import report
from policies.framework.configuration import ConfigurationError
from policies.framework.drill_history import DrillHistory, StoreHistory
from policies.framework.evaluation import Evaluation
from policies.framework.settings_folder import PACK, VARIABLE, find_settings_folder
from policies.rules import RULES
from review.review import build

BACKUP: Final = "store-has-independent-backup"
RECENT: Final = ("store-drill-is-recent", "store-proof-is-recent")
ORDERS: Final = Toy("aws:dynamodb/table:Table", "orders", {"name": "orders"}, provider="aws")
SHOP: Final = [Toy("pulumi:pulumi:Stack", "shop-prod"), ORDERS]


def job(**facts: Any) -> Toy:
    return Toy("shop:index:Job", "job", {"schedule": "17 2 * * *", **facts})


def rules(*ids: str) -> list[Any]:
    return [rule for rule in RULES if rule.id in ids]


def refusals(stack: Sequence[Toy], *ids: str) -> set[str]:
    return {one.rule for one in find_violations(stack, rules(*ids) if ids else RULES)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_compliant_program_of_others_is_refused_for_nothing_but_what_it_lacks(name: str) -> None:
    program, lacking = PROGRAMS[name]
    found = find_violations(StackWithDrills(make_stack(program), None))
    assert {(one.rule, one.resource) for one in found} == lacking
    assert not [one.message for one in found if "could not be decided" in one.message]


def test_a_store_without_a_backup_is_refused_once_and_the_finding_names_what_follows() -> None:
    found = [
        one for one in find_violations(SHOP) if one.resource == "orders" and one.rule.startswith("store-")
    ]
    assert {one.rule for one in found} == {BACKUP, "store-has-history", "store-is-protected"}
    (text,) = [one.message for one in found if one.rule == BACKUP]
    assert "so it has no copy elsewhere, is not drilled and not proven, and may lose everything" in text


@pytest.mark.parametrize("level", ["ADVISORY", "DISABLED"])
def test_what_follows_from_a_cause_that_refuses_nothing_is_refused_itself(level: str) -> None:
    server = servicer(rules(BACKUP, "store-is-drilled"), waivers_file=NO_WAIVERS)
    config = analyzer_pb2.PolicyConfig(enforcementLevel=getattr(analyzer_pb2, level))
    server.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={BACKUP: config}), None)
    found = server.AnalyzeStack(stack_request(SHOP), None).diagnostics
    assert "store-is-drilled" in {one.policyName for one in found}


def test_a_store_with_a_backup_is_refused_for_each_thing_that_it_lacks() -> None:
    stack = [*SHOP, job(protects=[ORDERS.urn], copies=[])]
    assert refusals(stack) >= {BACKUP, "store-is-drilled", "store-is-proven", "store-has-copy-elsewhere"}


def test_a_report_keeps_what_follows_with_its_cause() -> None:
    seen: list[Evaluation] = []
    servicer(seen=seen).AnalyzeStack(stack_request(SHOP), None)
    document = report.document(seen[0])
    assert {(one["urn"], one["cause"]) for one in document["following"]} == {(ORDERS.urn, BACKUP)}
    assert {one["rule"] for one in document["following"]} == {
        "store-backups-outlast-corruption",
        "store-has-copy-elsewhere",
        "store-is-drilled",
        "store-is-proven",
        "store-loss-is-within-objective",
    }
    review = build("shop", "review", report=document)
    shown = {one.rule for one in review.refusals if one.urn == ORDERS.urn}
    assert BACKUP in shown
    assert not shown & {one["rule"] for one in document["following"]}
    # A control that asks for drills is not met.
    assert any(
        found["violated"] for control, found in review.by_control().items() if control.endswith("CP-4")
    )


@pytest.mark.parametrize(
    ("facts", "refused"),
    [
        ({}, set()),
        ({"protects": [ORDERS.urn]}, set()),
        ({"drills": [ORDERS.urn]}, {"store-drill-is-recent"}),
        ({"proves": [ORDERS.urn]}, {"store-proof-is-recent"}),
    ],
)
def test_a_program_that_declares_no_drills_is_not_asked_for_what_they_have_shown(
    facts: dict[str, Any], refused: set[str]
) -> None:
    stack = StackWithDrills([*SHOP, job(**facts)], None)
    assert refusals(stack, *RECENT) == refused


def test_a_program_hands_over_what_its_own_drills_have_shown() -> None:
    shown = DrillHistory(NOW, stores={ORDERS.urn: StoreHistory(passed=NOW)})
    stack = StackWithDrills([*SHOP, job(drills=[ORDERS.urn])], shown)
    assert refusals(stack, *RECENT) == set()


def test_production_is_always_asked_for_what_its_drills_have_shown() -> None:
    without_drills = [
        replace(
            toy, inputs={key: value for key, value in toy.inputs.items() if key not in {"drills", "proves"}}
        )
        for toy in production()
    ]
    assert refusals(StackWithDrills(without_drills, None), *RECENT) == set(RECENT)


def test_a_store_of_no_value_is_asked_for_no_backup() -> None:
    reason = {"holdsNothing": [ORDERS.urn], "reason": "Sessions; a lost one signs its user in again"}
    declared = Toy("shop:index:Valueless", "sessions", reason)
    stack = [*SHOP, declared]
    assert not {rule for rule in refusals(stack) if rule.startswith("store-")}
    vague = replace(declared, inputs={**reason, "reason": "Sessions"})
    assert BACKUP in refusals([*SHOP, vague])


def test_another_program_has_its_settings_in_a_folder_of_its_own(tmp_path: Path) -> None:
    own = {"PULUMI_PROJECT": "bulwark", VARIABLE: str(tmp_path)}
    assert find_settings_folder(own) == PACK
    assert find_settings_folder({"PULUMI_PROJECT": "shop", VARIABLE: str(tmp_path)}) == tmp_path
    assert find_settings_folder({"PULUMI_PROJECT": "shop"}) is None
    assert find_settings_folder({}) is None


@pytest.mark.parametrize("named", ["policies", "/nowhere/at/all", "\x1b[2J"])
def test_a_settings_folder_that_is_none_is_refused(named: str) -> None:
    with pytest.raises(ConfigurationError, match=VARIABLE) as refusal:
        find_settings_folder({"PULUMI_PROJECT": "shop", VARIABLE: named})
    assert str(refusal.value).isprintable()

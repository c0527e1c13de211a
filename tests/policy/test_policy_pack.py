"""The pack around the rules: crashes, secrets, what the engine is told of each rule, and order."""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, cast

import pytest
from google.protobuf import empty_pb2, json_format
from policy_harness import (
    UNKNOWN,
    Toy,
    drill_history_of,
    find_violations,
    production,
    resource_requests,
    secret,
    servicer,
    stack_request,
    without,
)
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import Severity
from pulumi_policy.policy import _NotApplicableError
from pulumi_policy.proxy import UnknownValueError
from sampling import Draw

from policies import report
from policies.framework.closing_rules import CLOSING_RULES
from policies.framework.controls import Control
from policies.framework.evaluation import Evaluation
from policies.framework.messages import Message, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource
from policies.rules import RULES

PLANTED: Final = "pl4nted-s3cret"
STACK_POLICY: Final = 2
_LEVELS: Final = {level.value: number for number, level in enumerate(Severity, 1)}


def rule(judge: Any, **changes: Any) -> Rule:
    """Return a rule of a test on every resource."""
    whole_rule: dict[str, Any] = {
        "id": "made-up",
        "title": "A rule of a test",
        "violated": "is wrong",
        "severity": Severity.LOW,
        "risk": "None.",
        "fix": "None.",
        "controls": (Control.SOC_A1_2,),
        "subjects": lambda stack: stack.resources,
        "judge": judge,
    }
    return Rule(**{**whole_rule, **changes})


def crashing(error: Exception) -> Rule:
    def judge(resource: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
        if resource.name == "second":
            raise error
        return [message("found before the crash")]

    return rule(judge)


TWO: Final = [
    Toy("some:index:Thing", name, {"secret": PLANTED}, provider="given") for name in ("first", "second")
]


@pytest.mark.parametrize(
    "error",
    [
        ValueError(PLANTED),
        KeyError(PLANTED),
        UnknownValueError(UNKNOWN, [PLANTED]),
        _NotApplicableError(PLANTED),
        RecursionError(PLANTED),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_crash_is_a_mandatory_violation_that_names_the_rule_and_shows_no_value(error: Exception) -> None:
    other = rule(lambda *_: [message("judged all the same")], id="next-one")
    first, crash, *others = find_violations(TWO, [crashing(error), other])
    assert [first.rule, crash.rule] == ["made-up", "made-up"]
    assert "found before the crash" in first.message
    assert f"rule made-up crashed ({type(error).__name__}, test_policy_pack.py:" in crash.message
    assert crash.resource == ""
    assert [violation.rule for violation in others] == ["next-one", "next-one"]
    assert {violation.level for violation in (first, crash, *others)} == {analyzer_pb2.MANDATORY}
    assert PLANTED not in str((first, crash, *others))


def test_a_rule_that_crashes_while_selecting_subjects_is_a_violation() -> None:
    def subjects(_stack: PolicyStack) -> list[Resource]:
        raise ValueError(PLANTED)

    (crash,) = find_violations(TWO, [rule(lambda *_: [], subjects=subjects)])
    assert "rule made-up crashed (ValueError" in crash.message
    assert PLANTED not in crash.message


def test_a_rule_that_crashes_while_yielding_reasons_is_a_violation() -> None:
    def judge(*_: Any) -> Iterable[Message]:
        yield message("never seen")
        raise ValueError(PLANTED)

    (crash,) = find_violations(TWO, [rule(judge)])
    assert "crashed" in crash.message
    assert PLANTED not in crash.message


def _plant(value: Any, *, marked: bool) -> Any:
    """Return a value with the secret in place of each text and number, at whatever depth."""
    match value:
        case dict():
            entries = cast("dict[str, Any]", value)
            return {key: _plant(item, marked=marked) for key, item in entries.items()}
        case list():
            return [_plant(item, marked=marked) for item in cast("list[Any]", value)]
        case _:
            return secret(PLANTED) if marked else PLANTED


PLANTS: Final = {
    "a text": lambda _: PLANTED,
    "a marked text": lambda _: secret(PLANTED),
    "every text inside": lambda value: _plant(value, marked=False),
    "every text inside, marked": lambda value: _plant(value, marked=True),
    "a list": lambda _: [PLANTED, {PLANTED: [secret(PLANTED)]}],
    "an object": lambda _: {PLANTED: PLANTED, "deep": {PLANTED: secret(PLANTED)}},
    "an address": lambda _: f"https://u:{PLANTED}@{PLANTED}.example.com/{PLANTED}?k={PLANTED}#{PLANTED}",
    "a document": lambda _: json.dumps(
        {
            "Statement": [
                {
                    "Effect": PLANTED,
                    "Principal": {PLANTED: PLANTED},
                    "Action": PLANTED,
                    "Resource": [PLANTED],
                    "Condition": {PLANTED: {PLANTED: [PLANTED]}},
                }
            ]
        }
    ),
}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS.keys())
def test_no_message_shows_what_is_planted_in_every_input_of_production_at_once(plant: Any) -> None:
    stack = [
        replace(toy, inputs={name: plant(value) for name, value in toy.inputs.items()} | {PLANTED: PLANTED})
        for toy in production()
    ]
    found = find_violations(stack)
    assert len(found) > 50
    assert not [violation.message for violation in found if "crashed" in violation.message]
    # An address is shown as far as it is public: scheme, host and port.
    shown = str(found).replace(f"https://{PLANTED}.example.com", "")
    assert PLANTED not in shown


@pytest.mark.parametrize("plant", ["every text inside", "an object"])
def test_no_message_shows_what_is_planted_in_one_type_of_production(draw: Draw, plant: str) -> None:
    # One type at a time, so that nothing else that is wrong keeps a rule from reading on.
    stack = production()
    server = servicer(drills=drill_history_of(stack))
    for request in resource_requests(stack):
        server.Analyze(request, None)
    said: list[str] = []
    for kind in draw(f"types planted with {plant}", sorted({toy.type for toy in stack}), 10):
        planted = [
            replace(toy, inputs={name: PLANTS[plant](value) for name, value in toy.inputs.items()})
            for toy in stack
            if toy.type == kind
        ]
        for request in resource_requests(planted):
            server.Analyze(request, None)
        toys = [*planted, *(toy for toy in stack if toy.type != kind)]
        said += [found.message for found in server.AnalyzeStack(stack_request(toys), None).diagnostics]
        for request in resource_requests([toy for toy in stack if toy.type == kind]):
            server.Analyze(request, None)
    assert said
    assert not [message for message in said if PLANTED in message or "crashed" in message]


def test_each_rule_tells_the_engine_that_it_is_mandatory_why_and_for_which_controls() -> None:
    info = servicer().GetAnalyzerInfo(empty_pb2.Empty(), None)
    policies = {policy.name: policy for policy in info.policies if policy.policy_type == STACK_POLICY}
    assert set(policies) == {*(rule.id for rule in RULES), *(rule.id for rule in CLOSING_RULES), "waived"}
    assert policies["waived"].enforcementLevel == analyzer_pb2.ADVISORY
    for one in (*RULES, *CLOSING_RULES):
        told = policies[one.id]
        assert told.enforcementLevel == analyzer_pb2.MANDATORY
        assert told.description == one.title
        assert told.remediation_steps == one.fix
        assert told.severity == _LEVELS[one.severity.value]
        primary = one.controls[0]
        assert (told.framework.name, told.framework.version) == primary.framework.value
        assert told.framework.specification == primary.id
        assert len(told.tags) == len(one.controls)
    assert "nist-800-53-r5:cp-9" in policies["store-has-independent-backup"].tags


def test_each_rule_tells_the_engine_its_parameters_and_what_they_are_by_default() -> None:
    info = servicer().GetAnalyzerInfo(empty_pb2.Empty(), None)
    schemas = {
        policy.name: json_format.MessageToDict(policy.configSchema.properties) for policy in info.policies
    }
    for one in RULES:
        told = dict(schemas[one.id])
        assert told.pop("severity") == {
            "type": "string",
            "enum": [level.value for level in Severity],
            "default": one.severity.value,
        }
        assert told == {
            parameter.name: {
                **parameter.schema,
                "default": parameter.default,
                "description": parameter.meaning,
            }
            for parameter in one.parameters
        }


def test_a_rule_judges_with_its_defaults_unless_the_stack_says_otherwise() -> None:
    seen: list[float] = []

    def judge(_resource: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
        seen.append(limits["most"])
        return []

    server = servicer([rule(judge, parameters=(number_parameter("most", 7, "how many", looser="higher"),))])
    server.AnalyzeStack(stack_request(TWO[:1]), None)
    config = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.MANDATORY)
    config.properties.update({"most": 3})
    server.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={"made-up": config}), None)
    server.AnalyzeStack(stack_request(TWO[:1]), None)
    assert seen == [7, 3]


@pytest.mark.parametrize("level", [analyzer_pb2.MANDATORY, analyzer_pb2.ADVISORY])
def test_a_violation_has_the_severity_that_the_stack_configures(level: int) -> None:
    seen: list[Evaluation] = []
    server = servicer([rule(lambda *_: [message("it is wrong")])], seen=seen)
    config = analyzer_pb2.PolicyConfig(enforcementLevel=cast("Any", level))
    config.properties.update({"severity": "critical"})
    server.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={"made-up": config}), None)
    (found,) = server.AnalyzeStack(stack_request(TWO[:1]), None).diagnostics
    assert (found.severity, found.enforcementLevel) == (_LEVELS["critical"], level)
    (reported, _) = report.document(seen[0])["verdicts"]
    assert (reported["severity"], reported["advisory"]) == ("critical", level == analyzer_pb2.ADVISORY)


def test_a_violation_has_its_rules_severity_by_default() -> None:
    (found,) = (
        servicer([rule(lambda *_: [message("it is wrong")])])
        .AnalyzeStack(stack_request(TWO[:1]), None)
        .diagnostics
    )
    assert found.severity == _LEVELS[Severity.LOW.value]


def test_messages_have_one_order_whatever_the_order_of_the_engine() -> None:
    stack = [
        replace(toy, inputs={name: value for name, value in toy.inputs.items() if name[0] < "p"})
        for toy in without(production(), "job-database", "backups-vault-versioning")
    ]
    found = find_violations(stack)
    assert len(found) > 20
    assert find_violations(stack[::-1]) == found


def test_a_resource_that_was_not_announced_is_judged_by_its_outputs() -> None:
    store = Toy(
        "neon:index/project:Project",
        "project",
        {"orgId": "announced"},
        provider="neon",
        outputs={"orgId": "answered"},
    )
    seen: list[object] = []

    def judge(resource: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
        seen.append(resource.at("orgId"))
        return []

    server = servicer([rule(judge)])
    server.AnalyzeStack(stack_request([store]), None)
    for request in resource_requests([store]):
        server.Analyze(request, None)
    server.AnalyzeStack(stack_request([store]), None)
    assert seen == [Known("answered"), Known("announced")]


def test_a_second_analysis_sees_the_changed_stack() -> None:
    seen: list[tuple[str, int]] = []

    def judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
        seen.append((resource.name, stack.view(len_of)))
        assert resource.at("n") == Known(stack.view(len_of))
        return []

    def len_of(stack: PolicyStack) -> int:
        return len(stack.resources)

    server = servicer([rule(judge)])
    for size in (1, 3):
        toys = [
            Toy("some:index:Thing", f"r{number}", {"n": size}, provider="given") for number in range(size)
        ]
        for request in resource_requests(toys):
            server.Analyze(request, None)
        assert not server.AnalyzeStack(stack_request(toys), None).diagnostics
    assert seen == [("r0", 1), ("r0", 3), ("r1", 3), ("r2", 3)]

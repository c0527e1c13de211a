"""The pack around the rules: crashes, secrets, what the engine is told of each rule, and the cost of many."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from google.protobuf import empty_pb2
from policy_harness import Toy, altered, judged, monitor, production, secret, servicer, without
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import Severity
from pulumi_policy.policy import _NotApplicableError  # pyright: ignore[reportPrivateUsage] - what the SDK raises
from pulumi_policy.proxy import UnknownValueError

from policies.reading import Known
from policies.resources import Stack
from policies.rule import Control, Finding, Framework, Rule
from policies.rules import RULES
from policies.wording import say

PLANTED = "pl4nted-s3cret"


def crashing(error: Exception) -> Rule:
    def find(stack: Stack) -> Iterator[Finding]:
        yield Finding(stack.resources[0], say("found before the crash"))
        raise error

    return Rule(
        id="crashing",
        title="A rule with a bug",
        severity=Severity.LOW,
        risk="None.",
        fix="None.",
        controls=(Control(Framework.SOC_2, "A1.2"),),
        find=find,
    )


@pytest.mark.parametrize(
    "error",
    [
        ValueError(PLANTED),
        UnknownValueError("04da6b54-80e4-46f7-96ec-b56ff0331ba9", [PLANTED]),
        _NotApplicableError(PLANTED),
    ],
)
def test_a_crash_is_a_mandatory_violation_that_names_the_rule_and_shows_no_value(error: Exception) -> None:
    found = judged(without(production(), "job"), [crashing(error), *RULES])
    first, crash, *others = found
    assert [first.rule, crash.rule] == ["crashing", "crashing"]
    assert "found before the crash" in first.message
    assert f"rule crashing crashed ({type(error).__name__}, test_policy_pack.py:" in crash.message
    assert {violation.level for violation in found} == {analyzer_pb2.MANDATORY}
    assert "store-has-independent-backup" in {violation.rule for violation in others}
    assert PLANTED not in str(found)


def test_no_message_shows_a_value_wherever_a_secret_is_planted() -> None:
    planted = {"plain": PLANTED, "marked": secret(PLANTED), "list": [{"deep": secret(PLANTED)}]}
    url = f"https://user:{PLANTED}@api.example.com/{PLANTED}?key={PLANTED}#{PLANTED}"
    stack = [replace(toy, inputs={**toy.inputs, **planted}) for toy in production()]
    for name, change in {
        "platform": {"endpoints": [{"name": PLANTED, "url": url}]},
        "job": {"schedule": PLANTED, "retentionDays": PLANTED, "copies": [{"provider": PLANTED}], PLANTED: 1},
        "project": {"regionId": PLANTED},
        "health": {"url": f"{url}/health", "isPaused": PLANTED},
        "operations": {"isActive": PLANTED, "notificationEvents": PLANTED},
        "incidents": {"enableNotificationsFor": PLANTED},
        "replication": {"rules": [{"status": PLANTED, "filter": {"prefix": PLANTED}}]},
    }.items():
        stack = altered(stack, name, **change)
    found = judged(stack)
    assert {violation.resource for violation in found} >= {"platform", "project", "vault-bucket"}
    assert PLANTED not in str(found)
    assert "https://api.example.com is down" in str(found)


def test_each_rule_tells_the_engine_that_it_is_mandatory_why_and_for_which_controls() -> None:
    info = servicer().GetAnalyzerInfo(empty_pb2.Empty(), None)
    policies = {policy.name: policy for policy in info.policies if policy.policy_type == 2}
    assert set(policies) == {rule.id for rule in RULES}
    for rule in RULES:
        policy = policies[rule.id]
        assert policy.enforcementLevel == analyzer_pb2.MANDATORY
        assert policy.description == rule.title
        assert policy.remediation_steps == rule.fix
        assert policy.severity == analyzer_pb2.POLICY_SEVERITY_CRITICAL
        assert policy.framework.name
        assert policy.framework.version
    assert "nist-800-53-r5:cp-9(a)" in policies["store-has-independent-backup"].tags


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_complete(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.id)
    assert rule.title
    assert rule.risk.endswith(".")
    assert rule.fix.endswith(".")
    assert rule.controls


def test_messages_come_in_the_same_order_whatever_the_engines() -> None:
    stack = [*without(production(), "job", "replication"), monitor("extra", type="HTTP", url="x")]
    assert judged(stack) == judged(stack[::-1])


def test_a_resource_that_was_not_announced_is_judged_by_its_outputs() -> None:
    store = Toy("neon:index/project:Project", "project", provider={})
    server = servicer()
    request = analyzer_pb2.AnalyzeStackRequest(
        resources=[
            analyzer_pb2.AnalyzerResource(
                type=store.type,
                name=store.name,
                urn=store.urn,
                provider=analyzer_pb2.AnalyzerProviderResource(),
            )
        ]
    )
    assert [found.policyName for found in server.AnalyzeStack(request, None).diagnostics] == [
        "store-has-independent-backup"
    ]


def test_a_second_look_at_the_stack_sees_the_stack_of_then() -> None:
    seen: list[int] = []

    def find(stack: Stack) -> Iterator[Finding]:
        seen.append(len(stack.resources))
        assert all(resource.at("n") == Known(len(stack.resources)) for resource in stack.resources)
        yield from ()

    rules = [replace(crashing(ValueError()), id=f"r-{number}", find=find) for number in range(2)]
    server = servicer(rules)
    for size in (1, 3):
        names = [f"r{number}" for number in range(size)]
        for name in names:
            announced = analyzer_pb2.AnalyzeRequest(urn=name, name=name)
            announced.properties.update({"n": size})
            server.Analyze(announced, None)
        resources = [analyzer_pb2.AnalyzerResource(urn=name, name=name) for name in names]
        answer = server.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources), None)
        assert not answer.diagnostics
    assert seen == [1, 1, 3, 3]

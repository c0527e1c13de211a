import json
from collections.abc import Callable
from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter

from cases.vaults import (
    BUCKET,
    WHO,
    as_secret,
    both,
    change,
    drop,
    inputs_of,
    no_statement,
    statement,
)

HERE, GLOBAL = "backups-alarms-eu-west-1", "backups-alarms-us-east-1"
LOSSES, WATCH, TOPIC = f"{HERE}-losses", f"{HERE}-watch", f"{HERE}-topic"
BREAK_GLASS = "backups-administration-break-glass"


def branches(rule: str, edit: Callable[[list[dict[str, Any]]], object]) -> Change:
    """Change the calls that a rule's pattern names."""
    pattern = json.loads(inputs_of(rule)["eventPattern"])
    edit(pattern["$or"])
    return change(rule, eventPattern=json.dumps(pattern))


def without_call(rule: str, name: str) -> Change:
    def edit(calls: list[dict[str, Any]]) -> None:
        for call in calls:
            names = call["detail"].get("eventName", [])
            if name in names:
                names.remove(name)
        calls[:] = [call for call in calls if call["detail"].get("eventName") != []]

    return branches(rule, edit)


def without_source(rule: str, source: str) -> Change:
    def edit(calls: list[dict[str, Any]]) -> None:
        calls[:] = [call for call in calls if call["source"] != [f"aws.{source}"]]

    return branches(rule, edit)


def another_bucket(calls: list[dict[str, Any]]) -> None:
    for call in calls:
        if call["source"] == ["aws.s3"]:
            call["detail"]["requestParameters"]["bucketName"] = ["somebody-elses"]


def trusted(**condition: Any) -> Change:
    document = json.loads(inputs_of(BREAK_GLASS)["assumeRolePolicy"])
    own = document["Statement"][0]["Condition"]
    own.pop("StringEquals")
    document["Statement"][0]["Condition"] = {**own, **condition}
    return change(BREAK_GLASS, assumeRolePolicy=json.dumps(document))


CASE = Case(
    rule="vault-raises-alarms",
    at=BUCKET,
    weak=(
        *(
            without_call(LOSSES, name)
            for name in ("DisableKey", "ScheduleKeyDeletion", "PutKeyPolicy", "CreateGrant", "UpdateAlias")
        ),
        without_source(LOSSES, "s3"),
        branches(LOSSES, another_bucket),
        without_call(WATCH, "StopLogging"),
        without_call(WATCH, "PutEventSelectors"),
        # A rule that is off does not tell of itself, so the other one has to.
        without_source(WATCH, "events"),
        without_source(LOSSES, "events"),
        without_call(LOSSES, "RemoveTargets"),
        without_source(f"{GLOBAL}-watch", "iam"),
        without_call(f"{GLOBAL}-watch", "DeleteOpenIDConnectProvider"),
        # Taken on in a region where nobody is told.
        without_call(LOSSES, "AssumeRole"),
        without_call(f"{GLOBAL}-losses", "AssumeRole"),
        trusted(),
        trusted(StringEquals={"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]}),
        change(LOSSES, state="DISABLED"),
        change(LOSSES, isEnabled=False),
        change(LOSSES, region="eu-central-1"),
        change(LOSSES, eventPattern='{"source": [{"anything-but": "aws.ec2"}]}'),
        change(LOSSES, eventPattern="everything"),
        change(f"{LOSSES}-target", arn="arn:aws:sns:eu-west-1:123456789012:another"),
        change(f"{LOSSES}-target", rule="another"),
        change(f"{HERE}-operations", topic="arn:aws:sns:eu-west-1:123456789012:another"),
        change(LOSSES, eventBusName="quiet"),
        change(f"{HERE}-operations", filterPolicy='{"severity": ["none"]}'),
        change(f"{HERE}-operations", protocol="sqs"),
        statement(TOPIC, "RulesPublish", Principal={"Service": "cloudwatch.amazonaws.com"}),
        statement(TOPIC, "OnlyBreakGlass", Action="sns:DeleteTopic"),
        statement(
            TOPIC,
            "OnlyBreakGlass",
            Condition={"ArnNotEquals": {WHO: "arn:aws:iam::123456789012:role/example-deployer"}},
        ),
    ),
    absent=(
        drop(LOSSES),
        drop(WATCH),
        drop(f"{GLOBAL}-watch"),
        drop(f"{LOSSES}-target"),
        drop(f"{HERE}-operations"),
        drop(TOPIC),
        no_statement(TOPIC, "RulesPublish"),
        no_statement(TOPIC, "OnlyBreakGlass"),
        change(TOPIC, policy=ABSENT),
    ),
    unknown=(
        change(LOSSES, eventPattern=UNKNOWN),
        lambda stack: alter(stack, LOSSES, name=UNKNOWN),
        change(LOSSES, state=UNKNOWN),
        change(LOSSES, eventBusName=UNKNOWN),
        change(TOPIC, policy=UNKNOWN),
        lambda stack: alter(stack, "backups-administration", breakGlassArn=UNKNOWN),
    ),
    secret=(
        as_secret(LOSSES, "eventPattern"),
        as_secret(TOPIC, "policy"),
    ),
    fine=(
        change(LOSSES, eventBusName="default"),
        change(LOSSES, state="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"),
        change(LOSSES, state=ABSENT) if "state" in inputs_of(LOSSES) else change(LOSSES, isEnabled=True),
        both(
            change(LOSSES, description="otherwise"),
            change(f"{HERE}-operations", protocol="sms", endpoint="+491230000000"),
        ),
    ),
)

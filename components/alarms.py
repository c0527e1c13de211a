"""Alarms on what precedes a loss, in one account and region."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import cloudwatch, sns

from components.alarm_endpoints import AlarmEndpoint
from components.alarm_names import AlarmNames
from components.alarm_patterns import losses_pattern, watch_pattern
from components.guard import ALARM_ACTIONS, deny_others

_RUNBOOK: Final = "docs/runbooks/alarm-at-aws.md"
MESSAGE_FACTS: Final = {
    "call": "$.detail.eventName",
    "service": "$.detail.eventSource",
    "who": "$.detail.userIdentity.arn",
    "from": "$.detail.sourceIPAddress",
    "at": "$.time",
    "account": "$.account",
    "region": "$.region",
    "error": "$.detail.errorCode",
    "event": "$.detail.eventID",
}
"""Key of a message -> where EventBridge finds it in the event."""


@dataclass(frozen=True)
class AlarmsArgs:
    """What `Alarms` is made of."""

    names: AlarmNames
    """The physical names, in one account and region."""

    buckets: Sequence[str]
    """Names of the vaults there and of the buckets of their logs; there may be none."""

    endpoints: Sequence[AlarmEndpoint]
    """Where the alarms arrive."""

    guards: Sequence[str]
    """ARNs of who may change the topic."""

    trail_arn: str | None = None
    """The account's trail, if this stack does not declare it."""


class Alarms(pulumi.ComponentResource):
    """
    Rules about calls to AWS, and the topic that tells them.

    Each rule is watched by the other one, and the topic has several endpoints: whoever turns them off has to
    begin with a call that is still told. The topic's policy denies its removal to all but break-glass.

    Publishes for policies: `account`, `region`, and `trailArn` of a trail that this stack does not declare.
    """

    TYPE: Final = "bulwark:index:Alarms"

    topic: sns.Topic

    def __init__(self, name: str, args: AlarmsArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        """`opts` has a provider of the account."""
        names = args.names
        facts = {"account": names.account, "region": names.region, "trailArn": args.trail_arn}
        super().__init__(
            self.TYPE, name, {key: value for key, value in facts.items() if value is not None}, opts
        )
        child, region = pulumi.ResourceOptions(parent=self), names.region
        self.topic = sns.Topic(
            f"{name}-topic",
            name=names.topic,
            region=region,
            policy=topic_policy(names, args.guards),
            opts=child,
        )
        targets: list[cloudwatch.EventTarget] = []
        for suffix, rule_name, does, pattern in (
            ("losses", names.losses, "Calls that precede a loss", losses_pattern(names, args.buckets)),
            ("watch", names.watch, "Calls that change roles or turn alarms off", watch_pattern(names)),
        ):
            rule = cloudwatch.EventRule(
                f"{name}-{suffix}",
                name=rule_name,
                description=does,
                event_pattern=pattern,
                region=region,
                opts=child,
            )
            target = cloudwatch.EventTarget(
                f"{name}-{suffix}-target",
                rule=rule.name,
                target_id=names.topic,
                arn=self.topic.arn,
                input_transformer={
                    "input_paths": MESSAGE_FACTS,
                    "input_template": message_template(names.platform),
                },
                region=region,
                opts=child,
            )
            targets.append(target)
        for endpoint in args.endpoints:
            sns.TopicSubscription(
                f"{name}-{endpoint.name}",
                topic=self.topic.arn,
                protocol=endpoint.protocol,
                endpoint=endpoint.address,
                # An HTTP receiver gets the message as it is, without SNS's envelope.
                raw_message_delivery=None if endpoint.protocol == "email" else True,
                region=region,
                # Else the making of the targets would be told as a change of them.
                opts=pulumi.ResourceOptions(parent=self, depends_on=targets),
            )
        self.register_outputs({"topicArn": self.topic.arn})


def message_template(platform: str) -> str:
    """Return the template of a message: JSON, one fact a key. A fact that the event lacks is empty."""
    facts = {key: f"<{key}>" for key in MESSAGE_FACTS}
    return json.dumps({"alarm": f"{platform}: <call> at <service>", **facts, "runbook": _RUNBOOK})


def topic_policy(names: AlarmNames, guards: Sequence[str]) -> str:
    rules = [names.rule_arn(rule) for rule in (names.losses, names.watch)]
    statements = [
        {
            "Sid": "RulesPublish",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sns:Publish",
            "Resource": names.topic_arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": rules}},
        },
        deny_others(
            "OnlyBreakGlass",
            [action for action in ALARM_ACTIONS if action.startswith("sns:")],
            names.topic_arn,
            guards,
        ),
    ]
    return json.dumps({"Version": "2012-10-17", "Id": names.topic, "Statement": statements})

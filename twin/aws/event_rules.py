"""
EventBridge and SNS on the twin: rules that match a recorded call tell topics, and these their endpoints.

moto keeps rules and topics, and sends nothing of such events itself.
"""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Final

from moto.events.models import Rule, events_backends
from moto.sns.models import Subscription, Topic, sns_backends
from werkzeug.wrappers import Response

from core.event_patterns import EventPatternError, matches_event, parse_pattern
from twin.aws.alarm_actions import find_topic
from twin.aws.call_events import RecordedCall
from twin.aws.notifications import Notification
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate
from twin.aws.subscriptions import is_pending

_ENABLED: Final = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_log = logging.getLogger("aws")


def find_notifications(call: RecordedCall, response: Response) -> list[Notification]:
    """Return what the rules of all accounts send about a call, as they are after it."""
    return [
        notification
        for account in call.accounts
        for event in (call.complete(response, account),)
        for rule in _list_rules(account, event["region"])
        if _matches(rule, event)
        for target in rule.targets
        if (topic := find_topic(target["Arn"])) and _may_publish(rule, topic)
        for notification in _publish(topic, _render(target.get("InputTransformer"), event))
    ]


def _list_rules(account: str, region: str) -> list[Rule]:
    if account not in events_backends:
        return []
    backend = events_backends[account].get(region)
    return list(backend.event_buses["default"].rules.values()) if backend else []


def _matches(rule: Rule, event: Mapping[str, Any]) -> bool:
    if rule.state not in _ENABLED:
        return False
    try:
        return matches_event(parse_pattern(rule.event_pattern.dump() or ""), event)
    except EventPatternError as error:
        _log.warning("rule %s is not matched: %s", rule.name, error)
        return False


def _may_publish(rule: Rule, topic: Topic) -> bool:
    """Tell whether the topic's policy lets EventBridge publish for this rule."""
    context = {"aws:sourcearn": rule.arn, "aws:sourceaccount": rule.created_by}
    permission = RequiredPermission("sns:Publish", topic.arn, context)
    allowed = evaluate(topic.policy, permission, Principal("Service", "events.amazonaws.com"))
    if not allowed.allows:
        _log.warning("the policy of %s lets rule %s publish nothing", topic.name, rule.name)
    return allowed in {Decision.ALLOWED, Decision.ALLOWED_DIRECTLY}


def _publish(topic: Topic, message: str) -> Iterator[Notification]:
    envelope = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": topic.arn,
        "Message": message,
    }
    for subscription in _list_subscriptions(topic):
        raw = str(subscription.attributes.get("RawMessageDelivery")).lower() == "true"
        if subscription.protocol in {"http", "https"}:
            body = message if raw else json.dumps(envelope)
            yield Notification(subscription.protocol, subscription.endpoint, body)
        elif subscription.protocol == "email":
            mail = {"subject": "AWS Notification Message", "text": message}
            yield Notification("email", subscription.endpoint, json.dumps(mail))


def _list_subscriptions(topic: Topic) -> list[Subscription]:
    _, _, _, region, account, _ = topic.arn.split(":")
    subscriptions = sns_backends[account][region].subscriptions.values()
    return [each for each in subscriptions if each.topic_arn == topic.arn and not is_pending(each)]


def _render(transformer: Mapping[str, Any] | None, event: Mapping[str, Any]) -> str:
    """
    Return the message of an event: by a template in which each `<name>` is the text at a path, or all of it.

    Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    if transformer is None:
        return json.dumps(event)
    text: str = transformer["InputTemplate"]
    for name, path in (transformer.get("InputPathsMap") or {}).items():
        text = text.replace(f"<{name}>", json.dumps(_find_text(event, path))[1:-1])
    return text


def _find_text(event: Mapping[str, Any], path: str) -> str:
    value: Any = event
    for step in path.removeprefix("$.").split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return "" if value is None else str(value)

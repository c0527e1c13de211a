"""
EventBridge and SNS on the twin: rules that match a recorded call tell topics, and these their endpoints.

moto keeps rules and topics, and sends nothing of such events itself.
"""

import json
import logging
import queue
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import httpx
from moto.events.models import Rule, events_backends
from moto.sns.models import Subscription, Topic, sns_backends
from werkzeug.wrappers import Response

from core.event_patterns import EventPatternError, matches_event, parse_pattern
from twin.aws.alarm_actions import find_topic
from twin.aws.call_events import RecordedCall
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate
from twin.host.home import TwinHome
from twin.vendor.webhooks import DELIVERY_HEADER

_ENABLED: Final = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_ATTEMPTS: Final = 3
_TIMEOUT_SECONDS: Final = 10.0
_log = logging.getLogger("aws")


@dataclass(frozen=True)
class Notification:
    """A message of a topic to one endpoint, whose address may be a secret."""

    protocol: str
    address: str = field(repr=False)
    body: str = field(repr=False)


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


class AlarmSender:
    """Sends notifications from a thread of its own. What is under way when the service ends is lost."""

    def __init__(self, home: TwinHome) -> None:
        self._inbox = f"http://127.0.0.1:{home.port('vendors')}/inbox"
        self._queue: queue.SimpleQueue[Notification] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="alarms", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, notification: Notification) -> None:
        self._queue.put(notification)

    def _run(self) -> None:
        while True:
            notification = self._queue.get()
            try:
                self._post(notification)
            except httpx.HTTPError as error:
                _log.warning(
                    "an alarm was not delivered by %s: %s", notification.protocol, type(error).__name__
                )

    def _post(self, notification: Notification) -> None:
        """Post to a receiver; the twin's inbox stands for all mailboxes."""
        address = notification.address
        if notification.protocol == "email":
            address = f"{self._inbox}/{quote(f'email:{address}', safe='')}"
        headers = {DELIVERY_HEADER: f"sns-{uuid.uuid4()}", "Content-Type": "text/plain; charset=UTF-8"}
        transport = httpx.HTTPTransport(retries=_ATTEMPTS)
        with httpx.Client(transport=transport, trust_env=False, timeout=_TIMEOUT_SECONDS) as client:
            client.post(address, content=notification.body, headers=headers).raise_for_status()


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
    return [subscription for subscription in subscriptions if subscription.topic_arn == topic.arn]


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

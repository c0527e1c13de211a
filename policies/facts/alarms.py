"""Alarms on calls to AWS: EventBridge's rules, the calls that they match, and whom they tell."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, LiteralString

from core.event_patterns import (
    EventPatternError,
    EventValue,
    find_demanded_values,
    list_values,
    matches_event,
    parse_pattern,
    split_pattern,
)
from policies.facts.failure_domain import FailureDomain
from policies.facts.guards import find_exempt, judge_exempt
from policies.facts.iam_documents import read_statements
from policies.facts.kms_keys import KmsKeys
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import in_range
from policies.framework.stack import PolicyStack, Resource

RULE: Final = "aws:cloudwatch/eventRule:EventRule"
_TARGET: Final = "aws:cloudwatch/eventTarget:EventTarget"
_TOPIC: Final = "aws:sns/topic:Topic"
_SUBSCRIPTION: Final = "aws:sns/topicSubscription:TopicSubscription"
_ON: Final = ("ENABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")
_TOPIC_POLICY: Final = "aws:sns/topicPolicy:TopicPolicy"
_SHORTEST_AGE: Final = 3_600
"""For how many seconds at least EventBridge goes on trying; its default is a day."""

_DEFAULT_BUS: Final = (Absent(), Known("default"))
_TELLING: Final = frozenset({"email", "email-json", "http", "https", "lambda", "sms"})
"""Protocols by which a message leaves the account or starts something; in a queue it waits for a reader."""

_FORMS: Final = {
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "email-json": re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "https": re.compile(r"https://[^/\s]+\S*"),
}
"""Protocol -> the form of an address that can be reached."""

_PROTECTION: Final = "aws:sns/dataProtectionPolicy:DataProtectionPolicy"
_ALL_REGIONS: Final = "us-east-1"
"""Where calls to IAM are recorded (CloudTrail, "Global service events")."""

_TOPIC_ACTIONS: Final[tuple[LiteralString, ...]] = (
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
)
_CALL_PATH: Final = "$.detail.eventName"
_EVENTS: Final = ("Service", "events.amazonaws.com")
_KEY_USES: Final = ("kms:Decrypt", "kms:GenerateDataKey")


@dataclass(frozen=True)
class Call:
    """A call to AWS as CloudTrail records it, without a refusal."""

    name: LiteralString
    source: str
    parameters: Mapping[str, str]
    reads: bool = False

    def event(self, account: str, region: str) -> dict[str, Any]:
        """Return the event that EventBridge gets."""
        return {
            "source": f"aws.{self.source}",
            "detail-type": "AWS API Call via CloudTrail",
            "account": account,
            "region": region,
            "detail": {
                "eventSource": f"{self.source}.amazonaws.com",
                "eventName": self.name,
                "awsRegion": region,
                "readOnly": self.reads,
                "managementEvent": True,
                "eventCategory": "Management",
                "userIdentity": {"type": "AssumedRole"},
                "requestParameters": dict(self.parameters),
            },
        }


@dataclass(frozen=True)
class AlarmRule:
    """A rule that is on, in one account and region."""

    resource: Resource
    name: str
    pattern: Mapping[str, Any]
    topics: tuple[Resource, ...]


class AlarmRules:
    """The rules of a stack by account and region, and why some of them can't be judged."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._rules: dict[tuple[str, str], list[AlarmRule]] = {}
        self.problems: Final = list(self._index())
        self._patterns = {place: _PatternIndex(rules) for place, rules in self._rules.items()}

    def in_region(self, account: str, region: str) -> list[AlarmRule]:
        return self._rules.get((account, region), [])

    def in_all_regions(self, account: str) -> list[AlarmRule]:
        """Return the rules where calls to global services are recorded."""
        return self.in_region(account, _ALL_REGIONS)

    def tell(self, call: Call, account: str, region: str, *, but: AlarmRule | None = None) -> bool:
        """Tell whether a rule of an account and region matches a call there, `but` one."""
        index = self._patterns.get((account, region))
        return index is not None and index.tells(call.event(account, region), but)

    def _index(self) -> Iterator[Message]:
        for resource in self._stack.of_type(RULE):
            domain = FailureDomain.of(resource, self._stack)
            if isinstance(resource.at("state"), Unknown):
                yield unknown_value(resource, "state")
                continue
            if isinstance(bus := resource.at("eventBusName"), Unknown):
                yield unknown_value(resource, "eventBusName")
                continue
            if bus not in _DEFAULT_BUS:
                continue  # what AWS itself tells arrives on the default bus alone
            match domain.account, domain.region, resource.at("name"), resource.at("eventPattern"):
                case Known(str(account)), Known(str(region)), Known(str(name)), Known(str(text)):
                    if not _is_on(resource):
                        continue
                    try:
                        pattern = parse_pattern(text)
                    except EventPatternError:
                        yield message("{rule} has a pattern that can't be judged", rule=resource)
                        continue
                    rule = AlarmRule(resource, name, pattern, tuple(self._find_topics(resource, name)))
                    self._rules.setdefault((account, region), []).append(rule)
                case _, _, _, Unknown():
                    yield unknown_value(resource, "eventPattern")
                case _, _, Unknown(), _:
                    yield unknown_value(resource, "name")
                case _:
                    yield unknown_value(resource, "region")

    def _find_topics(self, rule: Resource, name: str) -> Iterator[Resource]:
        targets = self._stack.view(_find_targets)
        for target in sorted((*targets.get(name, ()), *targets.get(None, ())), key=lambda target: target.urn):
            if isinstance(target.at("rule"), Unknown):
                aims = rule in self._stack.dependencies(target, "rule")
            else:
                aims = _same_place(rule, target, self._stack)
            if aims:
                yield from _resolve(target, "arn", self._stack)


class _PatternIndex:
    """The alternatives of some rules' patterns, by a value that each demands."""

    def __init__(self, rules: Iterable[AlarmRule]) -> None:
        self._by_value: dict[EventValue, list[tuple[AlarmRule, Mapping[str, Any]]]] = defaultdict(list)
        self._others: list[tuple[AlarmRule, Mapping[str, Any]]] = []
        for rule in rules:
            for alternative in split_pattern(rule.pattern):
                for value in find_demanded_values(alternative):
                    self._by_value[value].append((rule, alternative))
                if not find_demanded_values(alternative):
                    self._others.append((rule, alternative))

    def tells(self, event: Mapping[str, Any], but: AlarmRule | None) -> bool:
        found = (self._by_value.get(value, ()) for value in list_values(event))
        return any(
            rule is not but and matches_event(pattern, event)
            for rule, pattern in (*chain.from_iterable(found), *self._others)
        )


def _find_targets(stack: PolicyStack) -> dict[str | None, list[Resource]]:
    """Return the targets that pass on what arrives, by the name of their rule; None while it is unknown."""
    found: dict[str | None, list[Resource]] = defaultdict(list)
    for target in stack.of_type(_TARGET):
        own = target.at("rule")
        if target.at("eventBusName") in _DEFAULT_BUS and _passes_on(target):
            match own:
                case Known(str(name)):
                    found[name].append(target)
                case Unknown():
                    found[None].append(target)
                case _:
                    pass
    return found


def _passes_on(target: Resource) -> bool:
    """Tell whether a target says what happened, and is tried again for as long as a person needs."""
    retries, seconds = (
        target.at("retryPolicy", name) for name in ("maximumRetryAttempts", "maximumEventAgeInSeconds")
    )
    lasting = isinstance(seconds, Absent) or (
        isinstance(seconds, Known) and in_range(_SHORTEST_AGE)(seconds.value)
    )
    again = isinstance(retries, Absent) or (isinstance(retries, Known) and in_range(1)(retries.value))
    whole = all(isinstance(target.at(name), Absent) for name in ("input", "inputPath"))
    return whole and lasting and again and _says_what_happened(target)


def _says_what_happened(target: Resource) -> bool:
    """Tell whether its message, where it makes one of its own, has the call in it."""
    template, paths = (
        target.at("inputTransformer", "inputTemplate"),
        target.at("inputTransformer", "inputPaths"),
    )
    if not isinstance(template, Known):
        return True
    return any(
        path == Known(_CALL_PATH) and f"<{name}>" in str(template.value)
        for name, path in paths.items().items()
    )


def judge_topic(topic: Resource, stack: PolicyStack, *, least: float, root_may: bool) -> tuple[Message, ...]:
    """Return why a topic tells nobody, or may be silenced by somebody who is no break-glass role."""
    return stack.view(_judge_topic, topic, least, root_may)


def _judge_topic(stack: PolicyStack, topic: Resource, least: float, root_may: bool) -> tuple[Message, ...]:
    return (
        *_judge_subscriptions(topic, stack, least=least),
        *_judge_key(topic, stack),
        *(
            problem
            # A policy of its own replaces the topic's.
            for document in stack.view(_index_by_topic, _TOPIC_POLICY, "arn").get(topic, [topic])
            for problem in _judge_policy(topic, document, stack, root_may=root_may)
        ),
    )


def _judge_subscriptions(topic: Resource, stack: PolicyStack, *, least: float) -> Iterator[Message]:
    subscriptions = [
        subscription
        for subscription in stack.view(_index_by_topic, _SUBSCRIPTION, "topic").get(topic, ())
        if isinstance(subscription.at("filterPolicy"), Absent) and _tells(subscription)
    ]
    addresses = {_address_of(subscription) for subscription in subscriptions}
    if len(addresses) < least:
        yield message(
            "{topic} has fewer than {least} subscriptions that tell of everything: "
            "removing the last one is told nobody",
            topic=topic,
            least=number(least),
        )
    if topic.at("fifoTopic") == Known(value=True):
        yield message("{topic} is one of queues, which tells no person", topic=topic)
    for holder in (topic, *subscriptions):
        if _gives_up(holder.at("deliveryPolicy")):
            yield message("{holder} tries to tell once at most", holder=holder)
    for filtering in stack.view(_index_by_topic, _PROTECTION, "arn").get(topic, ()):
        yield message("{filtering} may take messages of {topic} away", filtering=filtering, topic=topic)


def _judge_policy(
    topic: Resource, document: Resource, stack: PolicyStack, *, root_may: bool
) -> Iterator[Message]:
    statements, unreadable = read_statements(document)
    yield from unreadable
    if unreadable:
        return
    if not any(
        statement.allows and statement.covers_action("sns:Publish") and _EVENTS in statement.principals
        for statement in statements
    ):
        yield message("{topic} takes nothing from EventBridge", topic=topic)
    exempt: dict[str, None] = {}
    for action in _TOPIC_ACTIONS:
        arns = find_exempt(statements, action, _arn_of(topic))
        if arns is None:
            yield message("{topic} does not deny " + action + " to all but named roles", topic=topic)
        exempt.update(dict.fromkeys(arns or ()))
    yield from judge_exempt(exempt, stack, root_may=root_may)


def _judge_key(topic: Resource, stack: PolicyStack) -> Iterator[Message]:
    """Yield why EventBridge can't use the key of a topic: then it publishes nothing, and no one hears."""
    keys, key_id = stack.view(KmsKeys), topic.at("kmsMasterKeyId")
    if isinstance(key_id, Absent):
        return
    found = keys.resolve(topic, "kmsMasterKeyId", key_id)
    if isinstance(key_id, Unknown) and not found:
        yield unknown_value(topic, "kmsMasterKeyId")
    elif not found:
        yield message("{topic} is encrypted with a key that takes nothing from EventBridge", topic=topic)
    for key in found:
        for policy in keys.policies_of(key) or [key]:
            statements, unreadable = read_statements(policy)
            yield from unreadable
            if not unreadable and not all(
                any(one.allows and one.covers_action(use) and _EVENTS in one.principals for one in statements)
                for use in _KEY_USES
            ):
                yield message("{key} of {topic} takes nothing from EventBridge", key=key, topic=topic)


def _address_of(subscription: Resource) -> object:
    """Return whom it tells: two subscriptions of one address are one."""
    protocol, endpoint = subscription.at("protocol"), subscription.at("endpoint")
    return (protocol, endpoint.value) if isinstance(endpoint, Known) else subscription.urn


def _tells(subscription: Resource) -> bool:
    """Tell whether it reaches somebody: by an address of its protocol's form that nobody reads on its way."""
    match subscription.at("protocol"), subscription.at("endpoint"):
        case Known(str(protocol)), Known(str(address), secret=False):
            form = _FORMS.get(protocol)
            return protocol in _TELLING and (form is None or bool(form.fullmatch(address)))
        case Known(str(protocol)), _:
            return protocol in _TELLING
        case _:
            return False


def _gives_up(policy: PropertyValue) -> bool:
    """Tell whether a policy of deliveries, at any depth, allows no second try."""
    if isinstance(policy, Known) and isinstance(policy.value, str):
        try:
            policy = Known(json.loads(policy.value))
        except ValueError:
            return True
    retries = policy.at("numRetries")
    return (isinstance(retries, Known) and not in_range(1)(retries.value)) or any(
        _gives_up(part) for part in policy.items().values() if not isinstance(part, Known) or part.items()
    )


def _is_on(rule: Resource) -> bool:
    match rule.at("state"):
        case Absent():
            return rule.at("isEnabled") in (Absent(), Known(value=True))
        case Known(value):
            return value in _ON
        case _:
            return False


def _same_place(rule: Resource, target: Resource, stack: PolicyStack) -> bool:
    places = [FailureDomain.of(resource, stack) for resource in (rule, target)]
    return places[0].account == places[1].account and places[0].region == places[1].region


def _arn_of(topic: Resource) -> str:
    """Return the ARN of a topic as its policy names it, or a pattern's stand-in if it is not known."""
    for value in (topic.output("arn"), topic.output("id")):
        if isinstance(value, Known) and isinstance(value.value, str):
            return value.value
    statements, _ = read_statements(topic)
    return next((arn for statement in statements for arn in statement.resources), "*")


def _resolve(resource: Resource, name: str, stack: PolicyStack) -> list[Resource]:
    """Return the topics that an input names; if it is unknown, those that it depends on."""
    match resource.at(name):
        case Known(str(arn)):
            return stack.view(_index_topics).get(arn, [])
        case Unknown():
            return [topic for topic in stack.dependencies(resource, name) if topic.type == _TOPIC]
        case _:
            return []


def _index_topics(stack: PolicyStack) -> dict[str, list[Resource]]:
    """Return the topics by ARN."""
    found: dict[str, list[Resource]] = defaultdict(list)
    for topic in stack.of_type(_TOPIC):
        values = (topic.output("arn"), topic.output("id"))
        for arn in {one.value for one in values if isinstance(one, Known) and isinstance(one.value, str)}:
            found[arn].append(topic)
    return found


def _index_by_topic(stack: PolicyStack, token: str, name: str) -> dict[Resource, list[Resource]]:
    """Return the resources of a type by the topics that an input of theirs names."""
    found: dict[Resource, list[Resource]] = defaultdict(list)
    for resource in stack.of_type(token):
        for topic in dict.fromkeys(_resolve(resource, name, stack)):
            found[topic].append(resource)
    return found

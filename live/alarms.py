"""
What a refresh can't see of the alarms: who hears a topic in reality, and what nobody declared that uses it.

A subscription that nobody confirmed, and one that is gone, tell nobody.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from live.aws_access import AwsAccess, explain_errors
from live.declared import DeclaredStack, StateResource, inputs_of
from live.finding import LiveFinding, Lookup, name

_TOPIC: Final = "aws:sns/topic:Topic"
_SUBSCRIPTION: Final = "aws:sns/topicSubscription:TopicSubscription"
_RULE: Final = "aws:cloudwatch/eventRule:EventRule"
_TARGET: Final = "aws:cloudwatch/eventTarget:EventTarget"

_PENDING: Final = "PendingConfirmation"
"""What a list of subscriptions has in place of the ARN of one that is not confirmed (SNS)."""

_DELETED: Final = "Deleted"
"""The same of one that was removed a short time ago."""

_ASK_WHO: Final = "see who made it (CloudTrail)."


def lookups(declared: DeclaredStack, access: AwsAccess) -> Iterator[Lookup]:
    """Yield one lookup for each topic, and one for each rule, of the stack."""
    for topic in declared.of_type(_TOPIC):
        arn = str(topic["id"])
        yield Lookup(
            f"subscriptions of {arn}",
            f"aws/topic/{arn}/",
            lambda topic=topic: _find_about_topic(topic, declared, access),
        )
    for rule in declared.of_type(_RULE):
        arn = _arn_of(rule)
        yield Lookup(
            f"targets of {arn}", f"aws/rule/{arn}/", lambda rule=rule: _find_targets(rule, declared, access)
        )


def _find_about_topic(
    topic: StateResource, declared: DeclaredStack, access: AwsAccess
) -> Iterator[LiveFinding]:
    arn, provider = str(topic["id"]), declared.provider_of(topic)
    sns = _open(access, "sns", arn, provider)
    own = sorted(each for each in declared.ids(_SUBSCRIPTION) if each.startswith(f"{arn}:"))
    with explain_errors(f"reading the subscriptions of {arn}"):
        try:
            listed = list(_pages(sns, "list_subscriptions_by_topic", "Subscriptions", TopicArn=arn))
        except sns.exceptions.NotFoundException:
            return  # the refresh says that it is gone
        live = {each: attributes for each in own if (attributes := _read_subscription(sns, each))}
    pending = {each: attributes for each, attributes in live.items() if _is_pending(attributes)}
    for each in sorted(pending):
        yield LiveFinding(
            name("aws/topic", arn, "subscription", each.rpartition(":")[2]),
            f"it is pending: no alarm reaches {_describe(pending[each])}",
            "open the link in SNS's message; `aws sns subscribe` with the same endpoint sends it again.",
        )
    if not live.keys() - pending.keys():
        yield LiveFinding(
            name("aws/topic", arn),
            "it has no subscription of the stack that is confirmed: its alarms reach nobody",
            "confirm them; those that are gone, `./bulwark refresh --accept` and `./bulwark up` make again.",
        )
    yield from _find_strangers(arn, listed, set(own), Counter(map(_endpoint_of, pending.values())))
    events = _open(access, "events", arn, provider)
    with explain_errors(f"looking for the rules that use {arn}"):
        using = list(_pages(events, "list_rule_names_by_target", "RuleNames", TargetArn=arn))
    known = {
        str(inputs_of(target).get("rule"))
        for target in declared.of_type(_TARGET)
        if inputs_of(target).get("arn") == arn
    }
    for rule in sorted(set(map(str, using)) - known):
        yield LiveFinding(
            name("aws/topic", arn, "rule", rule),
            "it is a rule that nobody declared, and it sends to the topic of the alarms",
            f"`aws events remove-targets` takes the topic from it, then {_ASK_WHO}",
        )


def _find_strangers(
    topic: str, listed: Iterable[Mapping[str, Any]], own: set[str], pending: Counter[tuple[str, str]]
) -> Iterator[LiveFinding]:
    """Yield the subscriptions that nobody declared; those of `pending` are the stack's, and have no ARN."""
    for row in listed:
        arn, endpoint = str(row["SubscriptionArn"]), _endpoint_of(row)
        if arn in own or arn == _DELETED:
            continue
        if arn == _PENDING and pending[endpoint]:
            pending[endpoint] -= 1
            continue
        shown = _describe(row)
        yield LiveFinding(
            name("aws/topic", topic, "subscription", f"{row['Protocol']}:{shown}"),
            f"it is a subscription that nobody declared: {shown} hears of each alarm",
            "it ends by itself within two days; see who made it (CloudTrail)."
            if arn == _PENDING
            else f"`aws sns unsubscribe --subscription-arn {arn}`, then {_ASK_WHO}",
        )


def _find_targets(rule: StateResource, declared: DeclaredStack, access: AwsAccess) -> Iterator[LiveFinding]:
    arn, rule_name, provider = _arn_of(rule), str(rule["id"]), declared.provider_of(rule)
    events = _open(access, "events", arn, provider)
    with explain_errors(f"reading the targets of {arn}"):
        try:
            live = list(_pages(events, "list_targets_by_rule", "Targets", Rule=rule_name))
        except events.exceptions.ResourceNotFoundException:
            return  # the refresh says that it is gone
    known = {
        (str(inputs_of(target).get("targetId")), str(inputs_of(target).get("arn")))
        for target in declared.of_type(_TARGET)
        if inputs_of(target).get("rule") == rule_name
    }
    for target in live:
        if (target["Id"], target["Arn"]) not in known:
            yield LiveFinding(
                name("aws/rule", arn, "target", str(target["Id"])),
                f"it is a target that nobody declared: {target['Arn']} hears of each alarm",
                f"`aws events remove-targets --rule {rule_name} --ids {target['Id']}`, then {_ASK_WHO}",
            )


def _read_subscription(sns: Any, arn: str) -> Mapping[str, Any] | None:
    """Return the attributes of a subscription; None if it is gone, which the refresh says as well."""
    try:
        return sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    except sns.exceptions.NotFoundException:
        return None


def _is_pending(attributes: Mapping[str, Any]) -> bool:
    return str(attributes.get(_PENDING)).lower() == "true"


def _endpoint_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["Protocol"]), str(row["Endpoint"])


def _describe(row: Mapping[str, Any]) -> str:
    """Return an endpoint without what may be secret of it: of a webhook the host alone."""
    protocol, endpoint = _endpoint_of(row)
    return (urlsplit(endpoint).hostname or protocol) if protocol in {"http", "https"} else endpoint


def _arn_of(rule: StateResource) -> str:
    return str((rule.get("outputs") or {}).get("arn") or rule["id"])


def _open(access: AwsAccess, service: str, arn: str, provider: Mapping[str, Any]) -> Any:
    """Open a service in the region of an ARN, and in the account of a provider."""
    region = arn.split(":")[3] if arn.startswith("arn:") else provider.get("region")
    return access.open_client(service, {**provider, "region": region})


def _pages(client: Any, operation: str, key: str, **query: str) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**query):
        yield from page.get(key, ())

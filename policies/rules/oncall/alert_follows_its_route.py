"""A platform whose alerts leave channels of their level out, or call nobody who is on call, is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.alert_contacts import check_contact, contacts_of
from policies.facts.jobs import MONITOR
from policies.facts.oncall import POLICY, list_urgent_policies
from policies.facts.sentry import PAGERDUTY_SERVICE, UPTIME_MONITOR, SentryAlerts
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, expect_value, in_range, number_parameter
from policies.framework.stack import PolicyStack, Resource

_URGENT: Final = "sev1"
_ESCALATING: Final = (Known("opsgenie"), Known("pagerduty"), Known("splunk"))
"""Kinds of channel that call the next person where the first does not answer."""

_ACTIONS: Final = {"opsgenie": "teamId", "pagerduty": "serviceId"}
"""Sentry's action -> its input with whom it calls."""

_MAXIMUM: Final = number_parameter(
    "maximum_minutes", 5, "after which each contact of an urgent monitor is told", looser="higher"
)


def _judge(publisher: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    route = publisher.at("routes", _URGENT)
    is_called = any(kind in _ESCALATING for kind in route.each())
    if isinstance(route, Unknown) or Unknown() in route.each():
        yield unknown_value(publisher, "routes")
    elif not is_called and Known(_URGENT) not in publisher.at("escalatedByWebhook").each():
        yield message("its route of the first level has no channel that escalates")
    yield from _check_policies(stack)
    levels = _find_levels(stack)
    for monitor in stack.of_type(MONITOR):
        if level := levels.get(_text_of(monitor.at("url")), ""):
            yield from _check_contacts(monitor, publisher.at("routes", level), stack)
            if level == _URGENT:
                yield from _check_delays(monitor, limits[_MAXIMUM.name])
    # Sentry calls no webhook.
    for prober in stack.of_type(UPTIME_MONITOR) if is_called else ():
        if levels.get(_text_of(prober.at("url"))) == _URGENT and not any(
            _calls(alert, stack) for alert in stack.view(SentryAlerts).alerts_on(prober)
        ):
            yield message("no alert on {prober} calls whoever is on call", prober=prober)


def _check_policies(stack: PolicyStack) -> Iterator[Message]:
    """Yield that none of the stack's escalation policies is one of the first level."""
    if stack.of_type(POLICY) and not list_urgent_policies(stack):
        yield message("no escalation policy of this stack is one of the first level")


def _find_levels(stack: PolicyStack) -> dict[str, str]:
    """Return watched URL -> its incident level."""
    return {
        _text_of(entry.at("url")): _text_of(entry.at("severity"))
        for component in stack.publishers("watches")
        for entry in component.at("watches").each()
    }


def _text_of(value: PropertyValue) -> str:
    return value.value if isinstance(value, Known) and isinstance(value.value, str) else ""


def _check_contacts(monitor: Resource, route: PropertyValue, stack: PolicyStack) -> Iterator[Message]:
    kinds = [contact.at("type") for contact in contacts_of(monitor, stack) if not check_contact(contact)]
    missing = [kind for kind in route.each() if isinstance(kind, Known) and kind not in kinds]
    if missing and Unknown() not in kinds:
        yield message(
            "{monitor} lacks {count} of the channels of its level",
            monitor=monitor,
            count=number(len(missing)),
        )


def _check_delays(monitor: Resource, most: float) -> Iterator[Message]:
    for entry in monitor.at("assignedAlertContacts").each():
        delay = entry.at("threshold")
        if not isinstance(delay, Absent):
            yield from expect_value(
                delay, monitor, "assignedAlertContacts.threshold", in_range(0, most), "keeps somebody waiting"
            )


def _calls(alert: Resource, stack: PolicyStack) -> bool:
    """Tell whether an alert that is on calls a service or a team that escalates."""
    known = {one.type for one in stack.dependencies(alert, "actionFilters")}
    return alert.at("enabled") == Known(value=True) and any(
        (isinstance(whom, Known) and bool(whom.value))
        or (isinstance(whom, Unknown) and PAGERDUTY_SERVICE in known)
        for one in alert.at("actionFilters").each()
        for action in one.at("actions").each()
        for whom in (action.at(kind, name) for kind, name in _ACTIONS.items())
    )


RULE: Final = Rule(
    id="alert-follows-its-route",
    title="Every alert goes to all channels of its level, and one of SEV1 at once to who is on call",
    violated="tells of an outage by channels that nobody has to answer",
    severity=Severity.CRITICAL,
    risk="At night the outage stands in a chat and in mails, and no phone rings.",
    fix=(
        "Name a channel of PagerDuty in the route of sev1, or a webhook that `escalates`. Assign its contact "
        "to each monitor of that level without a delay. Let the alert on each prober of it call the service."
    ),
    controls=(Control.SOC_CC7_4, Control.NIST_IR_4, Control.NIST_SI_4_12, Control.ISO_A_5_26),
    subjects=lambda stack: stack.publishers("routes") if find_production(stack) else [],
    judge=_judge,
    parameters=(_MAXIMUM,),
)

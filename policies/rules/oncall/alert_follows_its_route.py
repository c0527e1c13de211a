"""A platform whose alerts leave channels of their level out, or call nobody who is on call, is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.alert_contacts import check_contact, contacts_of, list_slack_channels
from policies.facts.jobs import MONITOR, jobs
from policies.facts.oncall import lacks_urgent_policy
from policies.facts.sentry import ALERT, PAGERDUTY_SERVICE, UPTIME_MONITOR, SentryAlerts
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, expect_value, in_range, number_parameter
from policies.framework.stack import PolicyStack, Resource

_COMPONENT: Final = "bulwark:index:Alerting"
_WATCHING: Final = "bulwark:index:Uptime"
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
    yield from _check_monitors(publisher, levels, stack, limits)
    # Sentry calls no webhook.
    for prober in stack.of_type(UPTIME_MONITOR) if is_called else ():
        if levels.get(_text_of(prober.at("url"))) == _URGENT and not any(
            _calls(alert, stack) for alert in stack.view(SentryAlerts).alerts_on(prober)
        ):
            yield message("no alert on {prober} calls whoever is on call", prober=prober)
    for watching in stack.of_type(_WATCHING):
        if isinstance(watching.at("watches"), Absent):
            yield message("{it} does not say how severe the outages are that it sees", it=watching)
    yield from _check_slack_channels(stack)


def _check_monitors(
    publisher: Resource, levels: dict[str, str], stack: PolicyStack, limits: Parameters
) -> Iterator[Message]:
    of_jobs = set(jobs(stack))
    for monitor in stack.of_type(MONITOR):
        level = levels.get(_text_of(monitor.at("url")), "")
        if not level and not of_jobs.isdisjoint(stack.ancestors(monitor)):
            level = _find_tagged_level(monitor, publisher)
            if not level:
                yield message("{monitor} does not say by a tag which level its job has", monitor=monitor)
        if level:
            yield from _check_contacts(monitor, publisher.at("routes", level), stack)
            if level == _URGENT:
                yield from _check_delays(monitor, limits[_MAXIMUM.name])


def _check_policies(stack: PolicyStack) -> Iterator[Message]:
    """Yield that none of the stack's escalation policies is one of the first level."""
    if lacks_urgent_policy(stack):
        yield message("no escalation policy of this stack is one of the first level")


def _find_levels(stack: PolicyStack) -> dict[str, str]:
    """Return watched URL -> its incident level."""
    return {
        _text_of(entry.at("url")): _text_of(entry.at("severity"))
        for component in stack.publishers("watches")
        for entry in component.at("watches").each()
    }


def _find_tagged_level(monitor: Resource, publisher: Resource) -> str:
    """Return the level that a monitor's tags name: that of a heartbeat no component publishes."""
    levels = publisher.at("routes").items()
    return next((tag for one in monitor.at("tags").each() if (tag := _text_of(one)) in levels), "")


def _check_slack_channels(stack: PolicyStack) -> Iterator[Message]:
    """Yield the alerts of Sentry that tell a channel of Slack which UptimeRobot's contacts don't know."""
    channels = list_slack_channels(stack)
    for alert in stack.of_type(ALERT) if channels else ():
        names = [
            action.at("slack", "channelName")
            for one in alert.at("actionFilters").each()
            for action in one.at("actions").each()
        ]
        if any(isinstance(name, Known) and str(name.value).lstrip("#") not in channels for name in names):
            yield message("{alert} tells a channel of Slack that is on no route", alert=alert)


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


def _find_subjects(stack: PolicyStack) -> list[Resource]:
    if not find_production(stack):
        return []
    return list(dict.fromkeys((*stack.publishers("routes"), *stack.of_type(_COMPONENT))))


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
    subjects=_find_subjects,
    judge=_judge,
    parameters=(_MAXIMUM,),
)

"""A service whose incidents are quiet, end by the clock, or sleep once they were acknowledged is refused."""

from collections.abc import Iterable
from typing import Any, Final

from pulumi_policy import Severity

from policies.facts.oncall import POLICY, SERVICE, list_urgent_services
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, expect, number_parameter, one_of
from policies.framework.stack import PolicyStack, Resource

_MAXIMUM: Final = number_parameter(
    "maximum_minutes",
    60,
    "after which an acknowledged incident calls again, in minutes",
    looser="higher",
)


_WAY_IN: Final = "pagerduty:index/serviceIntegration:ServiceIntegration"
_BY_EVENTS: Final = (
    Known("events_api_v2_inbound_integration"),
    Known("generic_events_api_inbound_integration"),
)
_GROUPING: Final = "pagerduty:index/alertGroupingSetting:AlertGroupingSetting"
_OF_UPTIMEROBOT: Final = "uptimerobot:index/integration:Integration"
_TELLERS: Final = (
    ("sentry:index/integrationPagerduty:IntegrationPagerduty", "integrationKey"),
    (_OF_UPTIMEROBOT, "value"),
)
"""Type -> its input with the key of an integration."""

_WINDOW: Final = "pagerduty:index/maintenanceWindow:MaintenanceWindow"
_OF_SERVICES: Final = (
    "pagerduty:index/eventOrchestrationService:EventOrchestrationService",
    "pagerduty:index/serviceEventRule:ServiceEventRule",
)
_OF_ALL: Final = (
    "pagerduty:index/eventOrchestrationGlobal:EventOrchestrationGlobal",
    "pagerduty:index/eventOrchestrationUnrouted:EventOrchestrationUnrouted",
    "pagerduty:index/rulesetRule:RulesetRule",
)
_DROPPING: Final = ("dropEvent", "suppress", "suppresses", "suspend", "suspends")
"""Actions on an event after which nobody is called, or later."""


def _judge(service: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    def wakes(seconds: Any) -> bool:
        is_number = isinstance(seconds, str) and seconds.isdecimal()
        return is_number and 0 < int(seconds) <= limits[_MAXIMUM.name] * 60

    yield from expect(
        service, "incidentUrgencyRule.type", one_of("constant"), "must be as urgent at any time"
    )
    yield from expect(
        service, "incidentUrgencyRule.urgency", one_of("high"), "must be urgent, or it is never escalated"
    )
    yield from expect(service, "autoResolveTimeout", one_of("null"), "must not resolve by the clock")
    yield from expect(
        service, "acknowledgementTimeout", wakes, "must call again when an acknowledged incident stays open"
    )
    match service.at("autoPauseNotificationsParameters", "enabled"):
        case Absent() | Known(value=False):
            pass
        case Unknown():
            yield unknown_value(service, "autoPauseNotificationsParameters")
        case _:
            yield message("it waits before it calls, for an incident that might end by itself")
    yield from _check_grouping(service, stack)
    yield from _check_policy(service, stack)
    yield from _check_ways_in(service, stack)
    yield from _check_others(service, stack)


def _check_grouping(service: Resource, stack: PolicyStack) -> Iterable[Message]:
    """Yield that a second outage becomes a part of the first one's incident, which calls nobody again."""
    kinds = (service.at("alertGrouping"), service.at("alertGroupingParameters", "type"))
    if any(kind not in (Absent(), Known(""), Known("null")) for kind in kinds):
        yield message("it makes one incident of several alerts")
    for setting in stack.of_type(_GROUPING):
        if _is_about(setting, service, stack):
            yield message("{setting} makes one incident of several alerts", setting=setting)
    if service.at("scheduledActions").each():
        yield message("it changes how urgent it is by the clock")


def _check_policy(service: Resource, stack: PolicyStack) -> Iterable[Message]:
    policy = service.at("escalationPolicy")
    declared = stack.of_type(POLICY)
    if declared and isinstance(policy, Known) and not any(one.output("id") == policy for one in declared):
        yield message("it escalates by a policy that this stack does not declare")


def _check_ways_in(service: Resource, stack: PolicyStack) -> Iterable[Message]:
    """Yield whose events can't come in: the key of an integration by mail is none of the API for events."""
    for teller, name in _TELLERS:
        for resource in stack.of_type(teller):
            yield from _check_teller(resource, name, stack)
            for way in stack.dependencies(resource, name):
                kind = way.at("type")
                if (
                    way.type == _WAY_IN
                    and _is_about(way, service, stack)
                    and not (isinstance(kind, Absent | Unknown) or kind in _BY_EVENTS)
                ):
                    yield message("{teller} can't tell it anything by {way}", teller=resource, way=way)


def _check_teller(teller: Resource, name: str, stack: PolicyStack) -> Iterable[Message]:
    """Yield that a teller has the key of a service that the stack does not know, or asks another region."""
    if teller.type == _OF_UPTIMEROBOT and teller.at("type") != Known("pagerduty"):
        return
    ways = [way for way in stack.dependencies(teller, name) if way.type == _WAY_IN]
    leads = any(way in stack.view(_find_leading_ways) for way in ways)
    if (ways and not leads) or not (ways or isinstance(teller.at(name), Absent | Unknown)):
        yield message("{teller} leads to no service of this stack", teller=teller)
    for way in ways:
        abroad = way.provider_input("serviceRegion") == Known("eu")
        if teller.at("location") == Known("us" if abroad else "eu"):
            yield message("{teller} tells PagerDuty of another region", teller=teller)


def _find_leading_ways(stack: PolicyStack) -> set[Resource]:
    """Return the integrations of services that the stack declares."""
    outputs = [service.output("id") for service in stack.of_type(SERVICE)]
    ids = {str(output.value) for output in outputs if isinstance(output, Known)}
    return {
        way
        for way in stack.of_type(_WAY_IN)
        if (isinstance(name := way.at("service"), Known) and str(name.value) in ids)
        or any(one.type == SERVICE for one in stack.dependencies(way, "service"))
    }


def _check_others(service: Resource, stack: PolicyStack) -> Iterable[Message]:
    """Yield which other resources keep what happens from whoever is on call."""
    for window in stack.of_type(_WINDOW):
        if _is_about(window, service, stack):
            yield message("{window} mutes it", window=window)
    own = (one for one in stack.of_type(*_OF_SERVICES) if _is_about(one, service, stack))
    for orchestration in (*own, *stack.of_type(*_OF_ALL)):
        if _drops(orchestration.inputs):
            yield message("{it} drops, pauses or closes some of its events", it=orchestration)


def _is_about(resource: Resource, service: Resource, stack: PolicyStack) -> bool:
    identifier = service.output("id")
    named = isinstance(identifier, Known) and identifier in (
        resource.at("service"),
        *resource.at("services").each(),
    )
    return named or any(service in stack.dependencies(resource, name) for name in ("service", "services"))


def _drops(value: PropertyValue) -> bool:
    """Tell whether an action somewhere in an input takes an event from people, or may do so."""
    return any(
        (name in _DROPPING and _is_on(part))
        or (name == "eventAction" and part == Known("resolve"))
        or _drops(part)
        for name, part in value.items().items()
    ) or any(_drops(item) for item in value.each())


def _is_on(value: PropertyValue) -> bool:
    match value:
        case Known(list()):
            return any(_is_on(item.at("value")) for item in value.each())
        case Known(given):
            return bool(given)
        case _:
            return isinstance(value, Unknown)


RULE: Final = Rule(
    id="page-lasts-until-resolved",
    title="Every service of SEV1 at PagerDuty is urgent, calls again, and keeps nothing back",
    violated="may fall silent while the outage goes on",
    severity=Severity.HIGH,
    risk="Low urgency is never escalated, and what closes itself, or was taken and forgotten, calls nobody.",
    fix=(
        'Set incidentUrgencyRule to constant and high, autoResolveTimeout to "null", and '
        "acknowledgementTimeout to at most an hour, in seconds. Pause no notifications, and let no "
        "maintenance window, event rule or orchestration take events away."
    ),
    controls=(Control.SOC_CC7_4, Control.NIST_IR_4, Control.ISO_A_5_26),
    subjects=list_urgent_services,
    judge=_judge,
    parameters=(_MAXIMUM,),
)

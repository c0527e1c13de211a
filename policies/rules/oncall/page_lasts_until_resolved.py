"""A service whose incidents are quiet, end by the clock, or sleep once they were acknowledged is refused."""

from collections.abc import Iterable
from typing import Any, Final

from pulumi_policy import Severity

from policies.facts.oncall import list_urgent_services
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.rule import Parameters, Rule, expect, number_parameter, one_of
from policies.framework.stack import PolicyStack, Resource

_MAXIMUM: Final = number_parameter(
    "maximum_minutes",
    60,
    "after which an acknowledged incident calls again, in minutes",
    looser="higher",
)


def _judge(service: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
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


RULE: Final = Rule(
    id="page-lasts-until-resolved",
    title="Every service of SEV1 at PagerDuty is urgent, calls again, and closes nothing by the clock",
    violated="may fall silent while the outage goes on",
    severity=Severity.HIGH,
    risk="Low urgency is never escalated, and what closes itself, or was taken and forgotten, calls nobody.",
    fix=(
        'Set incidentUrgencyRule to constant and high, autoResolveTimeout to "null", and '
        "acknowledgementTimeout to at most an hour, in seconds."
    ),
    controls=(Control.SOC_CC7_4, Control.NIST_IR_4, Control.ISO_A_5_26),
    subjects=list_urgent_services,
    judge=_judge,
    parameters=(_MAXIMUM,),
)

"""A maintenance window that is long, or that mutes all monitors, is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, expect, in_range, number_parameter, of_type, one_of
from policies.framework.stack import PolicyStack, Resource

_MAXIMUM: Final = number_parameter(
    "maximum_minutes", 60, "length of one maintenance window, in minutes", looser="higher"
)


def _judge(window: Resource, _stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    yield from expect(window, "duration", in_range(0), "does not say how long it is")
    yield from expect(window, "autoAddMonitors", one_of(False), "must declare autoAddMonitors false")
    most = timedelta(minutes=limits[_MAXIMUM.name])
    match window.at("duration"):
        case Known(float() | int() as minutes) if (length := timedelta(minutes=minutes)) > most:
            yield message("{length} is more than {most}", length=duration(length), most=duration(most))
        case _:
            pass


RULE: Final = Rule(
    id="maintenance-window-is-short",
    title="Every maintenance window is short, and mutes only the monitors that name it",
    violated="mutes more than maintenance needs",
    severity=Severity.MEDIUM,
    risk="An outage inside the window is told to nobody, and a new monitor may be muted unasked.",
    fix="Declare a duration within the limit, and autoAddMonitors false.",
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_9, Control.ISO_A_8_16, Control.NIST_SI_4),
    subjects=of_type("uptimerobot:index/maintenanceWindow:MaintenanceWindow"),
    judge=_judge,
    parameters=(_MAXIMUM,),
)

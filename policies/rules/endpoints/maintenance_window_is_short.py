"""A maintenance window that is long, or that mutes all monitors, is refused."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import MONITOR
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, expect, in_range, number_parameter, of_type, one_of
from policies.framework.stack import PolicyStack, Resource

_WINDOW: Final = "uptimerobot:index/maintenanceWindow:MaintenanceWindow"
_WINDOWS: Final = "maintenanceWindowIds"
_DAYS: Final = 7
_MAXIMUM: Final = number_parameter(
    "maximum_minutes",
    60,
    "length of one maintenance window, and of all windows of a monitor on one day, in minutes",
    looser="higher",
)


def _judge(window: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    yield from expect(window, "duration", in_range(0), "does not say how long it is")
    yield from expect(window, "autoAddMonitors", one_of(False), "must declare autoAddMonitors false")
    most = timedelta(minutes=limits[_MAXIMUM.name])
    match window.at("duration"):
        case Known(float() | int() as minutes) if (length := timedelta(minutes=minutes)) > most:
            yield message("{length} is more than {most}", length=duration(length), most=duration(most))
        case _:
            pass
    for monitor, minutes in stack.view(_find_muted)[window]:
        if timedelta(minutes=minutes) > most * _DAYS:
            yield message(
                "all windows of {monitor} mute it for {length} a week, and {most} is the most",
                monitor=monitor,
                length=duration(timedelta(minutes=minutes)),
                most=duration(most * _DAYS),
            )


def _find_muted(stack: PolicyStack) -> defaultdict[Resource, list[tuple[Resource, float]]]:
    """Return window -> each monitor that names it, and how many minutes a week all its windows mute it."""
    found: defaultdict[Resource, list[tuple[Resource, float]]] = defaultdict(list)
    for monitor in stack.of_type(MONITOR):
        windows = stack.dependencies(monitor, _WINDOWS)
        for window in windows:
            found[window].append((monitor, sum(map(_minutes_a_week, windows))))
    return found


def _minutes_a_week(window: Resource) -> float:
    """Return how long a window mutes in a week, the fullest of a month; one that comes once counts 0."""
    minutes = window.at("duration")
    if window.type != _WINDOW or not isinstance(minutes, Known) or not in_range(0)(minutes.value):
        return 0
    match window.at("interval"):
        case Known("daily"):
            return minutes.value * _DAYS
        case Known("weekly" | "monthly"):
            return minutes.value * min(len(window.at("days").each()), _DAYS)
        case _:
            return 0


RULE: Final = Rule(
    id="maintenance-window-is-short",
    title="Every maintenance window is short, and mutes only the monitors that name it",
    violated="mutes more than maintenance needs",
    severity=Severity.MEDIUM,
    risk="An outage inside the window is told to nobody, and a new monitor may be muted unasked.",
    fix="Declare a duration within the limit, fewer windows for one monitor, and autoAddMonitors false.",
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_9, Control.ISO_A_8_16, Control.NIST_SI_4),
    subjects=of_type(_WINDOW),
    judge=_judge,
    parameters=(_MAXIMUM,),
)

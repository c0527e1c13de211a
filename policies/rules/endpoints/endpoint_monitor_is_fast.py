"""A monitor that reports an outage late is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from core.objectives import detection_time
from policies.facts.alert_contacts import alert_delay
from policies.facts.endpoints import Endpoint, judge_by_monitor, publishers
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message
from policies.framework.property_values import Absent, Known, PropertyValue
from policies.framework.rule import Parameters, Rule, expect, in_range, number_parameter
from policies.framework.stack import PolicyStack, Resource

_MAXIMUM: Final = number_parameter(
    "maximum_minutes",
    5,
    "from the start of an outage until the first contact is told, in minutes; 5 leaves two thirds of "
    "a critical endpoint's 15 to recover in",
    looser="higher",
)


_LONGEST_WAIT: Final = 30
"""Seconds; a page that takes as long is down for whoever waits for it."""


def _check_monitor(
    monitor: Resource, _endpoint: Endpoint, _stack: PolicyStack, limits: Parameters
) -> Iterator[Message]:
    delay, delay_problems = alert_delay(monitor)
    problems = [
        *expect(monitor, "interval", in_range(1), "does not say how often it looks"),
        *expect(
            monitor, "timeout", in_range(0, _LONGEST_WAIT), "waits too long for an answer, or does not say"
        ),
        *delay_problems,
    ]
    if problems:
        yield from problems
        return
    interval, timeout = (timedelta(seconds=_number_in(monitor.at(name))) for name in ("interval", "timeout"))
    retries = monitor.at("config", "applicationErrorRetries")
    if not isinstance(retries, Absent):
        again = expect(monitor, "config.applicationErrorRetries", in_range(0, 60), "tries again too often")
        yield from again
        delay += timeout * (0 if again else _number_in(retries))
    noticed = detection_time(interval=interval, timeout=timeout) + delay
    most = timedelta(minutes=limits[_MAXIMUM.name])
    if noticed > most:
        yield message(
            "{interval} between looks + 2 x {timeout} for a look and the one that confirms it + {delay} "
            "until someone is told = {noticed}, more than {most}",
            interval=duration(interval),
            timeout=duration(timeout),
            delay=duration(delay),
            noticed=duration(noticed),
            most=duration(most),
        )


def _number_in(value: PropertyValue) -> float:
    return value.value if isinstance(value, Known) else 0


RULE: Final = Rule(
    id="endpoint-monitor-is-fast",
    title="Every endpoint's outage is told of within minutes",
    violated="has an endpoint whose outage is noticed late",
    severity=Severity.HIGH,
    risk="The time to recover begins when someone is told; until then, users bear it.",
    fix="Look more often, wait less for an answer, or tell one contact without delay (threshold 0).",
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4_12, Control.ISO_A_8_16),
    subjects=publishers,
    judge=judge_by_monitor(_check_monitor),
    parameters=(_MAXIMUM,),
)

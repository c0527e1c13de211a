"""A monitor that lets an outage pass unnoticed for long is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from core.objectives import detection_time
from policies.facts.alert_contacts import delay
from policies.facts.endpoints import Endpoint, judged_by_monitor, publishers
from policies.framework.controls import Control
from policies.framework.messages import Text, duration, say
from policies.framework.property_values import Known, Reading
from policies.framework.rule import Parameters, Rule, at_least, expect, from_to
from policies.framework.stack import PolicyStack, Resource

_MAXIMUM: Final = at_least(
    "maximum_minutes",
    5,
    "from the start of an outage until the first contact is told, in minutes; 5 leaves two thirds of "
    "a critical endpoint's 15 to recover in",
)


def _lacks(monitor: Resource, _endpoint: Endpoint, _stack: PolicyStack, limits: Parameters) -> Iterator[Text]:
    until_told, untold = delay(monitor)
    unclear = [
        *expect(monitor, "interval", from_to(1), "does not say how often it looks"),
        *expect(monitor, "timeout", from_to(0), "does not say how long it waits for an answer"),
        *untold,
    ]
    if unclear:
        yield from unclear
        return
    interval, timeout = (timedelta(seconds=_number(monitor.at(name))) for name in ("interval", "timeout"))
    noticed = detection_time(interval=interval, timeout=timeout) + until_told
    most = timedelta(minutes=limits[_MAXIMUM.name])
    if noticed > most:
        yield say(
            "{interval} between looks + 2 x {timeout} for a look and the one that confirms it + {delay} "
            "until someone is told = {noticed}, more than {most}",
            interval=duration(interval),
            timeout=duration(timeout),
            delay=duration(until_told),
            noticed=duration(noticed),
            most=duration(most),
        )


def _number(reading: Reading) -> float:
    return reading.value if isinstance(reading, Known) else 0


RULE: Final = Rule(
    id="endpoint-monitor-is-fast",
    title="Every endpoint's outage is told of within minutes",
    violated="has an endpoint whose outage is noticed late",
    severity=Severity.HIGH,
    risk="The time to recover begins when someone is told; until then, users bear it.",
    fix="Look more often, wait less for an answer, or tell one contact without delay (threshold 0).",
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4_12, Control.ISO_A_8_16),
    subjects=publishers,
    judge=judged_by_monitor(_lacks),
    parameters=(_MAXIMUM,),
)

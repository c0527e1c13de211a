"""A critical endpoint that only one vendor probes is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoint, Endpoints, asks_for_another_host, publishers
from policies.facts.sentry import SentryAlerts, refuses_errors
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message, number, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import (
    Parameters,
    Rule,
    accept_any,
    expect,
    expect_value,
    in_range,
    number_parameter,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource

_DEFAULT_FAILURES: Final = 3
"""Sentry's default number of failed probes before an issue (Sentry, "Uptime monitoring")."""

_MOST_SUCCESSES: Final = 5
_MOST_MILLISECONDS: Final = 30_000
"""A page that takes as long is down for whoever waits for it."""

_READING: Final = (Absent(), Known("GET"), Known("POST"))

_MAXIMUM: Final = number_parameter(
    "maximum_minutes",
    5,
    "from the start of an outage until the second prober reports it, in minutes",
    looser="higher",
)


def _judge(publisher: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    most = timedelta(minutes=limits[_MAXIMUM.name])
    for endpoint in stack.view(Endpoints).endpoints_of(publisher):
        if endpoint.critical:
            yield from endpoint.prefix(_check_probers(endpoint, stack, most))


def _check_probers(endpoint: Endpoint, stack: PolicyStack, most: timedelta) -> list[Message]:
    endpoints, alerts = stack.view(Endpoints), stack.view(SentryAlerts)
    alternatives = [
        [
            *expect(prober, "enabled", one_of(True), "must declare enabled true"),
            *_check_speed(prober, most),
            *_check_headers(prober),
            *_check_answer(prober),
            *_check_recovery(prober),
            *alerts.check_alerts(prober),
        ]
        for prober in endpoints.probers(endpoint)
    ]
    return accept_any(
        alternatives, endpoints.undecided_probers or [message("no uptime monitor of Sentry looks at it")]
    )


def _check_recovery(prober: Resource) -> list[Message]:
    """Return why an outage stays open, so that the next one is none: it ends after some successes."""
    if isinstance(prober.at("recoveryThreshold"), Absent):
        return []
    return expect(
        prober, "recoveryThreshold", in_range(1, _MOST_SUCCESSES), "counts an outage on long after its end"
    )


def _check_answer(prober: Resource) -> Iterator[Message]:
    """Yield why it takes an outage for a good answer: it asks for nothing, waits long, or asserts nothing."""
    method, timeout = prober.at("method"), prober.at("timeoutMs")
    if isinstance(method, Unknown):
        yield unknown_value(prober, "method")
    elif method not in _READING:
        yield message("{prober} does not fetch what is to be looked at", prober=prober)
    if not isinstance(timeout, Absent):
        yield from expect(
            prober, "timeoutMs", in_range(1, _MOST_MILLISECONDS), "waits too long for an answer"
        )
    match prober.at("assertionJson"):
        case Absent():
            pass
        case Unknown():
            yield unknown_value(prober, "assertionJson")
        case Known(text) if refuses_errors(text):
            pass
        case _:
            yield message("{prober} takes an error's code for a good answer (assertionJson)", prober=prober)


def _check_headers(prober: Resource) -> list[Message]:
    if asks_for_another_host(prober.at("headers")):
        return [message("{prober} asks another host by a header", prober=prober)]
    return []


def _check_speed(prober: Resource, most: timedelta) -> list[Message]:
    interval, failures = prober.at("intervalSeconds"), prober.at("downtimeThreshold")
    if isinstance(failures, Absent):
        failures = Known(_DEFAULT_FAILURES)
    problems = [
        *expect_value(
            interval, prober, "intervalSeconds", in_range(1, 86_400), "does not say how often it looks"
        ),
        *expect_value(failures, prober, "downtimeThreshold", in_range(1, 1_000), "reports after no failure"),
    ]
    if problems or not isinstance(interval, Known) or not isinstance(failures, Known):
        return problems
    noticed = timedelta(seconds=interval.value) * failures.value
    if noticed <= most:
        return []
    return [
        message(
            "{prober} takes {interval} between looks x {failures} failures = {noticed}, more than {most}",
            prober=prober,
            interval=duration(timedelta(seconds=interval.value)),
            failures=number(failures.value),
            noticed=duration(noticed),
            most=duration(most),
        )
    ]


RULE: Final = Rule(
    id="endpoint-has-second-prober",
    title="Every critical endpoint is watched by a second vendor too, often, and its alert is heard",
    violated="has a critical endpoint that only one vendor watches",
    severity=Severity.HIGH,
    risk="While the monitoring vendor is down, so is the monitoring, and nothing says so.",
    fix=(
        "Declare a Sentry UptimeMonitor on the endpoint, enabled, with an intervalSeconds and a "
        "downtimeThreshold that report within minutes, and an Alert on it."
    ),
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_14, Control.NIST_SI_4),
    subjects=publishers,
    judge=_judge,
    parameters=(_MAXIMUM,),
)

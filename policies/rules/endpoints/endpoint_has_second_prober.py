"""A critical endpoint that one vendor alone looks at is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoint, Endpoints, publishers
from policies.facts.sentry import SentryAlerts
from policies.framework.controls import Control
from policies.framework.messages import Text, duration, number, say
from policies.framework.property_values import Absent, Known
from policies.framework.rule import Parameters, Rule, at_least, best, expect, expect_of, from_to, one_of
from policies.framework.stack import PolicyStack, Resource

_FAILURES: Final = 3
"""Failed looks after which a prober that doesn't say reports (Sentry, \"Uptime monitoring\")."""


_MAXIMUM: Final = at_least(
    "maximum_minutes", 5, "from the start of an outage until the second prober reports it, in minutes"
)


def _judge(publisher: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Text]:
    most = timedelta(minutes=limits[_MAXIMUM.name])
    for endpoint in stack.view(Endpoints).of(publisher):
        if endpoint.critical:
            yield from endpoint.say(_seen_once(endpoint, stack, most))


def _seen_once(endpoint: Endpoint, stack: PolicyStack, most: timedelta) -> list[Text]:
    endpoints, alerts = stack.view(Endpoints), stack.view(SentryAlerts)
    attempts = [
        [
            *expect(prober, "enabled", one_of(True), "must declare enabled true"),
            *_slowness(prober, most),
            *alerts.unheard(prober),
        ]
        for prober in endpoints.probers(endpoint)
    ]
    return best(attempts, endpoints.hidden_probers or [say("no uptime monitor of Sentry looks at it")])


def _slowness(prober: Resource, most: timedelta) -> list[Text]:
    interval, failures = prober.at("intervalSeconds"), prober.at("downtimeThreshold")
    if isinstance(failures, Absent):
        failures = Known(_FAILURES)
    unclear = [
        *expect_of(
            interval, prober, "intervalSeconds", from_to(1, 86_400), "does not say how often it looks"
        ),
        *expect_of(failures, prober, "downtimeThreshold", from_to(1, 1_000), "reports after no failure"),
    ]
    if unclear or not isinstance(interval, Known) or not isinstance(failures, Known):
        return unclear
    noticed = timedelta(seconds=interval.value) * failures.value
    if noticed <= most:
        return []
    return [
        say(
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

"""A critical endpoint that one vendor alone looks at is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.controls import Control
from policies.endpoints import Endpoint, Endpoints, publishers
from policies.resources import Resource, Stack
from policies.rule import Parameters, Rule, best, expect, one_of
from policies.sentry import Alerts
from policies.wording import Text, say


def _judge(publisher: Resource, stack: Stack, _limits: Parameters) -> Iterator[Text]:
    for endpoint in stack.view(Endpoints).of(publisher):
        if endpoint.critical:
            yield from endpoint.say(_seen_once(endpoint, stack))


def _seen_once(endpoint: Endpoint, stack: Stack) -> list[Text]:
    endpoints, alerts = stack.view(Endpoints), stack.view(Alerts)
    attempts = [
        [*expect(prober, "enabled", one_of(True), "must declare enabled true"), *alerts.unheard(prober)]
        for prober in endpoints.probers(endpoint)
    ]
    return best(attempts, endpoints.hidden_probers or [say("no uptime monitor of Sentry looks at it")])


RULE: Final = Rule(
    id="endpoint-has-second-prober",
    title="Every critical endpoint is watched by a second vendor too, whose alert is heard",
    violated="has a critical endpoint that only one vendor watches",
    severity=Severity.HIGH,
    risk="While the monitoring vendor is down, so is the monitoring, and nothing says so.",
    fix="Declare a Sentry UptimeMonitor on the endpoint, enabled, and an Alert on it.",
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_14, Control.NIST_SI_4),
    subjects=publishers,
    judge=_judge,
)

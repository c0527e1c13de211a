"""A public endpoint that nobody looks at from outside is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import HEALTH, Endpoint, Endpoints, publishers
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule, best, expect, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(publisher: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Text]:
    endpoints = stack.view(Endpoints)
    for endpoint in endpoints.of(publisher):
        yield from endpoint.say(_unwatched(endpoint, endpoints))


def _unwatched(endpoint: Endpoint, endpoints: Endpoints) -> list[Text]:
    attempts = [
        expect(monitor, "isPaused", one_of(False), "must declare isPaused false")
        for monitor in endpoints.monitors(endpoint)
    ]
    elsewhere = [
        say("{monitor} does not look at " + HEALTH, monitor=monitor)
        for monitor in endpoints.monitors_elsewhere(endpoint)
    ]
    return best(attempts, endpoints.hidden_monitors or elsewhere or [say("no monitor looks at it")])


RULE: Final = Rule(
    id="endpoint-has-monitor",
    title="Every public endpoint has a monitor that is on, and looks at /health where it is critical",
    violated="has an endpoint that nobody watches",
    severity=Severity.CRITICAL,
    risk="An outage goes on until a customer reports it.",
    fix=(
        "Declare an UptimeRobot monitor (HTTP, KEYWORD or API) on the endpoint's address, on its /health "
        "where it is critical, with isPaused false."
    ),
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_16, Control.NIST_SI_4, Control.NIST_SI_13),
    subjects=publishers,
    judge=_judge,
)

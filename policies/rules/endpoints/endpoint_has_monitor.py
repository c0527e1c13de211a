"""A public endpoint without an active UptimeRobot monitor is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import HEALTH_PATH, Endpoint, Endpoints, publishers
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, accept_any, expect, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(publisher: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    endpoints = stack.view(Endpoints)
    for endpoint in endpoints.endpoints_of(publisher):
        yield from endpoint.prefix(_check_monitors(endpoint, endpoints))


def _check_monitors(endpoint: Endpoint, endpoints: Endpoints) -> list[Message]:
    alternatives = [
        expect(monitor, "isPaused", one_of(False), "must declare isPaused false")
        for monitor in endpoints.monitors(endpoint)
    ]
    if endpoint.path is not None:
        otherwise = [message("no monitor requests an address that is published as watched")]
    else:
        otherwise = [
            message("{monitor} does not look at " + HEALTH_PATH, monitor=monitor)
            for monitor in endpoints.monitors_of_other_paths(endpoint)
        ] or [message("no monitor looks at it")]
    otherwise = endpoints.undecided_monitors or otherwise
    return accept_any(alternatives, otherwise)


RULE: Final = Rule(
    id="endpoint-has-monitor",
    title="Every public endpoint and watched address has a monitor that is on, a critical one at its /health",
    violated="has an endpoint that nobody watches",
    severity=Severity.CRITICAL,
    risk="An outage goes on until a customer reports it.",
    fix=(
        "Declare an UptimeRobot monitor (HTTP, KEYWORD or API) on the endpoint's address, on its /health "
        "where it is critical, and on each of the published `watches`, with isPaused false."
    ),
    controls=(Control.SOC_CC7_2, Control.ISO_A_8_16, Control.NIST_SI_4, Control.NIST_SI_13),
    subjects=publishers,
    judge=_judge,
)

"""A monitor that does not check its endpoint's certificate is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import Endpoint, judge_by_monitor, publishers
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, expect, in_range, one_of
from policies.framework.stack import PolicyStack, Resource

_FEWEST_DAYS: Final = 7


def _check_monitor(
    monitor: Resource, endpoint: Endpoint, _stack: PolicyStack, _limits: Parameters
) -> Iterator[Message]:
    if endpoint.address.scheme == "https":
        yield from expect(monitor, "checkSslErrors", one_of(True), "must declare checkSslErrors true")
        yield from expect(
            monitor, "sslExpirationReminder", one_of(True), "must declare sslExpirationReminder true"
        )
        days = monitor.at("config", "sslExpirationPeriodDays").each()
        if days and not any(isinstance(one, Known) and in_range(_FEWEST_DAYS)(one.value) for one in days):
            yield message("{monitor} announces the end of a certificate too late", monitor=monitor)
        if monitor.at("domainExpirationReminder") == Known(value=False):
            yield message("{monitor} does not announce the end of the domain", monitor=monitor)


RULE: Final = Rule(
    id="endpoint-monitor-checks-certificate",
    title="Every https endpoint's certificate is checked, and its end announced",
    violated="has an endpoint whose certificate nobody checks",
    severity=Severity.MEDIUM,
    risk="A certificate that has ended shuts out every client at once, on a date that was known all along.",
    fix="Declare checkSslErrors and sslExpirationReminder true on the endpoint's monitor.",
    controls=(Control.SOC_CC6_7, Control.NIST_SC_8, Control.NIST_SI_13, Control.CIS_3_10),
    subjects=publishers,
    judge=judge_by_monitor(_check_monitor),
)

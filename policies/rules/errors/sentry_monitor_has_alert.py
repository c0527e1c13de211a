"""A Sentry monitor without an alert on its failures is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import CRON_MONITOR
from policies.facts.sentry import METRIC_MONITOR, UPTIME_MONITOR, SentryAlerts
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.rule import Parameters, Rule, expect, of_type, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(monitor: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    yield from expect(monitor, "enabled", one_of(True), "must declare enabled true")
    yield from stack.view(SentryAlerts).check_alerts(monitor)


RULE: Final = Rule(
    id="sentry-monitor-has-alert",
    title="Every Sentry monitor is enabled, and an enabled alert listens to its first and each later failure",
    violated="fails unheard",
    severity=Severity.HIGH,
    risk="A missed backup, an outage or a wave of errors becomes an issue in a list, and nobody is called.",
    fix=(
        "Declare the monitor enabled, and an Alert with its id in monitorIds, enabled, with firstSeenEvent "
        "and regressionEvent among its triggerConditions: a monitor's second failure is no new issue."
    ),
    controls=(Control.SOC_CC7_3, Control.NIST_SI_4_12, Control.ISO_A_8_16, Control.CIS_13_1),
    subjects=of_type(CRON_MONITOR, METRIC_MONITOR, UPTIME_MONITOR),
    judge=_judge,
)

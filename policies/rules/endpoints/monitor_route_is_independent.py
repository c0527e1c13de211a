"""A monitor whose contacts all depend on the domain of its endpoint is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.alert_contacts import check_reach_outside
from policies.facts.endpoints import Endpoint, judge_by_monitor, publishers
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _check_monitor(
    monitor: Resource, endpoint: Endpoint, stack: PolicyStack, _limits: Parameters
) -> Iterable[Message]:
    return check_reach_outside(monitor, endpoint.address.host, stack)


RULE: Final = Rule(
    id="monitor-route-is-independent",
    title="Every endpoint's outage is told over a route that does not need the endpoint's domain",
    violated="has an endpoint whose outage would silence its own alarm",
    severity=Severity.HIGH,
    risk="A lost domain takes its mailboxes and webhooks along, and the alarm arrives nowhere.",
    fix="Assign a contact elsewhere as well: Slack, PagerDuty, or a mailbox of another domain.",
    controls=(Control.SOC_CC7_4, Control.ISO_A_8_14, Control.NIST_IR_4, Control.NIST_SI_4_12),
    subjects=publishers,
    judge=judge_by_monitor(_check_monitor),
)

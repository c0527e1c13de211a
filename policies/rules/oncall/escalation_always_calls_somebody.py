"""A level of an escalation policy at which nobody is on call at some time of the week is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.oncall import list_levels, list_urgent_policies
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(policy: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    levels = list_levels(policy, stack)
    if not levels:
        yield message("it has no level")
    for level in levels:
        yield from level.find_gaps()


RULE: Final = Rule(
    id="escalation-always-calls-somebody",
    title="Every level of an escalation policy of SEV1 calls somebody at any time of the week",
    violated="has a level with nobody",
    severity=Severity.CRITICAL,
    risk="PagerDuty skips a level with nobody on call, and drops an event when no level has anybody.",
    fix="Let the layers of each schedule cover the week without an end, or name a user beside the schedule.",
    controls=(Control.SOC_CC7_4, Control.NIST_IR_4, Control.CIS_17_2, Control.ISO_A_5_26),
    subjects=list_urgent_policies,
    judge=_judge,
)

"""An escalation policy of the first level that waits long for the first person is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.oncall import list_levels, list_urgent_policies
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, expect_value, in_range, number_parameter
from policies.framework.stack import PolicyStack, Resource

_MAXIMUM: Final = number_parameter(
    "maximum_minutes",
    5,
    "until the second person is called, in minutes; with 5 until an outage is told, 5 of a critical "
    "endpoint's 15 are left",
    looser="higher",
)


_LATER_MINUTES: Final = 60


def _judge(policy: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    levels = list_levels(policy, stack)
    if not levels:
        yield message("it has no level")
    for level in levels[:1]:
        yield from expect_value(
            level.delay,
            policy,
            "rules",
            in_range(1, limits[_MAXIMUM.name]),
            "waits too long at its first level",
        )
    for level in levels[1:]:
        yield from expect_value(
            level.delay, policy, "rules", in_range(1, _LATER_MINUTES), "waits too long at a later level"
        )


RULE: Final = Rule(
    id="escalation-is-fast",
    title="Every escalation policy of SEV1 calls the second person within minutes",
    violated="escalates late",
    severity=Severity.HIGH,
    risk="The time to recover passes while a phone rings that nobody hears.",
    fix="Lower escalationDelayInMinutes of the first rule.",
    controls=(Control.SOC_CC7_4, Control.NIST_IR_4, Control.ISO_A_5_26),
    subjects=list_urgent_policies,
    judge=_judge,
    parameters=(_MAXIMUM,),
)

"""An escalation policy of the first level that calls one person alone is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.oncall import UndecidedError, calls_others, list_levels, list_urgent_policies
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_LONGEST_TURN: Final = timedelta(days=31)


def _judge(policy: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if isinstance(policy.at("rules"), Unknown):
        yield unknown_value(policy, "rules")
        return
    levels = list_levels(policy, stack)
    if len(levels) < 2:
        yield message("it has no second level")
        return
    for level in levels:
        yield from level.find_long_turns(_LONGEST_TURN)
    first, *later = levels
    try:
        if not any(calls_others(first, level) for level in later):
            yield message("each later level may call the person who did not answer at the first one")
    except UndecidedError:
        yield unknown_value(policy, "rules")


RULE: Final = Rule(
    id="escalation-reaches-second-person",
    title="Every escalation policy of SEV1 calls a second person when the first does not answer",
    violated="ends with one person",
    severity=Severity.CRITICAL,
    risk="One phone without a signal, and an outage is nobody's.",
    fix="Add a level with a user, or with a schedule of people, that the first level never calls.",
    controls=(Control.SOC_CC7_4, Control.NIST_IR_4, Control.CIS_17_2, Control.ISO_A_5_26),
    subjects=list_urgent_policies,
    judge=_judge,
)

"""A Neon project with a longer history than its plan keeps is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameter, Parameters, Rule, expect, in_range, of_type
from policies.framework.stack import PolicyStack, Resource

_LONGEST: Final = {
    "free": timedelta(hours=6),
    "launch": timedelta(days=7),
    "scale": timedelta(days=30),
}
"""The restore window of each plan (Neon, "Plans")."""


def _judge(project: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    publishers = [ancestor for ancestor in stack.ancestors(project) if ancestor.at("plan") != Absent()]
    plan: PropertyValue = publishers[0].at("plan") if publishers else Known(limits["plan"])
    if isinstance(plan, Unknown):
        return [unknown_value(publishers[0], "plan")]
    if not isinstance(plan, Known) or not isinstance(plan.value, str) or plan.value not in _LONGEST:
        return [message("the plan is none whose history is known")]
    longest = _LONGEST[plan.value]
    fits = in_range(0, longest.total_seconds())
    problems = expect(project, "historyRetentionSeconds", fits, "keeps another history")
    if all(problem.undecided for problem in problems):
        return problems
    return [
        message("{it} must declare a history of at most {longest}", it=project, longest=duration(longest))
    ]


RULE: Final = Rule(
    id="store-history-fits-plan",
    title="No database declares a longer history than its plan keeps",
    violated="declares a history that its plan does not keep",
    severity=Severity.HIGH,
    risk="Neon refuses the setting in the middle of a deploy, or keeps less than everyone counts on.",
    fix="Declare at most what the plan keeps, or publish the larger plan that was bought.",
    controls=(Control.NIST_CP_9, Control.NIST_CM_2, Control.ISO_A_8_13, Control.ISO_A_8_9),
    subjects=of_type("neon:index/project:Project"),
    judge=_judge,
    parameters=(
        Parameter(
            "plan",
            "launch",
            {"type": "string", "enum": list(_LONGEST)},
            "Neon's plan, where no component around the project publishes one",
            looser="other",
        ),
    ),
)

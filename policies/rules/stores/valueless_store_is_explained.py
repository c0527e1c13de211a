"""A declaration that a store holds nothing of value is refused if it can't be true, or in production."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.expendable import FACT, Expendable, find_problems
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(component: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    yield from find_problems(component, stack.view(Expendable).declared[component], stack)
    for production in find_production(stack):
        yield message(
            "{production} is of production, where a waiver must say until when", production=production
        )


RULE: Final = Rule(
    id="valueless-store-is-explained",
    title="Who declares that a store holds nothing of value says why, and says it of no backup",
    violated="frees stores from being backed up",
    severity=Severity.HIGH,
    risk="Data that somebody needs is in no backup, and the program says that this is meant to be so.",
    fix="Give the component's `reason` a sentence of why nothing is lost with the stores that it lists in "
    "`holdsNothing`, or take what is backed up out of the list.",
    controls=(Control.ISO_A_8_13, Control.NIST_CP_9, Control.SOC_CC8_1),
    subjects=lambda stack: stack.publishers(FACT),
    judge=_judge,
)

"""A declaration that a store holds nothing of value is refused if it can't be true, or in production."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.expendable import FACT, Expendable, find_problems
from policies.facts.jobs import backup_jobs_of
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Absent, Known
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_HOLDS_DATA: Final = "holdsData"


def _find_subjects(stack: PolicyStack) -> list[Resource]:
    disclaiming = [one for one in stack.publishers(_HOLDS_DATA) if one.at(_HOLDS_DATA) == Known(value=False)]
    return list(dict.fromkeys((*stack.publishers(FACT), *disclaiming)))


def _judge(component: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if component.at(_HOLDS_DATA) == Known(value=False):
        for job in backup_jobs_of(component, stack):
            yield message("it says that it holds no data, and {job} backs it up", job=job)
    if isinstance(component.at(FACT), Absent):
        return
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
    subjects=_find_subjects,
    judge=_judge,
)

"""A Sentry project without ownership rules is refused."""

from collections.abc import Iterable
from typing import Any, Final

from pulumi_policy import Severity

from policies.facts.sentry import OWNERSHIP, PROJECT, TEAM, SentryProjects
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, accept_any, expect, of_type, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(project: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    projects = stack.view(SentryProjects)
    return accept_any(
        [
            [
                *expect(ownership, "raw", _has_rule, "names no owner"),
                *_check_teams(ownership, stack),
                *expect(ownership, "fallthrough", one_of(True), "must declare fallthrough true"),
            ]
            for ownership in projects.parts(project, OWNERSHIP)
        ],
        projects.messages_about_unassigned(OWNERSHIP) or [message("no ProjectOwnership belongs to it")],
    )


def _check_teams(ownership: Resource, stack: PolicyStack) -> Iterable[Message]:
    """Yield that none of its owners is a team of the stack, where the stack has one."""
    names = [team.at(name) for team in stack.of_type(TEAM) for name in ("slug", "name")]
    known = {f"#{name.value}" for name in names if isinstance(name, Known)}
    raw = ownership.at("raw")
    if known and Unknown() not in names and isinstance(raw, Known):
        owners = {word for line in str(raw.value).splitlines() for word in line.split()[1:]}
        if owners and not owners & known and all(owner.startswith("#") for owner in owners):
            yield message("{ownership} names no team of this stack", ownership=ownership)


def _has_rule(raw: Any) -> bool:
    """Tell whether a line is a rule: a matcher and its owners. Other lines are comments or empty."""
    lines = raw.splitlines() if isinstance(raw, str) else []
    return any(len(line.split()) > 1 and not line.lstrip().startswith("#") for line in lines)


RULE: Final = Rule(
    id="error-project-has-owner",
    title="Every Sentry project says who owns which errors; the rest is everyone's",
    violated="collects errors that are nobody's",
    severity=Severity.LOW,
    risk="An error that is everybody's is fixed by nobody, and one that no rule matches is not even seen.",
    fix="Declare a ProjectOwnership on the project with at least one rule in raw, and fallthrough true.",
    controls=(Control.SOC_CC7_4, Control.ISO_A_5_26, Control.ISO_A_5_9, Control.NIST_IR_4),
    subjects=of_type(PROJECT),
    judge=_judge,
)

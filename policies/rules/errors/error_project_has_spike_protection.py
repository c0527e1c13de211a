"""A Sentry project without spike protection is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import PROJECT, SPIKE_PROTECTION, SentryProjects
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, accept_any, expect, of_type, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(project: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    projects = stack.view(SentryProjects)
    return accept_any(
        [
            expect(protection, "enabled", one_of(True), "must declare enabled true")
            for protection in projects.parts(project, SPIKE_PROTECTION)
        ],
        projects.messages_about_unassigned(SPIKE_PROTECTION)
        or [message("no ProjectSpikeProtection belongs to it")],
    )


RULE: Final = Rule(
    id="error-project-has-spike-protection",
    title="Every Sentry project has spike protection",
    violated="has no spike protection",
    severity=Severity.LOW,
    risk="A burst of one error uses up the quota, and whatever else happens that month is not recorded.",
    fix="Declare a ProjectSpikeProtection on the project, enabled.",
    controls=(Control.NIST_SC_5, Control.NIST_SI_13),
    subjects=of_type(PROJECT),
    judge=_judge,
)

"""A Sentry project without a key of this stack, or with Sentry's default key, is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import KEY, PROJECT, SentryProjects
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, expect, of_type, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(project: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    projects = stack.view(SentryProjects)
    if not projects.parts(project, KEY):
        yield from projects.messages_about_unassigned(KEY) or [message("no key of this stack belongs to it")]
    # Sentry's default key has no rate limit, and the stack does not know it. An adopted project already has
    # keys that deployed clients use; an operator limits them by hand.
    if not _is_adopted(project, stack):
        yield from expect(project, "defaultKey", one_of(False), "must declare defaultKey false")


def _is_adopted(project: Resource, stack: PolicyStack) -> bool:
    """Tell whether a component around the project publishes that it existed before."""
    slug = project.at("slug")
    return isinstance(slug, Known) and any(
        slug in ancestor.at("adopted").each() for ancestor in stack.ancestors(project)
    )


RULE: Final = Rule(
    id="error-project-has-key",
    title="Every Sentry project has a key of this stack, and makes none by itself",
    violated="is not reached by a key of this stack alone",
    severity=Severity.MEDIUM,
    risk="The default key has no rate limit: one loop in a client uses up the whole organization's quota.",
    fix="Declare a Sentry Key on the project, and defaultKey false on the project.",
    controls=(Control.NIST_SC_5, Control.NIST_IA_5, Control.ISO_A_8_9),
    subjects=of_type(PROJECT),
    judge=_judge,
)

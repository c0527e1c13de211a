"""A Sentry project that clients reach by a key without a limit is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import KEY, PROJECT, SentryProjects
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, expect, of, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(project: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Text]:
    projects = stack.view(SentryProjects)
    if not projects.parts(project, KEY):
        yield from projects.unclear(KEY) or [say("no key of this stack belongs to it")]
    # The key that Sentry makes by default has no limit, and nothing in the stack would know of it. A project
    # that was there before has its keys, and deployed clients send to them; they are limited by hand.
    if not _is_adopted(project, stack):
        yield from expect(project, "defaultKey", one_of(False), "must declare defaultKey false")


def _is_adopted(project: Resource, stack: PolicyStack) -> bool:
    """Tell whether the component around it says that the project existed before."""
    slug = project.at("slug")
    return isinstance(slug, Known) and any(
        slug in around.at("adopted").each() for around in stack.around(project)
    )


RULE: Final = Rule(
    id="error-project-has-key",
    title="Every Sentry project has a key of this stack, and makes none by itself",
    violated="is not reached by a key of this stack alone",
    severity=Severity.MEDIUM,
    risk="The default key has no rate limit: one loop in a client uses up the whole organization's quota.",
    fix="Declare a Sentry Key on the project, and defaultKey false on the project.",
    controls=(Control.NIST_SC_5, Control.NIST_IA_5, Control.ISO_A_8_9),
    subjects=of(PROJECT),
    judge=_judge,
)

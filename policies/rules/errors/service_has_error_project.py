"""A service whose errors nobody collects is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import PROJECT
from policies.framework.controls import Control
from policies.framework.messages import Text, number, say, undecided
from policies.framework.property_values import Known, Reading, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(publisher: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Text]:
    services = [_name(entry) for entry in publisher.at("services").each()]
    names = {name.value for name in services if isinstance(name, Known) and isinstance(name.value, str)}
    missing = names - stack.view(_projects)
    if not services:
        yield say("it names no service")
    if Unknown() in services:
        yield undecided(publisher, "services")
    elif len(names) < len(services):
        yield say("it names a service twice, or one without a name")
    if missing:
        lack = say("{count} of its services have no Sentry project", count=number(len(missing)))
        projects = stack.of(PROJECT)
        unknown = [undecided(project, "slug") for project in projects if project.at("slug") == Unknown()]
        yield from unknown or [lack]


def _name(entry: Reading) -> Reading:
    return entry.at("name") if entry.items() else entry


def _projects(stack: PolicyStack) -> set[str]:
    """Return what the projects are called."""
    names = [project.at(name) for project in stack.of(PROJECT) for name in ("slug", "name")]
    return {name.value for name in names if isinstance(name, Known) and isinstance(name.value, str)}


RULE: Final = Rule(
    id="service-has-error-project",
    title="Every service has a Sentry project in this stack",
    violated="runs a service whose errors nobody collects",
    severity=Severity.HIGH,
    risk="Errors that users meet stay with the users, and a broken release looks like a good one.",
    fix="Declare a Sentry Project whose slug or name is the service's.",
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.ISO_A_8_16, Control.CIS_1_1),
    subjects=lambda stack: stack.publishing("services"),
    judge=_judge,
)

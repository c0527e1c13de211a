"""A service without a Sentry project is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import PROJECT
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(publisher: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    services = [_name_of(entry) for entry in publisher.at("services").each()]
    names = {name.value for name in services if isinstance(name, Known) and isinstance(name.value, str)}
    missing = names - stack.view(_find_project_names)
    if not services:
        yield message("it names no service")
    if Unknown() in services:
        yield unknown_value(publisher, "services")
    elif len(names) < len(services):
        yield message("it names a service twice, or one without a name")
    if missing:
        problem = message("{count} of its services have no Sentry project", count=number(len(missing)))
        projects = stack.of_type(PROJECT)
        unknown = [unknown_value(project, "slug") for project in projects if project.at("slug") == Unknown()]
        yield from unknown or [problem]


def _name_of(entry: PropertyValue) -> PropertyValue:
    return entry.at("name") if entry.items() else entry


def _find_project_names(stack: PolicyStack) -> set[str]:
    """Return the slugs and names of all projects."""
    names = [project.at(name) for project in stack.of_type(PROJECT) for name in ("slug", "name")]
    return {name.value for name in names if isinstance(name, Known) and isinstance(name.value, str)}


RULE: Final = Rule(
    id="service-has-error-project",
    title="Every service has a Sentry project in this stack",
    violated="runs a service whose errors nobody collects",
    severity=Severity.HIGH,
    risk="Errors that users meet stay with the users, and a broken release looks like a good one.",
    fix="Declare a Sentry Project whose slug or name is the service's.",
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.ISO_A_8_16, Control.CIS_1_1),
    subjects=lambda stack: stack.publishers("services"),
    judge=_judge,
)

"""A service whose host is not given the DSN of the service's Sentry project is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from core.host_variables import SENTRY_DSN
from policies.facts.hosts import DeclaredVariable, is_for_production, is_named, variables_below
from policies.facts.sentry import KEY, PROJECT, SentryProjects
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule, accept_any
from policies.framework.stack import PolicyStack, Resource

_OFF: Final = (
    ("SENTRY_ENABLED", "0"),
    ("SENTRY_ENABLED", "false"),
    ("SENTRY_SAMPLE_RATE", "0"),
    ("SENTRY_SAMPLE_RATE", "0.0"),
)


def _judge(host: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    match host.at("errorProject"):
        case Known(str(slug)):
            yield from _check_dsn(host, stack, Known(slug))
        case Absent():
            if _find_projects(stack, host.at("hostedService")):
                yield message("its service has a Sentry project, and it names none")
        case Unknown():
            yield unknown_value(host, "errorProject")
        case _:
            yield message("its errorProject is no text")


def _check_dsn(host: Resource, stack: PolicyStack, slug: Known) -> Iterator[Message]:
    projects = _find_projects(stack, slug)
    if not projects:
        undecided = [one for one in stack.of_type(PROJECT) if isinstance(one.at("slug"), Unknown)]
        yield from (unknown_value(one, "slug") for one in undecided)
        if not undecided:
            yield message("no Sentry project of this stack has its errorProject as slug")
        return
    view = stack.view(SentryProjects)
    keys = [key for project in projects for key in view.parts(project, KEY)]
    variables = variables_below(host, stack)
    if any(is_named(one, name) and one.value == Known(value) for one in variables for name, value in _OFF):
        yield message("one of its variables switches error tracking off")
    given = [one for one in variables if is_named(one, SENTRY_DSN)]
    yield from accept_any(
        [_check_variable(one, keys, stack) for one in given], [message("it gives no variable SENTRY_DSN")]
    )


def _check_variable(variable: DeclaredVariable, keys: list[Resource], stack: PolicyStack) -> list[Message]:
    if not is_for_production(variable):
        return [message("its SENTRY_DSN is not set for production")]
    sources = stack.dependencies(variable.resource, variable.input)
    if isinstance(variable.name, Unknown):
        return [unknown_value(variable.resource, variable.input)]
    if any(key in sources for key in keys):
        return []
    match variable.value:
        case Known(dsn) if any(key.output("dsn", "public") == Known(dsn) for key in keys):
            return []
        case Unknown() if not sources:
            return [unknown_value(variable.resource, variable.input)]
        case _:
            return [message("its SENTRY_DSN is not that of a key of its project")]


def _find_projects(stack: PolicyStack, slug: object) -> list[Resource]:
    return [
        project
        for project in stack.of_type(PROJECT)
        if any(project.at(name) == slug for name in ("slug", "name"))
    ]


RULE: Final = Rule(
    id="service-receives-its-dsn",
    title="Every service with a Sentry project is given its DSN where it runs",
    violated="leaves error tracking off",
    severity=Severity.HIGH,
    risk="Error tracking is paid for and configured, and no error of the service ever arrives.",
    fix=(
        "Give the service's host a variable SENTRY_DSN, after a build tool's prefix where one is needed, "
        "from the dsn of a key of its project; publish the project's slug as errorProject."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.ISO_A_8_16),
    subjects=lambda stack: stack.publishers("hostedService"),
    judge=_judge,
)

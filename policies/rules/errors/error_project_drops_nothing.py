"""A Sentry project that throws errors away before anybody is told is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.sentry import INBOUND_FILTER, PROJECT, SentryProjects
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_PATTERNS: Final[tuple[LiteralString, ...]] = ("errorMessages", "releases")
_FEWEST_CHARACTERS: Final = 4
_OF_NO_USER: Final = ("browser-extensions", "filtered-transaction", "localhost", "web-crawlers")
"""Filters of what no user of the service has caused (Sentry, "Inbound data filters")."""


def _judge(project: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    for name in _PATTERNS:
        for pattern in project.at("filters", name).each():
            match pattern:
                case Known(str(text)) if len(text.strip("*? ")) >= _FEWEST_CHARACTERS:
                    pass
                case Known():
                    yield message("it throws away whatever " + name + " has")
                case _:
                    yield unknown_value(project, "filters")
    for inbound in stack.view(SentryProjects).parts(project, INBOUND_FILTER):
        name, active = inbound.at("filterId"), inbound.at("active")
        if isinstance(name, Unknown) or isinstance(active, Unknown):
            yield unknown_value(inbound, "filterId")
        elif active != Known(value=False) and not (isinstance(name, Known) and name.value in _OF_NO_USER):
            yield message("{inbound} throws errors of users away", inbound=inbound)


RULE: Final = Rule(
    id="error-project-drops-nothing",
    title="No Sentry project throws away errors of its users",
    violated="throws errors away",
    severity=Severity.HIGH,
    risk="The errors are sent, nobody is told of them, and every alert is as green as without any.",
    fix=(
        "Leave the project's filters to messages and releases that they name, and of the inbound filters "
        "those that drop what no user has caused."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4, Control.ISO_A_8_16),
    subjects=of_type(PROJECT),
    judge=_judge,
)

"""A rule: which resources it judges and how, the risk of a violation, the fix, and helpers to write rules."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, LiteralString

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack, Resource

Parameters = Mapping[str, Any]
"""Parameter -> its value for this stack: the configured one, or the default."""


Looser = Literal["higher", "lower", "more", "fewer", "true", "other", "never"]
"""
Which values of a parameter demand less than its default.

`higher` and `lower` numbers; a list with `more` entries, which exempt something, or with `fewer`, which
demand something; `true`; any `other` value than the default. `never`: whatever it says, nothing that the
pack demands by itself is given up.
"""


@dataclass(frozen=True)
class Parameter:
    """A setting of a rule that a stack may change in policies/config."""

    name: str
    default: Any
    schema: Mapping[str, Any]
    """JSON Schema of the value."""

    meaning: str
    looser: Looser

    def is_loosened(self, value: Any) -> bool:
        """Tell whether a value, which the schema accepts, demands less than the default."""
        match self.looser:
            case "higher":
                return value > self.default
            case "lower":
                return value < self.default
            case "more":
                return not set(value) <= set(self.default)
            case "fewer":
                return not set(value) >= set(self.default)
            case "true":
                return bool(value) and not self.default
            case "other":
                return value != self.default
            case "never":
                return False


def number_parameter(
    name: str, default: float, meaning: str, *, looser: Literal["higher", "lower"]
) -> Parameter:
    """Return a parameter that is a number of at least 0."""
    return Parameter(name, default, {"type": "number", "minimum": 0}, meaning, looser)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """A requirement on resources that a first preview can decide. Rules are compared by identity."""

    id: str
    title: str
    violated: LiteralString
    """Predicate of a violation's message: `<resource> <violated>: <reasons>`."""

    severity: Severity
    risk: str
    """What can go wrong if the rule is violated."""

    fix: str
    controls: tuple[Control, ...]
    subjects: Callable[[PolicyStack], Iterable[Resource]]
    """The resources that the rule judges. Without any, the rule does not apply."""

    judge: Callable[[Resource, PolicyStack, Parameters], Iterable[Message]]
    """Return the reasons why a subject violates the rule; none if it complies."""

    parameters: tuple[Parameter, ...] = ()
    waivable: bool = True

    def resolve_parameters(self, configured: Mapping[str, Any]) -> Parameters:
        """Return the value of every parameter."""
        return {
            parameter.name: configured.get(parameter.name, parameter.default) for parameter in self.parameters
        }


def of_type(*tokens: str) -> Callable[[PolicyStack], list[Resource]]:
    """Select the resources of these types as a rule's subjects."""
    return lambda stack: stack.of_type(*tokens)


def expect(
    resource: Resource, path: LiteralString, fits: Callable[[Any], bool], problem: LiteralString
) -> list[Message]:
    """
    Return no message if a declared input is known and fits, else one with the problem.

    An absent input does not fit, and an unknown one is undecided: neither complies.

    Args:
        resource: The resource with the input.
        path: The input's name; in nested objects, the keys joined by dots.
        fits: Whether a known value complies.
        problem: Predicate of the message, as in `<resource> <problem>`.
    """
    return expect_value(resource.at(*path.split(".")), resource, path, fits, problem)


def expect_value(
    value: PropertyValue,
    resource: Resource,
    path: LiteralString,
    fits: Callable[[Any], bool],
    problem: LiteralString,
) -> list[Message]:
    """Check a value as `expect` does; `path` is only its name in the message."""
    match value:
        case Known(value) if fits(value):
            return []
        case Unknown():
            return [unknown_value(resource, path)]
        case _:
            return [message("{resource} " + problem, resource=resource)]


def one_of(*allowed: bool | float | str) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, list | dict) and value in allowed


def in_range(least: float, most: float = float("inf")) -> Callable[[Any], bool]:
    """Match numbers (not bools) from `least` to `most`, both included."""
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
    )


def accept_any(alternatives: Iterable[list[Message]], otherwise: list[Message]) -> list[Message]:
    """Return no problems if one alternative has none, else those of all; `otherwise` without alternatives."""
    alternatives = list(alternatives)
    if any(not problems for problems in alternatives):
        return []
    return [problem for problems in alternatives for problem in problems] or otherwise

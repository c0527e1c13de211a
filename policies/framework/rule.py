"""A rule: which resources it judges and how, the risk of a violation, the fix, and helpers to write rules."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, LiteralString

from pulumi_policy import Severity

from core.text import printable
from policies.framework.controls import Control
from policies.framework.messages import Message, describe_kind, message, number, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack, Resource

_MOST_CHARACTERS: Final = 60

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
        case Known(known) if fits(known):
            return []
        case Unknown():
            return [unknown_value(resource, path)]
        case _:
            parts = {"resource": resource, "found": describe_kind(value)}
            if isinstance(fits, OneOf | InRange):
                text = "{resource} " + problem + " (" + path + " is {found}, and {limit} is demanded)"
                return [message(text, **parts, limit=fits.limit)]
            return [message("{resource} " + problem + " (" + path + " is {found})", **parts)]


@dataclass(frozen=True)
class OneOf:
    """A limit: some values, of the program or of the rule's configuration."""

    allowed: tuple[bool | float | str, ...]

    def __call__(self, value: Any) -> bool:
        return not isinstance(value, (list, dict)) and value in self.allowed

    @property
    def limit(self) -> Message:
        return Message(" or ".join(printable(json.dumps(one))[:_MOST_CHARACTERS] for one in self.allowed))


@dataclass(frozen=True)
class InRange:
    """A limit: numbers, but no bools, from `least` to `most`, both included."""

    least: float
    most: float

    def __call__(self, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.least <= value <= self.most

    @property
    def limit(self) -> Message:
        if self.most == float("inf"):
            return message("at least {least}", least=number(self.least))
        return message("{least} to {most}", least=number(self.least), most=number(self.most))


def one_of(*allowed: bool | float | str) -> OneOf:
    """Match these values. They are no secrets: a message shows them."""
    return OneOf(allowed)


def in_range(least: float, most: float = float("inf")) -> InRange:
    """Match numbers (not bools) from `least` to `most`, both included."""
    return InRange(least, most)


def accept_any(alternatives: Iterable[list[Message]], otherwise: list[Message]) -> list[Message]:
    """Return no problems if one alternative has none, else those of all; `otherwise` without alternatives."""
    alternatives = list(alternatives)
    if any(not problems for problems in alternatives):
        return []
    return [problem for problems in alternatives for problem in problems] or otherwise

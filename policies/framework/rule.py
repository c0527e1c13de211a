"""What a rule is: what it demands of which resources, why, how to satisfy it, and how it judges one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Known, Reading, Unknown
from policies.framework.stack import PolicyStack, Resource

Parameters = Mapping[str, Any]
"""Parameter -> its value for this stack, its default where the stack's configuration says nothing."""


@dataclass(frozen=True)
class Parameter:
    """A limit that a stack may set in policies/config."""

    name: str
    default: Any
    schema: Mapping[str, Any]
    """JSON Schema of its value."""

    meaning: str


def at_least(name: str, default: float, meaning: str) -> Parameter:
    """Return a parameter that is a number, 0 or more."""
    return Parameter(name, default, {"type": "number", "minimum": 0}, meaning)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """A demand, decided from what a first preview knows. Equal to itself alone."""

    id: str
    title: str
    violated: LiteralString
    """What a violating resource is said to do, as in: `<resource> <violated>: <reasons>`."""

    severity: Severity
    risk: str
    """What can go wrong where the rule is violated."""

    fix: str
    controls: tuple[Control, ...]
    subjects: Callable[[PolicyStack], Iterable[Resource]]
    """The resources that it is about; what it finds none of, it has no say on."""

    judge: Callable[[Resource, PolicyStack, Parameters], Iterable[Text]]
    """Return what a subject lacks; nothing where it complies."""

    parameters: tuple[Parameter, ...] = ()
    waivable: bool = True

    def limits(self, configured: Mapping[str, Any]) -> Parameters:
        """Return every parameter's value."""
        return {
            parameter.name: configured.get(parameter.name, parameter.default) for parameter in self.parameters
        }


def of(*tokens: str) -> Callable[[PolicyStack], list[Resource]]:
    """Return the subjects of a rule about some resource types."""
    return lambda stack: stack.of(*tokens)


def expect(
    resource: Resource, path: LiteralString, fits: Callable[[Any], bool], otherwise: LiteralString
) -> list[Text]:
    """
    Return nothing where a declared input (keys joined by dots) is known and fits, else the reason in words.

    What is absent doesn't fit, and what is unknown can't be decided; neither is fine.
    """
    return expect_of(resource.at(*path.split(".")), resource, path, fits, otherwise)


def expect_of(
    reading: Reading,
    resource: Resource,
    path: LiteralString,
    fits: Callable[[Any], bool],
    otherwise: LiteralString,
) -> list[Text]:
    """Do as `expect` for what was read already, from anywhere; `path` names it."""
    match reading:
        case Known(value) if fits(value):
            return []
        case Unknown():
            return [undecided(resource, path)]
        case _:
            return [say("{resource} " + otherwise, resource=resource)]


def one_of(*allowed: bool | float | str) -> Callable[[Any], bool]:
    return lambda value: not isinstance(value, list | dict) and value in allowed


def from_to(least: float, most: float = float("inf")) -> Callable[[Any], bool]:
    """Return whether a value is a number (and no bool) within bounds, both included."""
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
    )


def best(attempts: Iterable[list[Text]], otherwise: list[Text]) -> list[Text]:
    """Judge alternatives by what each lacks: nothing if one lacks nothing, else the shortcomings of all."""
    lacking = list(attempts)
    if any(not shortcomings for shortcomings in lacking):
        return []
    return [text for shortcomings in lacking for text in shortcomings] or otherwise

"""What a rule is: what it demands, why, how to satisfy it, and how it looks for what violates it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, LiteralString

from pulumi_policy import Severity

from policies.reading import Known, Unknown
from policies.resources import Resource, Stack
from policies.wording import Text, say


class Framework(Enum):
    """A catalogue of controls: name and version, for ids move between versions."""

    SOC_2 = ("SOC 2", "2017")
    ISO_27001 = ("ISO 27001", "2022")
    NIST_800_53 = ("NIST 800-53", "r5")
    CIS_CONTROLS = ("CIS Controls", "8.1")


@dataclass(frozen=True)
class Control:
    """One requirement of a framework, such as CP-9(a)."""

    framework: Framework
    id: str


@dataclass(frozen=True)
class Finding:
    """One violation, and the resource it is about."""

    resource: Resource
    text: Text


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A demand on the whole stack, decided from what a first preview knows."""

    id: str
    title: str
    severity: Severity
    risk: str
    """What can go wrong where the rule is violated."""

    fix: str
    controls: tuple[Control, ...]
    find: Callable[[Stack], Iterator[Finding]]


def expect(
    resource: Resource, name: LiteralString, fits: Callable[[Any], bool], otherwise: LiteralString
) -> list[Text]:
    """
    Return nothing where a declared input is known and fits, else the reason in words.

    What is absent doesn't fit, and what is unknown can't be decided; neither is fine.
    """
    match resource.at(name):
        case Known(value) if fits(value):
            return []
        case Unknown():
            return [undecided(resource, name)]
        case _:
            return [say("{resource} " + otherwise, resource=resource)]


def one_of(*allowed: bool | float | str) -> Callable[[Any], bool]:
    return lambda value: value in allowed


def undecided(resource: Resource, path: LiteralString) -> Text:
    """Say what a preview would have to know."""
    return say("could not be decided: " + path + " of {resource} is unknown", resource=resource)


def best(attempts: Iterable[list[Text]], otherwise: list[Text]) -> list[Text]:
    """Judge alternatives by what each lacks: nothing if one lacks nothing, else the shortcomings of all."""
    lacking = list(attempts)
    if any(not shortcomings for shortcomings in lacking):
        return []
    return [text for shortcomings in lacking for text in shortcomings] or otherwise

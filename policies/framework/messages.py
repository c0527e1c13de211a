"""
Messages of rules. Rules see secrets in clear, so messages are never made from values.

A message is a literal sentence of the source code, filled with resources (their name and type, which the
engine prints anyway) and with other messages. The type checker refuses anything else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from urllib.parse import urlsplit

from core.objectives import format_duration
from policies.framework.property_values import Known, PropertyValue
from policies.framework.stack import Resource


@dataclass(frozen=True)
class Message:
    """A text without secrets."""

    text: str
    undecided: bool = False
    """Whether it reports that something is not known yet, instead of a problem."""

    follows: str = ""
    """Id of the rule whose violation by the same resource is the cause of this problem; else empty."""


def message(template: LiteralString, **parts: Resource | Message) -> Message:
    """Fill a literal sentence, as `str.format` does."""
    return Message(template.format(**{name: _format_part(part) for name, part in parts.items()}))


def unknown_value(resource: Resource, path: LiteralString) -> Message:
    """Report that a preview does not know what decides: `path` of the resource."""
    reason = message("could not be decided: " + path + " of {resource} is unknown", resource=resource)
    return Message(reason.text, undecided=True)


def input_name(name: str) -> Message:
    """Return the name of an input as a package's schema has it: it is no value of the program."""
    return Message(name)


def join_messages(messages: Iterable[Message]) -> Message:
    """Join messages into one, without duplicates."""
    return Message("; ".join(dict.fromkeys(part.text for part in messages)))


def origin(url: str) -> Message:
    """Return the public part of a URL: scheme, host and port, without user, path and query."""
    parts = urlsplit(url)
    return Message(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def duration(length: timedelta) -> Message:
    """Format a time that a rule computed with; a number is no secret."""
    return Message(format_duration(length))


def number(value: float) -> Message:
    """Format a number that a rule compared."""
    return Message(f"{int(value)}" if float(value).is_integer() else f"{value:g}")


def describe_kind(value: PropertyValue) -> Message:
    """Return what a value is: a number and a bool as they are, and of anything else the kind alone."""
    match value:
        case Known(secret=True):
            return Message("a secret")
        case Known(bool(switch)):
            return Message("true" if switch else "false")
        case Known(int() | float() as amount):
            return number(amount)
        case Known(str()):
            return Message("a text")
        case Known(list() as items):
            return Message(f"a list of {len(items)}")
        case Known():
            return Message("an object")
        case _:
            return Message("absent")


def _format_part(part: Resource | Message) -> str:
    match part:
        case Resource():
            return f"{part.name} ({part.type.rpartition(':')[2]})"
        case Message():
            return part.text

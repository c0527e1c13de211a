"""
What a message may say. Secrets reach rules in clear, so messages are never made from values.

A message is a sentence from the source code, filled with resources (their name and type, which the engine
prints anyway) and texts made here; the type checker refuses anything else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from urllib.parse import urlsplit

from core.objectives import format_duration
from policies.framework.stack import Resource


@dataclass(frozen=True)
class Text:
    """Words that may be shown."""

    words: str
    undecided: bool = False
    """Whether it says that something is not known yet, instead of that something is wrong."""


def say(template: LiteralString, **parts: Resource | Text) -> Text:
    """Fill a sentence of ours, in the manner of `str.format`."""
    return Text(template.format(**{name: _shown(part) for name, part in parts.items()}))


def undecided(resource: Resource, path: LiteralString) -> Text:
    """Say what a preview would have to know."""
    words = say("could not be decided: " + path + " of {resource} is unknown", resource=resource)
    return Text(words.words, undecided=True)


def listed(texts: Iterable[Text]) -> Text:
    """Join reasons into one text; each is said once."""
    return Text("; ".join(dict.fromkeys(text.words for text in texts)))


def origin(url: str) -> Text:
    """Return scheme, host and port of an address: what is public of it, without user, path or query."""
    parts = urlsplit(url)
    return Text(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def duration(length: timedelta) -> Text:
    """Show a time that a rule computed with; a number is no secret."""
    return Text(format_duration(length))


def number(value: float) -> Text:
    """Show a number that a rule compared."""
    return Text(f"{value:g}")


def _shown(part: Resource | Text) -> str:
    match part:
        case Resource():
            return f"{part.name} ({part.type.rpartition(':')[2]})"
        case Text():
            return part.words

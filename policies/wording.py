"""
What a message may say. Secrets reach rules in clear and unmarked, so messages are never made from values.

A message is a sentence from the source code, filled with resources (their name and type, which the engine
prints anyway) and texts made here; the type checker refuses anything else.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import LiteralString
from urllib.parse import urlsplit

from policies.resources import Resource


@dataclass(frozen=True)
class Text:
    """Words that may be shown."""

    words: str


def say(template: LiteralString, **parts: Resource | Text) -> Text:
    """Fill a sentence of ours, in the manner of `str.format`."""
    return Text(template.format(**{name: _shown(part) for name, part in parts.items()}))


def listed(texts: Iterable[Text]) -> Text:
    """Join reasons into one text; each is said once."""
    return Text("; ".join(dict.fromkeys(text.words for text in texts)))


def origin(url: str) -> Text:
    """Return scheme, host and port of an address: what is public of it, without user, path or query."""
    parts = urlsplit(url)
    return Text(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")


def _shown(part: Resource | Text) -> str:
    match part:
        case Resource():
            return f"{part.name} ({part.type.rpartition(':')[2]})"
        case Text():
            return part.words

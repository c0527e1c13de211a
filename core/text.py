"""Text from databases, archives and vaults, made safe for a terminal and a log."""

import unicodedata
from typing import Final

_SPACES: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
"""Control characters that separate words or lines."""

_DROPPED_CATEGORIES: Final = frozenset(("Cc", "Cf", "Cs"))
"""
Unicode's control characters (C0, DEL, C1), format characters (direction marks, zero-width characters, tags)
and surrogates, which no encoding takes.
"""


def printable(text: str, *, multiline: bool = False) -> str:
    """
    Return `text` without what moves a cursor, starts a terminal's commands, or changes the order of letters.

    Line breaks and tabs become spaces, and stay with `multiline`.
    """
    if text.isprintable():
        return text
    return "".join(_keep(character, multiline=multiline) for character in text)


def _keep(character: str, *, multiline: bool) -> str:
    if multiline and character in "\n\t":
        return character
    if character in _SPACES:
        return " "
    return "" if unicodedata.category(character) in _DROPPED_CATEGORIES else character

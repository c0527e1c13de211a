"""The names of what a drill makes; by them, and by nothing else, it is known that it may be removed."""

import re
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final

from recovery.drill.evidence import Kind

_NAME: Final = re.compile(r"drill-(?:corruption|loss|replica|files|state)-(\d{8}t\d{6}z)-[0-9a-f]{4}")
_STAMP: Final = "%Y%m%dt%H%M%Sz"


def new(kind: Kind, now: datetime) -> str:
    """Return a name that sorts by time; it is that of the stack and of what the vendor has."""
    return f"drill-{kind}-{now.strftime(_STAMP)}-{token_hex(2)}"


def is_a_drills(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def age(name: str, now: datetime) -> timedelta:
    """Return how long ago the drill of this name began."""
    found = _NAME.fullmatch(name)
    if not found:
        raise ValueError(f"{name} is no drill's name")
    return now - datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)

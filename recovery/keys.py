"""Where in the vault what lies."""

from datetime import datetime
from secrets import token_hex
from typing import Final

from recovery.manifest import Tier

DRILLS: Final = "evidence/drills/"
VERIFICATIONS: Final = "evidence/verifications/"
TIERS: tuple[Tier, ...] = ("monthly", "weekly", "daily")
"""The longest kept first."""


def new_id(now: datetime) -> str:
    """Return the id of a backup or a drill, which sorts by time; two at the same second differ."""
    return f"{now:%Y%m%dT%H%M%SZ}-{token_hex(2)}"


def verification(backup: str, at: datetime) -> str:
    return f"{VERIFICATIONS}{backup}/{at:%Y%m%dT%H%M%SZ}.json"


def drill(identity: str) -> str:
    return f"{DRILLS}{identity}.json"

"""
What projects and branches have used, which the twin does not measure.

A test records it; the API then shows it by Neon's names. Source: Neon's OpenAPI definition, `Project` and
`Branch`.
"""

from datetime import UTC, datetime
from typing import Final

from twin.vendor.store import VendorStore

_VENDOR: Final = "neon"
_KIND: Final = "usage"


def record_usage(store: VendorStore, identifier: str, **quantities: int) -> None:
    """Let a project or a branch have used this much, by Neon's names; what is not named is 0."""
    with store.transaction():
        store.remove(_VENDOR, _KIND, identifier)
        store.insert(_VENDOR, _KIND, identifier, quantities)


def read_usage(store: VendorStore, identifier: str) -> dict[str, int]:
    """Return what was recorded; nothing of most."""
    return store.get(_VENDOR, _KIND, identifier) or {}


def find_period(now: datetime) -> tuple[datetime, datetime]:
    """Return the beginning and the end of the period in which Neon measures: the month in UTC."""
    begin = datetime(now.year, now.month, 1, tzinfo=UTC)
    end = datetime(now.year + now.month // 12, now.month % 12 + 1, 1, tzinfo=UTC)
    return begin, end

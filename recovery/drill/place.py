"""Where a drill recovers into: made for it alone, and removed after it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from recovery.drill.evidence import Removed

MARK: Final = "BULWARK_DRILL"
"""Every process that a drill starts carries this variable, so that a later one can find and end it."""


@dataclass(frozen=True)
class Copy:
    """A recovered database, or one to be recovered into."""

    name: str
    """A drill's (see recovery.drill.name)."""

    project: str
    owner_url: str = field(repr=False)
    application_url: str = field(repr=False)


class Place(Protocol):
    """Makes throw-away databases. Each is gone when its context ends, whatever happens in it."""

    scope: str
    """The value of MARK: whose drills these are."""

    folder: Path
    """Private; what lies there goes with the drill. A dump is personal data."""

    def branched(self, name: str, at: datetime) -> AbstractContextManager[Copy]:
        """Give the platform's database as it was at `at`, a whole second."""
        ...

    def empty(self, name: str) -> AbstractContextManager[Copy]:
        """Give a new, empty database, declared as the platform's own is."""
        ...

    def remains(self, name: str) -> tuple[Removed, ...]:
        """Look, after the context's end, whether anything of that name is left; changes nothing."""
        ...

"""Where a drill recovers into: made for it alone, and removed after it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from recovery.drill.evidence import Removed

MARK: Final = "BULWARK_DRILL"
"""Every process that a drill starts carries this variable, so that a later one can find and end it."""


@dataclass(frozen=True)
class RecoveredDatabase:
    """A recovered database, or one to be recovered into."""

    name: str
    """A drill's (see recovery.drill.safety)."""

    project: str
    owner_url: str = field(repr=False)
    application_url: str = field(repr=False)


class DrillEnvironment(Protocol):
    """Makes throw-away databases. Each is gone when its context ends, whatever happens in it."""

    scope: str
    """The value of MARK: whose drills these are."""

    folder: Path
    """Private; what lies there goes with the drill. A dump is personal data."""

    def branching(self, name: str) -> AbstractContextManager[Callable[[datetime], RecoveredDatabase]]:
        """
        Make all ready that a branch needs, but nothing of the branch itself.

        What it gives is called once, with a whole second, and gives the platform's database as it was then.
        """
        ...

    def empty(self, name: str) -> AbstractContextManager[RecoveredDatabase]:
        """Give a new, empty database, declared as the platform's own is."""
        ...

    def remains(self, name: str) -> tuple[Removed, ...]:
        """Look, after the context's end, whether anything of that name is left; changes nothing."""
        ...

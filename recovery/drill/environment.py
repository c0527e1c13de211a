"""The throw-away environment that a drill recovers into, and a recovered database in it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from recovery.drill.evidence import TeardownResult
from recovery.manifest import ServerInfo
from recovery.postgres.globals import Globals

DRILL_VARIABLE: Final = "BULWARK_DRILL"
"""Environment variable of every process that a drill starts, by which a later drill finds and ends it."""


@dataclass(frozen=True)
class RecoveredDatabase:
    """A recovered database, or an empty one to recover into."""

    name: str
    """The drill's name (see recovery.drill.safety)."""

    project: str
    """Id of its project at the vendor; empty for a server on this machine."""

    owner_url: str = field(repr=False)
    application_url: str = field(repr=False)
    needs_placeholder_roles: bool = False
    """Whether the server lacks roles of the source's vendor, so that they are made without any right."""

    notes: tuple[str, ...] = ()
    """How the server differs from the source's."""

    copy_to_keep: "Callable[[], AbstractContextManager[Callable[[], str]]] | None" = None
    """Copies the database, once it is verified and before it is damaged, and gives a function that puts the
    copy where it is to stay, and says where that is. None: nothing of the database stays."""

    restore_in_place: "Callable[[], None] | None" = None
    """Lets the vendor set the database back, in place, to the instant that it was branched at. None: it
    can't."""


class DrillEnvironment(Protocol):
    """Creates throw-away databases. Each is removed at the end of its context, also after an error."""

    scope: str
    """Value of `DRILL_VARIABLE`: one per stack and checkout."""

    folder: Path
    """Private folder, whose content is removed with the drill: a dump is personal data."""

    def prepare_branch(self, name: str) -> AbstractContextManager[Callable[[datetime], RecoveredDatabase]]:
        """
        Prepare everything that a branch needs, without creating it, and give a function that creates it.

        The function is called once, with a whole second, and returns the platform's database as of then.
        """
        ...

    def create_database(
        self, name: str, server: ServerInfo, source_globals: Globals
    ) -> AbstractContextManager[RecoveredDatabase]:
        """
        Create an empty database, at a vendor as the platform's own is declared, else as the backup names it.

        Args:
            name: The drill's name.
            server: The server that was backed up, with its locale.
            source_globals: What the backup holds beside the dump, such as the extensions.
        """
        ...

    def check_removed(self, name: str) -> tuple[TeardownResult, ...]:
        """Return, after the end of the context, whether anything of this name is left; change nothing."""
        ...

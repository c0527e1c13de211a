"""Runs the scenarios that were asked for, one after the other, and makes their evidence one drill's."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from rich.console import Console

from cli.drill_backend import FileBackend
from cli.drill_identity import identity
from cli.drill_terms import terms
from cli.drill_yard import Yard
from recovery import catalogue
from recovery.drill import corruption, files, loss, state
from recovery.drill.evidence import Drill, Scenario
from recovery.drill.guard import read_only
from recovery.drill.recovered import Drilled
from recovery.manifest import Manifest

Choice = Literal["corruption", "loss", "replica", "files", "state", "all"]
_ALL: Final[tuple[Choice, ...]] = ("corruption", "loss", "replica", "files", "state")


@dataclass(frozen=True)
class Wanted:
    """What a person asked for."""

    scenario: Choice
    at_random: bool
    at: datetime | None
    backup: str | None


def run(yard: Yard, wanted: Wanted, leftovers: tuple[str, ...]) -> Drill:
    """Run them; one that fails keeps no other from running."""
    started = datetime.now(UTC)
    scenarios = tuple(_scenarios(yard, wanted))
    return Drill(
        identity=identity(yard, started),
        started=started,
        finished=datetime.now(UTC),
        scenarios=scenarios,
        leftovers=leftovers,
    )


def _scenarios(yard: Yard, wanted: Wanted) -> Iterator[Scenario]:
    settings, vaults = yard.space.settings, yard.site.vaults
    with _told() as told:
        for which in _ALL if wanted.scenario == "all" else (wanted.scenario,):
            drilled = Drilled(
                read_only(yard.site.database_url),
                terms(settings),
                yard.place,
                lambda phase, which=which: told(f"Drilling {which}: {phase}"),
            )
            if which == "corruption":
                found = (
                    catalogue.backups(vaults["primary"], Manifest) if wanted.at or wanted.at_random else []
                )
                yield corruption.drill(
                    drilled,
                    [one.manifest for one in found if one.manifest and one.manifest.whole],
                    history=timedelta(hours=settings.database.history_retention_hours),
                    at=wanted.at,
                    at_random=wanted.at_random,
                )
            elif which == "files":
                yield files.drill(
                    drilled,
                    vaults["primary"],
                    history=timedelta(hours=settings.database.history_retention_hours),
                    backup=wanted.backup,
                    at=wanted.at,
                    at_random=wanted.at_random,
                )
            elif which == "state":
                yield state.drill(
                    FileBackend(yard.space),
                    vaults["primary"],
                    yard.place.folder,
                    objectives=drilled.terms.objectives,
                    deployed_at=yard.deployed_at(),
                    told=drilled.told,
                    backup=wanted.backup,
                )
            else:
                # The other vault is not even looked at: what a drill shows is that one is enough.
                name = "primary" if which == "loss" else "replica"
                yield loss.drill(
                    drilled, vaults[name], name, backup=wanted.backup, at_random=wanted.at_random
                )


@contextmanager
def _told() -> Generator[Callable[[str], None]]:
    """Show what the drill is at: one line that changes on a terminal, elsewhere a line for each step."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda line: console.print(line, markup=False, highlight=False)
        return
    with console.status("Drilling") as status:
        yield status.update

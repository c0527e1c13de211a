"""One scenario under way: everything that becomes evidence, also of a drill that breaks off."""

import shutil
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Final

import psycopg

from core.failure import Failure
from recovery.drill import safety as names
from recovery.drill.environment import DrillEnvironment
from recovery.drill.evidence import (
    Check,
    Measured,
    Milestone,
    NegativeControl,
    Phase,
    RecoveryPoint,
    Removed,
    Scenario,
    ScenarioKind,
    StoreName,
    Untested,
)
from recovery.drill.terms import LIMITS

OnProgress = Callable[[str], None]


class RecoveryClock:
    """Runs from its making, monotonic: setting the machine's clock changes no result."""

    def __init__(self, told: OnProgress = lambda _: None) -> None:
        """`told` is called with each phase's name as it begins."""
        self.declared = datetime.now(UTC)
        self.phases: list[Phase] = []
        self._began = time.monotonic()
        self._told = told

    def seconds(self) -> float:
        return time.monotonic() - self._began

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Time a step; one that fails is in the list too."""
        self._told(name)
        started, offset = datetime.now(UTC), self.seconds()
        try:
            yield
        finally:
            taken = self.seconds() - offset
            self.phases.append(Phase(name=name, started=started, offset_seconds=offset, seconds=taken))


_ENDS: Final[dict[Milestone, str]] = {
    "first_query": "the first query that the application role was answered",
    "health": "the platform's health answered 200 on the recovered database",
    "verified": "everything was compared and every assertion asked",
}


def cause_of(error: Failure | psycopg.Error) -> str:
    """Say in a line what was wrong. A driver's whole text may quote rows or an address."""
    if isinstance(error, Failure):
        return str(error).removeprefix("bulwark: ").split("\n", 1)[0]
    return error.diag.message_primary or type(error).__name__


class ScenarioRun:
    """Collects; a part that was never reached stays empty, and evidence with empty parts doesn't pass."""

    def __init__(
        self,
        kind: ScenarioKind,
        *,
        stores: tuple[StoreName, ...],
        threat: str,
        loss_objective_seconds: float,
        told: OnProgress = lambda _: None,
    ) -> None:
        """`told` is called with the name of each phase as it begins."""
        self.kind: ScenarioKind = kind
        self.told = told
        self.clock = RecoveryClock(told)
        self.incident = self.clock.declared
        self.name = names.new(kind, self.incident)
        self.recovery_point: RecoveryPoint | None = None
        self.newest_change: datetime | None = None
        self.newest_change_how = "not read"
        self.times: dict[Milestone, Measured] = {}
        self.checks: list[Check] = []
        self.control: NegativeControl | None = None
        self.teardown: tuple[Removed, ...] = ()
        self.not_tested: list[Untested] = []
        self.deviations: list[str] = []
        self.errors: list[str] = []
        self._stores: tuple[StoreName, ...] = stores
        self._threat = threat
        self._loss_objective = loss_objective_seconds

    def declare(self, incident: datetime | None = None) -> None:
        """Let the recovery begin now; the incident was now, too, or earlier."""
        self.clock = RecoveryClock(self.told)
        self.incident = incident or self.clock.declared

    def milestone(self, milestone: Milestone, objective_seconds: float) -> None:
        self.times[milestone] = Measured(
            seconds=self.clock.seconds(), objective_seconds=objective_seconds, how=_ENDS[milestone]
        )

    def check(self, checks: Iterable[Check]) -> None:
        self.checks.extend(checks)

    @contextmanager
    def capture_errors(self) -> Generator[None]:
        """Turn what breaks it off into its error."""
        try:
            yield
        except Failure as failure:
            self.errors.append(cause_of(failure))
        except psycopg.Error as error:
            self.errors.append(cause_of(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the evidence has to tell of it
            # Its text may quote what must not be in evidence: its kind and place have to do.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{PurePath(frame.filename).name}, line {frame.lineno}"
            self.errors.append(f"{type(error).__name__} in {where}, which nobody foresaw")

    @contextmanager
    def optional_check(self, name: str, what: str, expected: str) -> Generator[None]:
        """Turn what keeps a check from running into a check not run; the scenario goes on."""
        try:
            yield
        except (Failure, psycopg.Error) as error:
            why = cause_of(error)
            self.checks.append(
                Check(name=name, what=what, expected=expected, actual="", outcome="not_run", why=why)
            )

    def remove(self, folder: Path, kind: str) -> None:
        """Remove a folder of the drill, and look whether it is gone."""
        shutil.rmtree(folder, ignore_errors=True)
        proof = f"looked for the drill's folder {folder.name}"
        self.teardown += (Removed(name=self.name, kind=kind, gone=not folder.exists(), proof=proof),)

    def look_for_remains(self, place: DrillEnvironment) -> None:
        self.told("looking for what is left")
        with self.capture_errors():
            self.teardown += place.remains(self.name)

    def scenario(self) -> Scenario:
        return Scenario(
            kind=self.kind,
            stores=self._stores,
            threat=self._threat,
            incident=self.incident,
            declared=self.clock.declared,
            recovery_point=self.recovery_point,
            newest_change=self.newest_change,
            newest_change_how=self.newest_change_how,
            loss_objective_seconds=self._loss_objective,
            phases=tuple(self.clock.phases),
            times=self.times,
            checks=tuple(self.checks),
            negative_control=self.control,
            teardown=self.teardown,
            not_tested=(*LIMITS[self.kind], *self.not_tested),
            deviations=tuple(self.deviations),
            error="; ".join(self.errors),
        )

"""The recorder of a scenario: its clock, and everything that becomes evidence, also after an error."""

import shutil
import time
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Final, Literal

import psycopg

from core.failure import Failure
from recovery.drill.environment import DrillEnvironment
from recovery.drill.evidence import (
    CallAttempt,
    Check,
    CopyAfterwards,
    Measurement,
    Milestone,
    NegativeControl,
    Phase,
    RecoveryPoint,
    Scenario,
    ScenarioKind,
    TeardownResult,
    UntestedScope,
)
from recovery.drill.safety import new_name
from recovery.drill.spec import NOT_COVERED
from recovery.store import StoreName

OnProgress = Callable[[str], None]
"""Gets the name of each step as it begins."""

_MILESTONE_MEANINGS: Final[dict[Milestone, str]] = {
    "first_query": "the first query that the application role was answered",
    "health": "the platform's health answered 200 on the recovered database",
    "verified": "everything was compared and every assertion asked",
    "detected": "its monitor saw the service down",
    "paged": "the pager had an incident of that monitor",
    "rolled_back": "the host had the former deployment in use again",
}


class RecoveryClock:
    """A monotonic stopwatch that starts on creation: changes of the system time have no effect."""

    def __init__(self, on_progress: OnProgress = lambda _: None) -> None:
        self.declared = datetime.now(UTC)
        self.phases: list[Phase] = []
        self._began = time.monotonic()
        self._on_progress = on_progress

    def seconds(self) -> float:
        return time.monotonic() - self._began

    @contextmanager
    def phase(self, name: str) -> Generator[None]:
        """Measure a step and add it to `phases`, also if it fails."""
        self._on_progress(name)
        started, offset = datetime.now(UTC), self.seconds()
        try:
            yield
        finally:
            seconds = self.seconds() - offset
            self.phases.append(Phase(name=name, started=started, offset_seconds=offset, seconds=seconds))


def cause_of(error: Failure | psycopg.Error) -> str:
    """Return an error's cause in one line. A driver's whole text may quote rows or an address."""
    if isinstance(error, Failure):
        return str(error).removeprefix("bulwark: ").split("\n", 1)[0]
    return error.diag.message_primary or type(error).__name__


def check_not_run(name: str, what: str, expected: str, error: Failure | psycopg.Error) -> Check:
    return Check(name=name, what=what, expected=expected, actual="", outcome="not_run", why=cause_of(error))


class ScenarioRun:
    """Records one scenario. A part that was not reached stays empty, and empty evidence does not pass."""

    def __init__(
        self,
        kind: ScenarioKind,
        *,
        stores: tuple[StoreName, ...],
        threat: str,
        loss_objective_seconds: float,
        service: str = "",
        on_progress: OnProgress = lambda _: None,
    ) -> None:
        self.kind: ScenarioKind = kind
        self.on_progress = on_progress
        self.clock = RecoveryClock(on_progress)
        self.incident = self.clock.declared
        self.name = new_name(kind, self.incident)
        self.recovery_point: RecoveryPoint | None = None
        self.newest_change: datetime | None = None
        self.newest_change_how = "not read"
        self.times: dict[Milestone, Measurement] = {}
        self.checks: list[Check] = []
        self.negative_control: NegativeControl | None = None
        self.teardown: tuple[TeardownResult, ...] = ()
        self.not_tested: list[UntestedScope] = []
        self.deviations: list[str] = []
        self.not_measured: tuple[Literal["health", "paged"], ...] = ()
        self.attempts: list[CallAttempt] = []
        self.afterwards: list[CopyAfterwards] = []
        self.errors: list[str] = []
        self._stores: tuple[StoreName, ...] = stores
        self._service = service
        self._threat = threat
        self._loss_objective = loss_objective_seconds

    def declare(self, incident: datetime | None = None) -> None:
        """Start the clock of the recovery. The incident is now, or the given earlier moment."""
        self.clock = RecoveryClock(self.on_progress)
        self.incident = incident or self.clock.declared

    def milestone(self, milestone: Milestone, objective_seconds: float, *, how: str = "") -> None:
        """Measure the time until now; `how` says what happened, where that is another than usually."""
        self.times[milestone] = Measurement(
            seconds=self.clock.seconds(),
            objective_seconds=objective_seconds,
            how=how or _MILESTONE_MEANINGS[milestone],
        )

    def count_loss_from_snapshot(self) -> None:
        """Take the moment that the recovery point shows for the newest change: nothing else says more."""
        if self.recovery_point:
            self.newest_change = self.recovery_point.as_of
            self.newest_change_how = "the backup's snapshot: everything committed before is in it"

    def leave_out_health(self) -> None:
        """Record that no application is named, so that its health is neither measured nor required."""
        self.not_measured = ("health",)
        self.not_tested.append(
            UntestedScope(
                what="the platform's program on the recovered database",
                why="no application is named for the drill",
            )
        )

    def add_checks(self, checks: Iterable[Check]) -> None:
        self.checks.extend(checks)

    @contextmanager
    def capture_errors(self) -> Generator[None]:
        """Record an exception as the scenario's error, and end the block."""
        try:
            yield
        except Failure as failure:
            self.errors.append(cause_of(failure))
        except psycopg.Error as error:
            self.errors.append(cause_of(error))
        except Exception as error:  # noqa: BLE001 - the evidence has to have any error
            # Only type and place: the text may quote what must not be in evidence.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{PurePath(frame.filename).name}, line {frame.lineno}"
            self.errors.append(f"{type(error).__name__} in {where}, which nobody foresaw")

    @contextmanager
    def optional_check(self, name: str, what: str, expected: str) -> Generator[None]:
        """Record an error of the block as a check that did not run; the scenario continues."""
        try:
            yield
        except (Failure, psycopg.Error) as error:
            self.checks.append(check_not_run(name, what, expected, error))

    def remove(self, folder: Path, kind: str) -> None:
        """Remove a folder of the drill, and record whether it is gone."""
        shutil.rmtree(folder, ignore_errors=True)
        proof = f"looked for the drill's folder {folder.name}"
        self.teardown += (TeardownResult(name=self.name, kind=kind, gone=not folder.exists(), proof=proof),)

    def check_removed(self, environment: DrillEnvironment) -> None:
        """Record whether the drill's resources are gone."""
        self.on_progress("looking for what is left")
        with self.capture_errors():
            self.teardown += environment.check_removed(self.name)

    def to_evidence(self) -> Scenario:
        return Scenario(
            kind=self.kind,
            stores=self._stores,
            service=self._service,
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
            negative_control=self.negative_control,
            teardown=self.teardown,
            not_tested=(*NOT_COVERED[self.kind], *self.not_tested),
            deviations=tuple(self.deviations),
            not_measured=self.not_measured,
            attempts=tuple(self.attempts),
            afterwards=tuple(self.afterwards),
            error="; ".join(self.errors),
        )

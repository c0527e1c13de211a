"""
`service`: a bad deployment takes a service down. It is seen from outside, paged, rolled back, and over.

Unlike every other drill it changes what it is about. So it writes down what it does before it does it, and
puts the service back however it ends; after a death of the process the next drill finds the note.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from core.documents import read_file, read_json
from core.failure import Failure
from recovery.drill.evidence import Check, NegativeControl, Scenario, TeardownResult, UntestedScope
from recovery.drill.scenario_run import OnProgress, ScenarioRun, cause_of

_STEADY_SECONDS: Final = 120.0
"""How long a monitor that does not see the service up is waited for, before and after the outage at least."""

_NOTE: Final = ".outage.json"
OUTAGE_NOTES: Final = f"*{_NOTE}"
"""Pattern of the notes in the drill's folder."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class ServicePage:
    """An incident at the pager."""

    id: str
    summary: str
    is_open: bool


class DrilledService(Protocol):
    """A service at its host, and what looks at it from outside. Its methods raise Failure."""

    name: str
    host: str
    bad: str
    """By which the bad deployment is known again: its commit or its id."""

    unpaged: str
    """Why no page can be looked for; empty if one can."""

    def find_deployment(self) -> str:
        """Return the id of the deployment in use, and nothing if there is none."""
        ...

    def deploy_bad(self) -> str:
        """Let the bad deployment run, and return what it is."""
        ...

    def roll_back(self, deployment: str) -> str:
        """Let a former deployment run, unless it does, and return the id of the record of that."""
        ...

    def find_trouble(self) -> str:
        """Ask the service itself, and return what is wrong with the answer; empty if it is healthy."""
        ...

    def find_seen_trouble(self) -> str:
        """Return what its monitor sees other than a healthy service; empty while it sees that."""
        ...

    def find_page(self) -> ServicePage | None:
        """Return the newest incident of the monitor since the bad deployment."""
        ...


class OutageNote(BaseModel):
    """What the next drill needs to put a service back."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    service: str
    deployment: str
    """Id of the deployment that ran before."""

    bad: str


def read_notes(folder: Path) -> Iterator[tuple[Path, OutageNote]]:
    """Yield the notes that interrupted drills have left, with their files. Raises DocumentError."""
    for file in sorted(folder.glob(OUTAGE_NOTES)):
        yield file, read_json(read_file(file), OutageNote)


@dataclass(frozen=True)
class OutageLimits:
    """How long an outage may take, and how often is looked; all in seconds."""

    objective: float
    """From the bad deployment until the service is healthy, and seen so."""

    loss_objective: float
    poll: float


def drill(
    service: DrilledService, folder: Path, *, limits: OutageLimits, on_progress: OnProgress
) -> Scenario:
    """
    Take a service down by a bad deployment, and measure until it is seen, paged, rolled back and healthy.

    Args:
        service: What is taken down, which must be healthy.
        folder: The drill's private folder; the note is there meanwhile.
        limits: The objective, and the pause between two looks.
        on_progress: Called with the name of each phase.
    """
    run = ScenarioRun(
        "service",
        stores=(),
        service=service.name,
        threat="A deployment does not work, and everybody who uses the service gets an error.",
        loss_objective_seconds=limits.loss_objective,
        on_progress=on_progress,
    )
    if service.unpaged:
        run.not_measured = ("paged",)
        run.not_tested.append(UntestedScope(what="the page: unknown", why=service.unpaged))
    with run.capture_errors():
        good = _require_healthy(run, service, limits)
        with _put_back(service, folder, good):
            _take_down(run, service, limits, good)
            _bring_back(run, service, limits, good)
        _look_what_is_left(run, service, limits, good)
    return run.to_evidence()


def _require_healthy(run: ScenarioRun, service: DrilledService, limits: OutageLimits) -> str:
    """Return the deployment in use. Raise Failure unless the service is healthy, and seen so."""
    run.on_progress("looking at the healthy service")
    good = service.find_deployment()
    trouble = "no deployment of it is in use" if not good else service.find_trouble()
    if not trouble and not _wait(run, limits, _STEADY_SECONDS, lambda: not service.find_seen_trouble()):
        trouble = f"its monitor sees it {service.find_seen_trouble()}"
    if trouble:
        raise Failure(
            f"{service.name} is not healthy before the drill, and nothing was changed: {trouble}.",
            "docs/runbooks/sev1.md says how it is rolled back; then drill again.",
        )
    run.add_checks([_compare("the service before", "its address and its monitor", "healthy", "healthy")])
    return good


@contextmanager
def _put_back(service: DrilledService, folder: Path, good: str) -> Generator[None]:
    """Put the service back whatever happens in the block, with a note of it as long as it is not."""
    note = folder / f"{service.name}{_NOTE}"
    partial = note.with_suffix(".partial")
    partial.touch(mode=0o600)
    content = OutageNote(service=service.name, deployment=good, bad=service.bad).model_dump_json()
    partial.write_text(content)
    partial.replace(note)
    try:
        yield
    finally:
        try:
            if service.find_deployment() != good:
                service.roll_back(good)
        except Failure as failure:
            raise Failure(
                f"{service.name} may run the bad deployment still ({cause_of(failure)}): "
                f"./bulwark respond roll-back {service.name} --deployment {good}",
                "or drill again, which puts it back first.",
            ) from None
        note.unlink()


def _take_down(run: ScenarioRun, service: DrilledService, limits: OutageLimits, good: str) -> None:
    run.declare()
    with run.clock.phase("bad deployment"):
        bad = service.deploy_bad()
    with run.clock.phase("detection"):
        seen = _wait(run, limits, limits.objective - run.clock.seconds(), service.find_seen_trouble)
    if seen:
        run.milestone("detected", limits.objective)
    answered = service.find_trouble()
    found = (f"the address: {answered}" if answered else "", f"the monitor: {seen}" if seen else "")
    run.negative_control = NegativeControl(
        damage=f"{bad} in place of {good}", found=tuple(filter(None, found))
    )
    if not service.unpaged:
        with run.clock.phase("page"):
            page = _wait(run, limits, limits.objective - run.clock.seconds(), service.find_page)
        if page:
            run.milestone(
                "paged", limits.objective, how=f"the pager has the incident {page.id}: {page.summary}"
            )


def _bring_back(run: ScenarioRun, service: DrilledService, limits: OutageLimits, good: str) -> None:
    with run.clock.phase("rollback"):
        record = service.roll_back(good)
    run.milestone(
        "rolled_back", limits.objective, how=f"{service.host} has {good} in use again; response {record}"
    )
    left = max(limits.objective - run.clock.seconds(), _STEADY_SECONDS)
    with run.clock.phase("health"):
        is_healthy = _wait(run, limits, left, lambda: not service.find_trouble())
    if is_healthy:
        run.milestone("health", limits.objective, how="the service answered as its check demands")
    with run.clock.phase("health, seen from outside"):
        is_seen = _wait(run, limits, left, lambda: not service.find_seen_trouble())
    if is_seen:
        run.milestone("verified", limits.objective, how="its monitor saw the service up again")


def _look_what_is_left(run: ScenarioRun, service: DrilledService, limits: OutageLimits, good: str) -> None:
    run.on_progress("looking for what is left")
    active = service.find_deployment()
    run.add_checks(
        [_compare("the deployment in use", f"the deployments at {service.host}", good, active or "none")]
    )
    run.teardown += (
        TeardownResult(
            name=service.bad,
            kind="bad deployment",
            gone=active == good,
            proof=f"{service.host} has {active or 'none'} in use",
        ),
    )
    if "paged" in run.times:
        is_over = _wait(
            run, limits, _STEADY_SECONDS, lambda: (page := service.find_page()) and not page.is_open
        )
        proof = f"the pager says that it is {'over' if is_over else 'open'}"
        run.teardown += (TeardownResult(name=service.name, kind="page of", gone=bool(is_over), proof=proof),)


def _wait(run: ScenarioRun, limits: OutageLimits, seconds: float, look: Callable[[], _T]) -> _T | None:
    """Look until there is something, and once at least; None if there is nothing within the time."""
    deadline, trouble = time.monotonic() + seconds, ""
    while True:
        try:
            if found := look():
                return found
            trouble = ""
        except Failure as failure:
            # A vendor's API that is out for a moment; what it would have said stays unknown until it answers.
            trouble = cause_of(failure)
        if time.monotonic() > deadline:
            if trouble:
                run.deviations.append(f"unknown at the last look: {trouble}")
            return None
        time.sleep(limits.poll)


def _compare(name: str, what: str, expected: str, actual: str) -> Check:
    outcome = "passed" if expected == actual else "failed"
    return Check(name=name, what=what, expected=expected, actual=actual, outcome=outcome)

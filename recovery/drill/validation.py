"""What is done with a recovered database, wherever it came from: asked, run on, compared, and damaged."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from recovery.drill import negative_control, smoke_tests
from recovery.drill.comparison import compared
from recovery.drill.environment import DrillEnvironment, RecoveredDatabase
from recovery.drill.evidence import Untested
from recovery.drill.safety import read_only, require_throw_away
from recovery.drill.scenario_run import OnProgress, ScenarioRun
from recovery.drill.terms import DrillSpec
from recovery.manifest import Checksums
from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import snapshot

Expected = Callable[[Checksums], tuple[Checksums, Checksums, list[str]]]
"""Given what was found: what to expect, what of the found to compare with it, and what can't be known."""


@dataclass(frozen=True)
class DrillContext:
    """What every scenario of the database needs."""

    source_url: str = field(repr=False)
    """The platform's database, by an address with which the server refuses writes."""

    terms: DrillSpec
    place: DrillEnvironment
    told: OnProgress = lambda _: None


@contextmanager
def removing(attempt: ScenarioRun) -> Generator[ExitStack]:
    """Time the removal, at the end, of what is entered into the stack."""
    with ExitStack() as made:
        try:
            yield made
        finally:
            with attempt.clock.phase("remove"):
                made.close()


def query(attempt: ScenarioRun, copy: RecoveredDatabase, drilled: DrillContext) -> None:
    """Read the newest change: the first query that the application role is answered. It can't write."""
    terms = drilled.terms
    attempt.newest_change_how = terms.newest_change
    with attempt.clock.phase("first query"):
        url = read_only(copy.application_url)
        attempt.newest_change = smoke_tests.newest_change(url, terms.newest_change)
    attempt.milestone("first_query", terms.objectives.critical)


def start_application(attempt: ScenarioRun, copy: RecoveredDatabase, drilled: DrillContext) -> None:
    """Start the platform's program on it."""
    terms = drilled.terms
    with (
        attempt.optional_check("the platform's health", terms.application.health, "200"),
        attempt.clock.phase("start the platform"),
        smoke_tests.healthy(terms.application, copy.application_url, scope=drilled.place.scope),
    ):
        attempt.milestone("health", terms.objectives.critical)


def verified(
    attempt: ScenarioRun, copy: RecoveredDatabase, drilled: DrillContext, expected: Expected
) -> Checksums:
    """Compare everything, ask every assertion, and try a write; return what is in the copy."""
    terms = drilled.terms
    with attempt.clock.phase("verify"):
        with snapshot(copy.owner_url) as shot:
            whole = compute_checksums(copy.owner_url, shot)
        wanted, found, busy = expected(whole)
        attempt.check(compared(wanted, found))
        attempt.check(smoke_tests.answers(copy.application_url, terms))
    attempt.milestone("verified", terms.objectives.recovery)
    attempt.not_tested += [
        Untested(what=f"every row of {table}", why="it was written to again and again around that instant")
        for table in busy
    ]
    return whole


def run_negative_control(
    attempt: ScenarioRun, copy: RecoveredDatabase, drilled: DrillContext, found: Checksums
) -> None:
    """Damage the copy, and have that found."""
    with (
        attempt.optional_check("all damage to a copy is found", "a damaged copy", "everything found"),
        attempt.clock.phase("negative control"),
    ):
        attempt.control, check = negative_control.control(
            copy, drilled.source_url, found, drilled.terms.application_role
        )
        attempt.check([check])


def validate(
    attempt: ScenarioRun, copy: RecoveredDatabase, drilled: DrillContext, expected: Expected
) -> None:
    """Do all of the above in the order of a real recovery: the platform is back before all is verified."""
    query(attempt, copy, drilled)
    require_throw_away(copy, drilled.source_url)
    start_application(attempt, copy, drilled)
    require_throw_away(copy, drilled.source_url)
    found = verified(attempt, copy, drilled, expected)
    run_negative_control(attempt, copy, drilled, found)

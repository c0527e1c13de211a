"""Validation of a recovered database: first query, start of the application, comparison, negative control."""

from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from recovery.attestation import Trust
from recovery.drill import in_place_restore, negative_control, smoke_tests
from recovery.drill.comparison import Expectation, compare
from recovery.drill.environment import DrillEnvironment, RecoveredDatabase
from recovery.drill.evidence import UntestedScope
from recovery.drill.safety import read_only_url, require_throw_away
from recovery.drill.scenario_run import OnProgress, ScenarioRun
from recovery.drill.spec import DrillSpec
from recovery.manifest import Checksums
from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import take_snapshot
from recovery.store import StoreName

ExpectationOf = Callable[[Checksums], Expectation]
"""Returns the expectation for the checksums of a recovered database."""


@dataclass(frozen=True)
class DrillContext:
    """What every scenario of one store needs."""

    store: StoreName
    """The store that is recovered."""

    source_url: str = field(repr=False)
    """URL of the platform's database with which the server refuses writes; empty if it is not known."""

    spec: DrillSpec
    trust: Trust
    environment: DrillEnvironment
    on_progress: OnProgress = lambda _: None


@contextmanager
def time_removal(run: ScenarioRun) -> Generator[ExitStack]:
    """Give an ExitStack; close it at the end, and record the time of that as a phase."""
    with ExitStack() as resources:
        try:
            yield resources
        finally:
            with run.clock.phase("remove"):
                resources.close()


def query(run: ScenarioRun, database: RecoveredDatabase, context: DrillContext) -> None:
    """Read the time of the newest change: the first query, read-only, as the application role."""
    spec = context.spec
    with run.clock.phase("first query"):
        url = read_only_url(database.application_url)
        if spec.newest_change:
            run.newest_change_how = spec.newest_change
            run.newest_change = smoke_tests.read_newest_change(url, spec.newest_change)
        else:
            smoke_tests.count_tables(url)
            run.count_loss_from_snapshot()
    run.milestone("first_query", spec.objectives.critical)


def start_application(run: ScenarioRun, database: RecoveredDatabase, context: DrillContext) -> None:
    """Start the platform's program on the recovered database, and wait until it is healthy."""
    spec = context.spec
    if not spec.application:
        run.leave_out_health()
        return
    with (
        run.optional_check("the platform's health", spec.application.health, "200"),
        run.clock.phase("start the platform"),
        smoke_tests.start_application(
            spec.application, database.application_url, scope=context.environment.scope
        ),
    ):
        run.milestone("health", spec.objectives.critical)


def verify(
    run: ScenarioRun, database: RecoveredDatabase, context: DrillContext, expectation_of: ExpectationOf
) -> Checksums:
    """Compare all checksums, run the assertions, try a write; return the checksums."""
    spec = context.spec
    with run.clock.phase("verify"):
        with take_snapshot(database.owner_url) as snapshot:
            checksums = compute_checksums(database.owner_url, snapshot)
        expected, comparable, unknown = expectation_of(checksums)
        run.add_checks(compare(expected, comparable))
        run.add_checks(smoke_tests.run_assertions(database.application_url, spec))
    run.milestone("verified", spec.objectives.recovery)
    run.not_tested += [
        UntestedScope(
            what=f"every row of {table}", why="it was written to again and again around that instant"
        )
        for table in unknown
    ]
    return checksums


def run_negative_control(
    run: ScenarioRun, database: RecoveredDatabase, context: DrillContext, checksums: Checksums
) -> None:
    """Damage the recovered database, and record whether the comparison finds the damage."""
    with (
        run.optional_check("all damage to a copy is found", "a damaged copy", "everything found"),
        run.clock.phase("negative control"),
    ):
        run.negative_control, check = negative_control.damage_and_verify(
            database, context.source_url, checksums, context.spec.application_role
        )
        run.add_checks([check])


def validate(
    run: ScenarioRun,
    database: RecoveredDatabase,
    context: DrillContext,
    expectation_of: ExpectationOf,
    *,
    in_place: bool = False,
) -> None:
    """
    Run all steps in the order of a real recovery: the platform starts before everything is verified.

    With `in_place` the copy, which the negative control has damaged, is restored in place at the end.
    """
    query(run, database, context)
    require_throw_away(database, context.source_url)
    start_application(run, database, context)
    require_throw_away(database, context.source_url)
    checksums = verify(run, database, context, expectation_of)
    with _copy_to_keep(run, database) as put_in_place:
        run_negative_control(run, database, context, checksums)
        if in_place:
            in_place_restore.rehearse(run, database, context.source_url, checksums)
        if put_in_place and _has_passed(run):
            with run.clock.phase("put it in place"):
                run.deviations.append(put_in_place())
        elif database.copy_to_keep:
            run.deviations.append("nothing was replaced, because not every check passed")


@contextmanager
def _copy_to_keep(run: ScenarioRun, database: RecoveredDatabase) -> Generator[Callable[[], str] | None]:
    """Copy a database that is to stay, if it passed so far: the next step damages it."""
    if not database.copy_to_keep or not _has_passed(run):
        yield None
        return
    with ExitStack() as copy:
        with run.clock.phase("copy it"):
            put_in_place = copy.enter_context(database.copy_to_keep())
        yield put_in_place


def _has_passed(run: ScenarioRun) -> bool:
    return all(check.outcome == "passed" for check in run.checks)

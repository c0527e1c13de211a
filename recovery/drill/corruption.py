"""`corruption`: a bad write at a known moment. The history is branched as of the second before it."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal

from core.failure import Failure
from recovery.drill.comparison import Bracket, expect_at_instant
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import RecoveryPoint, Scenario
from recovery.drill.scenario_run import ScenarioRun
from recovery.drill.validation import DrillContext, time_removal, validate
from recovery.manifest import Checksums, Manifest
from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import Snapshot, fetch_one_row, take_snapshot

_POLL_SECONDS: Final = 0.02
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Instant:
    """The whole second as of which the database is recovered, and the checksums around it."""

    at: datetime
    choice: Literal["newest", "random", "chosen"]
    bracket: Bracket


def drill(
    context: DrillContext,
    backups: Sequence[Manifest],
    *,
    history: timedelta,
    at: datetime | None = None,
    at_random: bool = False,
    in_place: bool = False,
) -> Scenario:
    """
    Recover the database as of an instant of its history, and validate it.

    Args:
        context: The database, and the specification of the drill.
        backups: Whole backups of the database; a past instant is compared with those before and after it.
        history: How long the vendor keeps the history.
        at: The moment of the bad write; now by default.
        at_random: Draw a moment between the oldest backup within the history and now.
        in_place: Rehearse on the branch, once it is damaged, that the vendor restores it in place.
    """
    run = ScenarioRun(
        "corruption",
        stores=(context.store,),
        threat="A bad write, such as a migration that went wrong, at a known moment.",
        loss_objective_seconds=context.spec.objectives.history_loss,
        on_progress=context.on_progress,
    )
    with run.capture_errors(), ExitStack() as stack:
        run.on_progress("taking the checksums to compare with")
        if at:
            instant = _choose_past(context, stack, _last_second_before(at), "chosen", backups)
        elif at_random:
            instant = _choose_past(context, stack, _draw_instant(backups, history), "random", backups)
        else:
            instant = _choose_now(context, stack)
        with time_removal(run) as resources:
            run.on_progress("making the drill's stack ready")
            # Not timed, as only a drill needs it: by hand, a branch is one request to the vendor.
            branch = resources.enter_context(context.environment.prepare_branch(run.name))
            run.declare(at or instant.at)
            _recover(run, context, instant, branch, in_place=in_place)
    run.check_removed(context.environment)
    return run.to_evidence()


def _recover(
    run: ScenarioRun,
    context: DrillContext,
    instant: Instant,
    branch: Callable[[datetime], RecoveredDatabase],
    *,
    in_place: bool,
) -> None:
    with run.clock.phase("branch the history"):
        database = branch(instant.at)
    run.recovery_point = RecoveryPoint(
        path="history", id=run.name, as_of=instant.at, choice=instant.choice, held=None
    )
    validate(
        run,
        database,
        context,
        lambda checksums: expect_at_instant(instant.bracket, checksums),
        in_place=in_place,
    )


def _last_second_before(bad_write: datetime) -> datetime:
    """Return the last whole second before a bad write. The vendor takes whole seconds, inclusively."""
    second = bad_write.replace(microsecond=0)
    return second - _SECOND if second == bad_write else second


def _choose_now(context: DrillContext, stack: ExitStack) -> Instant:
    """Choose the next whole second of the server's clock, and take a snapshot before and after it."""
    before = stack.enter_context(take_snapshot(context.source_url))
    at = before.taken_at.replace(microsecond=0) + _SECOND
    while _server_time(before) <= at:
        time.sleep(_POLL_SECONDS)
    after = stack.enter_context(take_snapshot(context.source_url))
    # The checksums are read before the recovery begins, so that reading them does not slow it down.
    return Instant(
        at,
        "newest",
        Bracket(compute_checksums(context.source_url, before), partial(_read_after, context, after)),
    )


def _choose_past(
    context: DrillContext,
    stack: ExitStack,
    at: datetime,
    choice: Literal["random", "chosen"],
    backups: Sequence[Manifest],
) -> Instant:
    """Return an instant between the last backup before it and the first one after it, or the database now."""
    earlier = [backup for backup in backups if backup.snapshot_at <= at]
    later = [backup for backup in backups if backup.snapshot_at > at]
    if not earlier:
        raise Failure(
            f"No backup from {at:%Y-%m-%d %H:%M:%S} UTC or before tells what the database has to look like.",
            "choose a later moment; ./bulwark backups lists what there is.",
        )
    before = max(earlier, key=lambda backup: backup.snapshot_at).figures
    if later:
        after = min(later, key=lambda backup: backup.snapshot_at).figures
        return Instant(at, choice, Bracket(before, lambda _: after))
    shot = stack.enter_context(take_snapshot(context.source_url))
    return Instant(at, choice, Bracket(before, partial(_read_after, context, shot)))


def _draw_instant(backups: Sequence[Manifest], history: timedelta) -> datetime:
    now = datetime.now(UTC)
    moments = [backup.snapshot_at for backup in backups if backup.snapshot_at > now - history]
    if not moments:
        raise Failure(
            "There is no backup within the database's history to compare a random moment with.",
            "make one (./bulwark backup), or drill without --random.",
        )
    oldest = min(moments)
    instant = _last_second_before(oldest + (now - oldest) * random.SystemRandom().random())
    return instant if instant > oldest else oldest.replace(microsecond=0) + _SECOND


def _read_after(context: DrillContext, shot: Snapshot, tables: tuple[str, ...]) -> Checksums:
    try:
        return compute_checksums(context.source_url, shot, tables=tables)
    except Failure:
        if not tables:
            raise
        # One of the tables was dropped meanwhile.
        return compute_checksums(context.source_url, shot)


def _server_time(shot: Snapshot) -> datetime:
    return fetch_one_row(shot.connection, "SELECT clock_timestamp()")[0].astimezone(UTC)

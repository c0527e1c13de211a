"""`corruption`: a bad write at a known moment. The database is branched at the instant before it."""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Literal

from core.failure import Failure
from recovery.drill.comparison import Bracket, between
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import RecoveryPoint, Scenario
from recovery.drill.scenario_run import ScenarioRun
from recovery.drill.validation import DrillContext, removing, validate
from recovery.manifest import Checksums, Manifest
from recovery.postgres.checksums import compute_checksums
from recovery.postgres.snapshot import Snapshot, only, snapshot

_POLL_SECONDS: Final = 0.02
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Instant:
    """A whole second up to which everything committed is to come back, and what that has to look like."""

    at: datetime
    choice: Literal["newest", "random", "chosen"]
    bracket: Bracket


def drill(
    drilled: DrillContext,
    backups: Sequence[Manifest],
    *,
    history: timedelta,
    at: datetime | None = None,
    at_random: bool = False,
) -> Scenario:
    """
    Recover the database as it was at an instant of its history, and look at it.

    Args:
        drilled: The database, and what is asked of its copy.
        backups: Of the whole database; a past instant is compared with those around it.
        history: How far back the vendor can go.
        at: The moment of the bad write; without it the incident is now.
        at_random: Choose a moment between the oldest backup within the history and now.
    """
    attempt = ScenarioRun(
        "corruption",
        stores=("database",),
        threat="A bad write, such as a migration that went wrong, at a known moment.",
        loss_objective_seconds=drilled.terms.objectives.history_loss,
        told=drilled.told,
    )
    with attempt.capture_errors(), ExitStack() as stack:
        attempt.told("taking what it is compared with")
        if at:
            instant = _past(drilled, stack, _before(at), "chosen", backups)
        elif at_random:
            instant = _past(drilled, stack, _drawn(backups, history), "random", backups)
        else:
            instant = _now(drilled, stack)
        with removing(attempt) as made:
            attempt.told("making the drill's stack ready")
            # What only a drill needs is no part of the recovery: by hand, a branch is one call to the vendor.
            branch = made.enter_context(drilled.place.branching(attempt.name))
            attempt.declare(at or instant.at)
            _recover(attempt, drilled, instant, branch)
    attempt.look_for_remains(drilled.place)
    return attempt.scenario()


def _recover(
    attempt: ScenarioRun,
    drilled: DrillContext,
    instant: Instant,
    branch: Callable[[datetime], RecoveredDatabase],
) -> None:
    with attempt.clock.phase("branch the history"):
        copy = branch(instant.at)
    attempt.recovery_point = RecoveryPoint(
        path="history", id=attempt.name, as_of=instant.at, choice=instant.choice, held=None
    )
    validate(attempt, copy, drilled, lambda found: between(instant.bracket, found))


def _before(bad_write: datetime) -> datetime:
    """Return the last whole second before it: the vendor takes no finer one, and recovers it inclusively."""
    second = bad_write.replace(microsecond=0)
    return second - _SECOND if second == bad_write else second


def _now(drilled: DrillContext, stack: ExitStack) -> Instant:
    """Choose the next whole second of the server's clock, and take a snapshot on either side of it."""
    before = stack.enter_context(snapshot(drilled.source_url))
    at = before.taken_at.replace(microsecond=0) + _SECOND
    while _clock(before) <= at:
        time.sleep(_POLL_SECONDS)
    after = stack.enter_context(snapshot(drilled.source_url))
    # Read before the recovery begins: what it takes is no part of that, and would slow it down.
    return Instant(
        at, "newest", Bracket(compute_checksums(drilled.source_url, before), partial(_after, drilled, after))
    )


def _past(
    drilled: DrillContext,
    stack: ExitStack,
    at: datetime,
    choice: Literal["random", "chosen"],
    backups: Sequence[Manifest],
) -> Instant:
    """Compare with the last backup before, and with the first one after or the database as it is now."""
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
    shot = stack.enter_context(snapshot(drilled.source_url))
    return Instant(at, choice, Bracket(before, partial(_after, drilled, shot)))


def _drawn(backups: Sequence[Manifest], history: timedelta) -> datetime:
    now = datetime.now(UTC)
    kept = [backup.snapshot_at for backup in backups if backup.snapshot_at > now - history]
    if not kept:
        raise Failure(
            "There is no backup within the database's history to compare a random moment with.",
            "make one (./bulwark backup), or drill without --random.",
        )
    oldest = min(kept)
    drawn = oldest + (now - oldest) * random.SystemRandom().random()
    return _before(drawn) if _before(drawn) > oldest else oldest.replace(microsecond=0) + _SECOND


def _after(drilled: DrillContext, shot: Snapshot, tables: tuple[str, ...]) -> Checksums:
    try:
        return compute_checksums(drilled.source_url, shot, selected=tables)
    except Failure:
        if not tables:
            raise
        # One of them was dropped meanwhile.
        return compute_checksums(drilled.source_url, shot)


def _clock(shot: Snapshot) -> datetime:
    return only(shot.connection, "SELECT clock_timestamp()")[0].astimezone(UTC)

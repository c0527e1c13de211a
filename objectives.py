"""
Recovery arithmetic: what a schedule promises, and what an objective allows.

Pure functions, known to components and policies alike; nothing here knows of Pulumi.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile

from cronsim import CronSim, CronSimError

_REFERENCE = datetime(2024, 1, 1, tzinfo=UTC)  # a leap year's first day, a Monday
_HORIZON = _REFERENCE + timedelta(days=5 * 366)  # two leap days are in
_SAMPLE = 1_500  # runs looked at, at most: over four years of daily ones
_FIELDS = 5


class ScheduleError(ValueError):
    """A schedule that is no five-field cron expression, or one that never runs."""


@cache
def longest_gap(schedule: str) -> timedelta:
    """
    Return the longest time between two runs of a cron schedule in UTC.

    Raises:
        ScheduleError: for text that is not a five-field cron expression, or that runs less than twice.
    """
    if len(schedule.split()) != _FIELDS:
        raise ScheduleError(f"{schedule!r} is not a cron schedule of five fields")
    try:
        within = takewhile(lambda run: run < _HORIZON, CronSim(schedule, _REFERENCE))
        runs = list(islice(within, _SAMPLE))
    except CronSimError as error:
        raise ScheduleError(f"{schedule!r} is not a cron schedule ({error})") from error
    gaps = [later - earlier for earlier, later in pairwise(runs)]
    if not gaps:
        raise ScheduleError(f"{schedule!r} never runs twice")
    return max(gaps)


def worst_case_loss(
    schedule: str, *, longest_run: timedelta, lateness: timedelta, replication: timedelta = timedelta()
) -> timedelta:
    """
    Return how much data is lost if disaster strikes just before a backup completes.

    The last good copy shows the moment at which its run began. Until the next one is in, a whole gap of
    the schedule passes, the lateness that its heartbeat tolerates, the run, and the way to the replica.
    """
    return longest_gap(schedule) + lateness + longest_run + replication


def detection_time(*, interval: timedelta, timeout: timedelta, confirmations: int = 1) -> timedelta:
    """Return how long an outage can last before its alert: one interval, then each look's full timeout."""
    return interval + timeout * (1 + confirmations)


def spoken(duration: timedelta) -> str:
    """Write a duration as a person says it: `1 d 2 h`, `45 min`, `30 s`."""
    seconds = int(duration.total_seconds())
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"

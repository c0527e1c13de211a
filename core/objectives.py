"""
Recovery arithmetic: the loss that a backup schedule allows, and the time until an outage is noticed.

Pure functions without Pulumi, which components and policies share.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise

from cronsim import CronSim, CronSimError

_FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)  # of a leap year
_DAYS = 5 * 366  # two leap days are among them
_FIELDS = 5


class ScheduleError(ValueError):
    """A schedule is not a cron expression of five fields, or never runs."""


@cache
def longest_gap(schedule: str) -> timedelta:
    """
    Return the longest time between two runs of a cron schedule in UTC, within five years.

    Raises:
        ScheduleError: the text is not a cron expression of five fields, or the schedule runs less than twice.
    """
    if len(schedule.split()) != _FIELDS:
        raise ScheduleError(f"{schedule!r} is not a cron schedule of five fields")
    try:
        cron = CronSim(schedule, _FIRST_DAY)
    except CronSimError as error:
        raise ScheduleError(f"{schedule!r} is not a cron schedule ({error})") from error
    # A schedule runs at the same times on each of its days, so no run has to be stepped through.
    times = [
        timedelta(hours=hour, minutes=minute)
        for hour in sorted(cron.hours)
        for minute in sorted(cron.minutes)
    ]
    calendar = (_FIRST_DAY + timedelta(days=number) for number in range(_DAYS))
    days = [day for day in calendar if day.month in cron.months and cron.match_day(day)]
    within = [later - earlier for earlier, later in pairwise(times)] if days else []
    between = [(later + times[0]) - (earlier + times[-1]) for earlier, later in pairwise(days)]
    if not within and not between:
        raise ScheduleError(f"{schedule!r} never runs twice")
    return max(within + between)


def worst_case_loss(
    schedule: str, *, longest_run: timedelta, lateness: timedelta, replication: timedelta = timedelta()
) -> timedelta:
    """
    Return the loss if the database is lost just before a backup completes.

    The last complete backup shows the moment at which its run began. Until the next backup is complete, four
    times add up: the longest gap of the schedule, the lateness that its heartbeat tolerates, the run, and
    the replication.
    """
    return worst_case_age(schedule, longest_run=longest_run, lateness=lateness) + replication


def worst_case_age(schedule: str, *, longest_run: timedelta, lateness: timedelta) -> timedelta:
    """Return how old the last result of a job can be just before the next run completes."""
    return longest_gap(schedule) + lateness + longest_run


def detection_time(*, interval: timedelta, timeout: timedelta, confirmations: int = 1) -> timedelta:
    """Return the longest time from an outage to its alert: one interval, then the timeout of each probe."""
    return interval + timeout * (1 + confirmations)


def format_duration(duration: timedelta) -> str:
    """Return a duration as text, such as `1 d 2 h`, `45 min` or `30 s`."""
    seconds = int(duration.total_seconds())
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"

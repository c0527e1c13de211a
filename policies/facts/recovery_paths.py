"""
Recovery paths: the independent backups of each store, and the worst-case data loss of each.

The last good copy shows the store as it was when its run began. In the worst case the next run starts as late
and takes as long as it may, and the store is lost just before that copy reaches the last bucket:

    gap of the schedule + lateness + longest run + replication time

If the next run fails or never starts, nobody acts until a monitor's first alarm. If that comes later than the
sum above, the difference is added. UptimeRobot counts from the last ping, at the end of the last run: its
alarm comes `longest run + interval + grace` after the last good copy began, plus the delay of the contact.
Sentry counts by the schedule: its alarm comes `gap + margin + longest run that it allows` after that.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from policies.facts.alert_contacts import alert_delay
from policies.facts.buckets import Buckets
from policies.facts.jobs import (
    NO_SCHEDULE,
    backup_jobs_of,
    copies_of,
    cron_monitors_of,
    gap_of,
    heartbeats_of,
)
from policies.framework.messages import Message, duration, join_messages, message
from policies.framework.property_values import Absent, Known, PropertyValue
from policies.framework.rule import accept_any, expect, expect_value, in_range, one_of
from policies.framework.stack import PolicyStack, Resource

_OBJECTIVES: Final = "objectives"
_MOST_FAILURES: Final = 720
"""The largest failureIssueThreshold that Sentry accepts."""

_YEAR_MINUTES: Final = 366 * 24 * 60
_YEAR_SECONDS: Final = _YEAR_MINUTES * 60
"""A longer duration counts as not declared."""


@dataclass(frozen=True)
class Term:
    """One summand of the worst-case loss."""

    what: str
    length: timedelta


@dataclass(frozen=True)
class RecoveryPath:
    """The copies of one backup job. `problems` are the reasons why its loss can't be computed."""

    job: Resource
    terms: tuple[Term, ...]
    problems: tuple[Message, ...]
    retention_days: float | None
    copies: tuple[Resource, ...]

    @property
    def loss(self) -> timedelta:
        return sum((term.length for term in self.terms), timedelta())

    @property
    def arithmetic(self) -> Message:
        """The sum as text: `1 d between runs + 2 h lateness + ... = 1 d 3 h`."""
        parts = " + ".join(f"{duration(term.length).text} {term.what}" for term in self.terms if term.length)
        return Message(f"{parts} = {duration(self.loss).text}")

    def document(self) -> dict[str, Any]:
        """Return it for a report, durations in seconds. The loss has no meaning if `lacking` is not empty."""
        return {
            "by": self.job.name,
            "terms": [{"what": term.what, "seconds": term.length.total_seconds()} for term in self.terms],
            "loss_seconds": self.loss.total_seconds(),
            "arithmetic": self.arithmetic.text,
            "lacking": join_messages(self.problems).text,
            "retention_days": self.retention_days,
            "copies": [bucket.name for bucket in self.copies],
        }


@dataclass(frozen=True)
class RunTimes:
    """The times of a job: how long between two runs, how late a run may be, and how long it may take."""

    gap: timedelta
    lateness: timedelta
    longest_run: timedelta

    @property
    def total(self) -> timedelta:
        """The age of the last result just before the next run completes."""
        return self.gap + self.lateness + self.longest_run


def read_run_times(job: Resource) -> tuple[RunTimes | None, list[Message]]:
    """Return the times that a job publishes, or None and what is missing."""
    gap = _gap_in(job.at("schedule"))
    lateness, run = _minutes_in(job.at("latenessMinutes")), _minutes_in(job.at("longestRunMinutes"))
    problems = [
        *expect(job, "schedule", _is_schedule, NO_SCHEDULE),
        *expect(job, "latenessMinutes", _fits_minutes, "does not say how late it may be"),
        *expect(job, "longestRunMinutes", _fits_minutes, "does not say how long it may run"),
    ]
    if gap is None or lateness is None or run is None:
        return None, problems
    return RunTimes(gap, lateness, run), problems


def recovery_paths_of(store: Resource, stack: PolicyStack) -> list[RecoveryPath]:
    """Return the recovery paths that don't need the store's own vendor."""
    paths = stack.view(_PathIndex)
    return [paths.path_of(job) for job in backup_jobs_of(store, stack)]


class _PathIndex:
    """The recovery path of each job, computed once."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._paths: dict[str, RecoveryPath] = {}
        self._replication_times = _read_replication_times(stack)

    def path_of(self, job: Resource) -> RecoveryPath:
        if job.urn not in self._paths:
            self._paths[job.urn] = self._compute(job)
        return self._paths[job.urn]

    def _compute(self, job: Resource) -> RecoveryPath:
        retention = _number_in(job.at("retentionDays"), 0, float("inf"))
        buckets = tuple(copies_of(job, self._stack))
        replications = [
            self._replication_times[bucket.urn] for bucket in buckets if bucket.urn in self._replication_times
        ]
        times, problems = read_run_times(job)
        problems += [problem for _, unpromised in replications for problem in unpromised]
        if times is None:
            return RecoveryPath(job, (), tuple(problems), retention, buckets)
        terms = [
            Term("between runs", times.gap),
            Term("lateness", times.lateness),
            Term("longest run", times.longest_run),
            Term("to the replica", max((time for time, _ in replications), default=timedelta())),
        ]
        next_copy = sum((term.length for term in terms), timedelta())
        alarms = list(_alarm_times(job, self._stack, run=times.longest_run))
        no_alarm = [message("nobody is told when {job} does not run", job=job)]
        problems += accept_any((alarm_problems for _, alarm_problems in alarms), no_alarm)
        usable = [time for time, alarm_problems in alarms if not alarm_problems]
        noticed_later = max(min(usable, default=timedelta()) - next_copy, timedelta())
        terms.append(Term("until a missed run is noticed", noticed_later))
        return RecoveryPath(job, tuple(terms), tuple(problems), retention, buckets)


def _alarm_times(
    job: Resource, stack: PolicyStack, *, run: timedelta
) -> Iterator[tuple[timedelta, list[Message]]]:
    """Yield the time from the start of the last good copy to each monitor's alarm, and its problems."""
    for heartbeat in heartbeats_of(job, stack):
        interval, grace = _seconds_in(heartbeat.at("interval")), _seconds_in(heartbeat.at("gracePeriod"))
        delay, delay_problems = alert_delay(heartbeat)
        problems = [
            *expect(heartbeat, "isPaused", one_of(False), "must declare isPaused false"),
            *expect(heartbeat, "interval", _fits_seconds, "has no interval"),
            *expect(heartbeat, "gracePeriod", _fits_seconds, "has no gracePeriod"),
            *delay_problems,
        ]
        yield (interval or timedelta()) + (grace or timedelta()) + run + delay, problems
    for cron in cron_monitors_of(job, stack):
        gap = _gap_in(cron.at("schedule", "crontab"))
        margin = _minutes_in(cron.at("checkinMarginMinutes"))
        longest = _minutes_in(cron.at("maxRuntimeMinutes"))
        problems = [
            *expect(cron, "enabled", one_of(True), "must declare enabled true"),
            *expect(cron, "schedule.crontab", _is_schedule, "has no crontab"),
            *expect(cron, "checkinMarginMinutes", _fits_minutes, "has no checkinMarginMinutes"),
            *expect(cron, "maxRuntimeMinutes", _fits_minutes, "has no maxRuntimeMinutes"),
            *_check_failure_threshold(cron),
        ]
        failures = _number_in(cron.at("failureIssueThreshold"), 1, _MOST_FAILURES) or 1
        time = (gap or timedelta()) * failures + (margin or timedelta()) + (longest or timedelta())
        yield time, problems


def _check_failure_threshold(cron: Resource) -> list[Message]:
    """Check the number of failures before an alarm. Sentry's default is one."""
    if isinstance(cron.at("failureIssueThreshold"), Absent):
        return []
    fits = in_range(1, _MOST_FAILURES)
    return expect(cron, "failureIssueThreshold", fits, "has no usable failureIssueThreshold")


def _read_replication_times(stack: PolicyStack) -> dict[str, tuple[timedelta, list[Message]]]:
    """Return the longest promised replication time into each replica, by URN, and why it is not promised."""
    longest: dict[str, tuple[timedelta, list[Message]]] = {}
    unpromised = "does not promise when a copy is in the replica"
    for _, replication, target in stack.view(Buckets).replications:
        time, problems = longest.get(target.urn, (timedelta(), []))
        for rule in replication.at("rules").each():
            promise = rule.at("destination", "replicationTime")
            minutes, path = promise.at("time", "minutes"), "rules.destination.replicationTime"
            time = max(time, _minutes_in(minutes) or timedelta())
            problems = [
                *problems,
                *expect_value(promise.at("status"), replication, path, one_of("Enabled"), unpromised),
                *expect_value(minutes, replication, path, _fits_minutes, unpromised),
            ]
        longest[target.urn] = time, problems
    return longest


def read_objective(
    store: Resource, stack: PolicyStack, name: str, ceiling: float
) -> tuple[float, list[Message]]:
    """
    Return an objective of a store, in its unit, and why the published one can't be read.

    It is the smaller of the pack's `ceiling` and what is published: platforms can only be stricter. What the
    jobs that back the store up publish holds in place of what the platform does.
    """
    own = [job for job in backup_jobs_of(store, stack) if job.at(_OBJECTIVES, name) != Absent()]
    numbers, problems = _read_published(own or stack.view(_find_platforms), name)
    return min([ceiling, *numbers]), problems


def read_assumption(stack: PolicyStack, name: str, floor: float) -> tuple[float, list[Message]]:
    """Return the larger of the pack's `floor` and what the platform publishes, and why that can't be read."""
    numbers, problems = _read_published(stack.view(_find_platforms), name)
    return max([floor, *numbers]), problems


def _read_published(publishers: list[Resource], name: str) -> tuple[list[float], list[Message]]:
    published = [(publisher, publisher.at(_OBJECTIVES, name)) for publisher in publishers]
    problems = [
        problem
        for publisher, value in published
        for problem in expect_value(
            value, publisher, "objectives", in_range(0), "publishes no such objective"
        )
    ]
    numbers = [_number_in(value, 0, float("inf")) for _, value in published]
    return [number for number in numbers if number is not None], problems


def _find_platforms(stack: PolicyStack) -> list[Resource]:
    """Return what publishes the objectives of all stores: not the jobs, which publish those of their own."""
    return [one for one in stack.publishers(_OBJECTIVES) if one.at("protects") == Absent()]


_fits_minutes: Final = in_range(0, _YEAR_MINUTES)
_fits_seconds: Final = in_range(0, _YEAR_SECONDS)


def _is_schedule(schedule: Any) -> bool:
    return gap_of(schedule) is not None


def _gap_in(value: PropertyValue) -> timedelta | None:
    return gap_of(value.value) if isinstance(value, Known) else None


def _number_in(value: PropertyValue, least: float, most: float) -> float | None:
    return value.value if isinstance(value, Known) and in_range(least, most)(value.value) else None


def _minutes_in(value: PropertyValue) -> timedelta | None:
    minutes = _number_in(value, 0, _YEAR_MINUTES)
    return None if minutes is None else timedelta(minutes=minutes)


def _seconds_in(value: PropertyValue) -> timedelta | None:
    seconds = _number_in(value, 0, _YEAR_SECONDS)
    return None if seconds is None else timedelta(seconds=seconds)

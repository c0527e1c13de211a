"""
What a disaster would cost: for each store, the ways back, and how much each of them loses at worst.

The last good copy shows the store as it was when its run began. At worst the next run starts as late as it
may, takes as long as it may, and the store is lost just before that copy has reached the farthest bucket:

    gap of the schedule + lateness + longest run + way to the replica

If the next run fails instead, or never starts, nobody has a reason to act until a monitor says so. Where
that is later than the above, the difference is added. UptimeRobot counts from the last ping, at the end of
the last run, so it speaks `longest run + interval + grace` after the last good copy began, and a contact
may be told later than that. Sentry counts by
the schedule and speaks `gap + margin + run that it allows` after it. The first to speak counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from policies.facts.alert_contacts import delay
from policies.facts.buckets import Buckets
from policies.facts.jobs import NO_SCHEDULE, copies, cron_monitors, gap_of, heartbeats, saving
from policies.framework.messages import Text, duration, listed, say
from policies.framework.property_values import Absent, Known, Reading
from policies.framework.rule import best, expect, expect_of, from_to, one_of
from policies.framework.stack import PolicyStack, Resource

_OBJECTIVES: Final = "objectives"
_YEAR_MINUTES: Final = 366 * 24 * 60
_YEAR_SECONDS: Final = _YEAR_MINUTES * 60
"""What is longer is no answer."""


@dataclass(frozen=True)
class Term:
    """One part of the worst case."""

    what: str
    length: timedelta


@dataclass(frozen=True)
class RecoveryPath:
    """One way back: a job's copies. `lacking` says why its loss can't be computed."""

    job: Resource
    terms: tuple[Term, ...]
    lacking: tuple[Text, ...]
    retention_days: float | None
    copies: tuple[Resource, ...]

    @property
    def loss(self) -> timedelta:
        return sum((term.length for term in self.terms), timedelta())

    @property
    def arithmetic(self) -> Text:
        """The sum in words: `1 d between runs + 2 h lateness + ... = 1 d 3 h`."""
        parts = " + ".join(f"{duration(term.length).words} {term.what}" for term in self.terms if term.length)
        return Text(f"{parts} = {duration(self.loss).words}")

    def document(self) -> dict[str, Any]:
        """Return it for a report, durations in seconds; the loss means nothing where something is lacking."""
        return {
            "by": self.job.name,
            "terms": [{"what": term.what, "seconds": term.length.total_seconds()} for term in self.terms],
            "loss_seconds": self.loss.total_seconds(),
            "arithmetic": self.arithmetic.words,
            "lacking": listed(self.lacking).words,
            "retention_days": self.retention_days,
            "copies": [bucket.name for bucket in self.copies],
        }


def paths(store: Resource, stack: PolicyStack) -> list[RecoveryPath]:
    """Return the ways back that don't need the store's own vendor."""
    made = stack.view(_Paths)
    return [made.of(job) for job in saving(store, stack)]


class _Paths:
    """Each job's path, computed once."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._found: dict[str, RecoveryPath] = {}
        self._to_replica = _ways_to_replicas(stack)

    def of(self, job: Resource) -> RecoveryPath:
        if job.urn not in self._found:
            self._found[job.urn] = self._path(job)
        return self._found[job.urn]

    def _path(self, job: Resource) -> RecoveryPath:
        kept = job.at("retentionDays")
        retention = kept.value if isinstance(kept, Known) and from_to(0)(kept.value) else None
        buckets = tuple(copies(job, self._stack))
        ways = [self._to_replica[bucket.urn] for bucket in buckets if bucket.urn in self._to_replica]
        gap = _gap(job.at("schedule"))
        late, run = _minutes(job.at("latenessMinutes")), _minutes(job.at("longestRunMinutes"))
        lacking = [
            *expect(job, "schedule", _runs, NO_SCHEDULE),
            *expect(job, "latenessMinutes", _fits_minutes, "does not say how late it may be"),
            *expect(job, "longestRunMinutes", _fits_minutes, "does not say how long it may run"),
            *(text for _, unpromised in ways for text in unpromised),
        ]
        if gap is None or late is None or run is None:
            return RecoveryPath(job, (), tuple(lacking), retention, buckets)
        terms = [
            Term("between runs", gap),
            Term("lateness", late),
            Term("longest run", run),
            Term("to the replica", max((way for way, _ in ways), default=timedelta())),
        ]
        expected = sum((term.length for term in terms), timedelta())
        alarms = list(_alarms(job, self._stack, run=run))
        heard = [alarm for alarm, wrong in alarms if not wrong]
        unheard = [say("nobody is told when {job} does not run", job=job)]
        lacking += best((wrong for _, wrong in alarms), unheard)
        silence = max(min(heard, default=timedelta()) - expected, timedelta())
        terms.append(Term("until a missed run is noticed", silence))
        return RecoveryPath(job, tuple(terms), tuple(lacking), retention, buckets)


def _alarms(job: Resource, stack: PolicyStack, *, run: timedelta) -> Iterator[tuple[timedelta, list[Text]]]:
    """Yield, for each monitor, how long after the last copy began it speaks; or why it can't be said."""
    for beat in heartbeats(job, stack):
        interval, grace = _seconds(beat.at("interval")), _seconds(beat.at("gracePeriod"))
        until_told, untold = delay(beat)
        wrong = [
            *expect(beat, "isPaused", one_of(False), "must declare isPaused false"),
            *expect(beat, "interval", _fits_seconds, "has no interval"),
            *expect(beat, "gracePeriod", _fits_seconds, "has no gracePeriod"),
            *untold,
        ]
        yield (interval or timedelta()) + (grace or timedelta()) + run + until_told, wrong
    for cron in cron_monitors(job, stack):
        gap = _gap(cron.at("schedule", "crontab"))
        margin, longest = _minutes(cron.at("checkinMarginMinutes")), _minutes(cron.at("maxRuntimeMinutes"))
        wrong = [
            *expect(cron, "enabled", one_of(True), "must declare enabled true"),
            *expect(cron, "schedule.crontab", _runs, "has no crontab"),
            *expect(cron, "checkinMarginMinutes", _fits_minutes, "has no checkinMarginMinutes"),
            *expect(cron, "maxRuntimeMinutes", _fits_minutes, "has no maxRuntimeMinutes"),
            *_failures(cron),
        ]
        missed = _number(cron.at("failureIssueThreshold"), 1, 720) or 1
        yield (
            (gap or timedelta()) * missed + (margin or timedelta()) + (longest or timedelta()),
            wrong,
        )


def _failures(cron: Resource) -> list[Text]:
    """Judge after how many failures it speaks: one, where it doesn't say (Sentry); 720 is its most."""
    if isinstance(cron.at("failureIssueThreshold"), Absent):
        return []
    return expect(cron, "failureIssueThreshold", from_to(1, 720), "has no usable failureIssueThreshold")


def _ways_to_replicas(stack: PolicyStack) -> dict[str, tuple[timedelta, list[Text]]]:
    """Return, for each bucket that is filled by replication, the promised time and why there is none."""
    slowest: dict[str, tuple[timedelta, list[Text]]] = {}
    late = "does not promise when a copy is in the replica"
    for _, replication, target in stack.view(Buckets).replications:
        length, wrong = slowest.get(target.urn, (timedelta(), []))
        for rule in replication.at("rules").each():
            promise = rule.at("destination", "replicationTime")
            minutes, path = promise.at("time", "minutes"), "rules.destination.replicationTime"
            length = max(length, _minutes(minutes) or timedelta())
            wrong = [
                *wrong,
                *expect_of(promise.at("status"), replication, path, one_of("Enabled"), late),
                *expect_of(minutes, replication, path, _fits_minutes, late),
            ]
        slowest[target.urn] = length, wrong
    return slowest


def objective(stack: PolicyStack, name: str, ceiling: float) -> tuple[float, list[Text]]:
    """
    Return what the platform promises itself, and why that can't be known.

    It may ask for more than the pack does (`ceiling`, in the objective's unit) and not for less.
    """
    numbers, lacking = _promised(stack, name)
    return min([ceiling, *numbers]), lacking


def assumption(stack: PolicyStack, name: str, floor: float) -> tuple[float, list[Text]]:
    """Return a time that the platform must live through: what it says, and at least what the pack says."""
    numbers, lacking = _promised(stack, name)
    return max([floor, *numbers]), lacking


def _promised(stack: PolicyStack, name: str) -> tuple[list[float], list[Text]]:
    promised = [(platform, platform.at(_OBJECTIVES, name)) for platform in stack.view(_platforms)]
    lacking = [
        text
        for platform, reading in promised
        for text in expect_of(reading, platform, "objectives", from_to(0), "publishes no such objective")
    ]
    numbers = [_number(reading, 0, float("inf")) for _, reading in promised]
    return [number for number in numbers if number is not None], lacking


def _platforms(stack: PolicyStack) -> list[Resource]:
    return stack.publishing(_OBJECTIVES)


_fits_minutes: Final = from_to(0, _YEAR_MINUTES)
_fits_seconds: Final = from_to(0, _YEAR_SECONDS)


def _runs(schedule: Any) -> bool:
    return gap_of(schedule) is not None


def _gap(reading: Reading) -> timedelta | None:
    return gap_of(reading.value) if isinstance(reading, Known) else None


def _number(reading: Reading, least: float, most: float) -> float | None:
    return reading.value if isinstance(reading, Known) and from_to(least, most)(reading.value) else None


def _minutes(reading: Reading) -> timedelta | None:
    minutes = _number(reading, 0, _YEAR_MINUTES)
    return None if minutes is None else timedelta(minutes=minutes)


def _seconds(reading: Reading) -> timedelta | None:
    seconds = _number(reading, 0, _YEAR_SECONDS)
    return None if seconds is None else timedelta(seconds=seconds)

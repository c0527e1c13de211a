"""A heartbeat whose interval and grace period don't match its job's schedule is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.jobs import NO_SCHEDULE, gap_of, heartbeats_of, jobs
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, accept_any, expect, in_range
from policies.framework.stack import PolicyStack, Resource

_LONGEST_INTERVAL: Final = timedelta(days=31)
_LONGEST_GRACE: Final = timedelta(days=1)
"""UptimeRobot's maxima (provider 1.10.0, the schema of `uptimerobot_monitor`)."""


def _judge(job: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    heartbeats = heartbeats_of(job, stack)
    if not heartbeats:
        return  # job-has-heartbeat refuses it
    problems = [
        *expect(job, "schedule", lambda value: gap_of(value) is not None, NO_SCHEDULE),
        *expect(job, "latenessMinutes", in_range(0), "does not say how late it may be"),
        *expect(job, "longestRunMinutes", in_range(0), "does not say how long it may run"),
    ]
    if problems:
        yield from problems
        return
    match job.at("schedule"), job.at("latenessMinutes"), job.at("longestRunMinutes"):
        case Known(schedule), Known(lateness), Known(run) if gap := gap_of(schedule):
            interval = min(gap, _LONGEST_INTERVAL)
            grace = min(timedelta(minutes=lateness + run), _LONGEST_GRACE)
            alternatives = [
                [
                    *_expect_seconds(heartbeat, "interval", interval),
                    *_expect_seconds(heartbeat, "gracePeriod", grace),
                ]
                for heartbeat in heartbeats
            ]
            yield from accept_any(alternatives, [])
        case _:
            pass


def _expect_seconds(heartbeat: Resource, name: LiteralString, expected: timedelta) -> list[Message]:
    match heartbeat.at(name):
        case Known(seconds) if seconds == expected.total_seconds():
            return []
        case Unknown():
            return [unknown_value(heartbeat, name)]
        case _:
            return [message("{it} must declare {time} as its " + name, it=heartbeat, time=duration(expected))]


RULE: Final = Rule(
    id="heartbeat-matches-its-job",
    title="Every heartbeat expects its job as often as it runs, and as late as it may be",
    violated="is expected at other times than it runs",
    severity=Severity.HIGH,
    risk=(
        "One that waits too long reports a missed backup late, which adds to the data lost; one that does "
        "not wait long enough raises alarms that people learn to ignore."
    ),
    fix=(
        "Make the heartbeat's interval the longest gap of the schedule (31 days at most), and its "
        "gracePeriod the job's lateness and longest run (a day at most), all in seconds."
    ),
    controls=(Control.NIST_CP_9, Control.NIST_SI_4_12, Control.ISO_A_8_16),
    subjects=jobs,
    judge=_judge,
)

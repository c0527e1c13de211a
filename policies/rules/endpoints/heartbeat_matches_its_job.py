"""A heartbeat that expects its job at other times than it runs is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.jobs import NO_SCHEDULE, gap_of, heartbeats, jobs
from policies.framework.controls import Control
from policies.framework.messages import Text, duration, say, undecided
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, best, expect, from_to
from policies.framework.stack import PolicyStack, Resource

_LONGEST_INTERVAL: Final = timedelta(days=31)
_LONGEST_GRACE: Final = timedelta(days=1)
"""UptimeRobot accepts no more (provider 1.10.0, the schema of `uptimerobot_monitor`)."""


def _judge(job: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Text]:
    found = heartbeats(job, stack)
    if not found:
        return  # job-has-heartbeat says so
    unclear = [
        *expect(job, "schedule", lambda value: gap_of(value) is not None, NO_SCHEDULE),
        *expect(job, "latenessMinutes", from_to(0), "does not say how late it may be"),
        *expect(job, "longestRunMinutes", from_to(0), "does not say how long it may run"),
    ]
    if unclear:
        yield from unclear
        return
    match job.at("schedule"), job.at("latenessMinutes"), job.at("longestRunMinutes"):
        case Known(schedule), Known(late), Known(run) if gap := gap_of(schedule):
            interval = min(gap, _LONGEST_INTERVAL)
            grace = min(timedelta(minutes=late + run), _LONGEST_GRACE)
            yield from best(
                [
                    [*_differs(one, "interval", interval), *_differs(one, "gracePeriod", grace)]
                    for one in found
                ],
                [],
            )
        case _:
            pass


def _differs(heartbeat: Resource, name: LiteralString, wanted: timedelta) -> list[Text]:
    match heartbeat.at(name):
        case Known(seconds) if seconds == wanted.total_seconds():
            return []
        case Unknown():
            return [undecided(heartbeat, name)]
        case _:
            return [say("{it} must declare {wanted} as its " + name, it=heartbeat, wanted=duration(wanted))]


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

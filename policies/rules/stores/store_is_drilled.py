"""A data store that nobody has tried to restore is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import NO_SCHEDULE, drilling, gap_of, no_job
from policies.facts.stores import saved_by_jobs
from policies.framework.controls import Control
from policies.framework.messages import Text, duration, say
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, at_least, best, expect
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    longest = timedelta(days=limits["maximum_days"])
    drills = [_shortcomings(job, longest) for job in drilling(store, stack)]
    return best(drills, no_job(stack, "drills", "no scheduled job restores it"))


def _shortcomings(job: Resource, longest: timedelta) -> list[Text]:
    schedule = job.at("schedule")
    gap = gap_of(schedule.value) if isinstance(schedule, Known) else None
    if gap is None:
        return expect(job, "schedule", lambda _: False, NO_SCHEDULE)
    if gap <= longest:
        return []
    return [
        say(
            "{job} lets {gap} pass between runs, and {longest} are allowed",
            job=job,
            gap=duration(gap),
            longest=duration(longest),
        )
    ]


RULE: Final = Rule(
    id="store-is-drilled",
    title="Every data store is restored from its backups for a trial, regularly",
    violated="is not restored for a trial often enough",
    severity=Severity.HIGH,
    risk="A backup that was never restored may hold nothing, and that comes out on the day it is needed.",
    fix="Declare a ScheduledJob that names the store in drills and runs as often as the rule demands.",
    controls=(
        Control.NIST_CP_4,
        Control.NIST_CP_9_1,
        Control.SOC_A1_3,
        Control.ISO_A_5_30,
        Control.CIS_11_5,
    ),
    subjects=saved_by_jobs,
    judge=_judge,
    parameters=(at_least("maximum_days", 8, "the longest time between two drills, in days"),),
)

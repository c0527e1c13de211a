"""A data store without a scheduled drill, or with rare ones, is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import NO_SCHEDULE, describe_missing_job, drill_jobs_of, gap_of, name_cause
from policies.facts.stores import job_backed_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule, accept_any, expect, number_parameter
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    longest = timedelta(days=limits["maximum_days"])
    drills = [_check_job(job, longest) for job in drill_jobs_of(store, stack)]
    missing = describe_missing_job(stack, "drills", "no scheduled job restores it")
    return name_cause(accept_any(drills, missing), store, stack)


def _check_job(job: Resource, longest: timedelta) -> list[Message]:
    schedule = job.at("schedule")
    gap = gap_of(schedule.value) if isinstance(schedule, Known) else None
    if gap is None:
        return expect(job, "schedule", lambda _: False, NO_SCHEDULE)
    if gap <= longest:
        return []
    return [
        message(
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
    subjects=job_backed_stores,
    judge=_judge,
    parameters=(
        number_parameter("maximum_days", 8, "the longest time between two drills, in days", looser="higher"),
    ),
)

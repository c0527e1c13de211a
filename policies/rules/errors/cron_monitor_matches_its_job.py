"""A cron monitor whose schedule and limits differ from those of its job is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.jobs import NO_SCHEDULE, cron_monitors_of, gap_of, jobs
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.property_values import Known, first_present
from policies.framework.rule import Parameters, Rule, accept_any, expect, expect_value, in_range, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(job: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    monitors = cron_monitors_of(job, stack)
    if not monitors:
        return  # job-has-cron-monitor refuses it
    problems = [
        *expect(job, "schedule", lambda value: gap_of(value) is not None, NO_SCHEDULE),
        *expect(job, "latenessMinutes", in_range(0), "does not say how late it may be"),
        *expect(job, "longestRunMinutes", in_range(0), "does not say how long it may run"),
    ]
    yield from problems or accept_any([_compare(monitor, job) for monitor in monitors], [])


def _compare(monitor: Resource, job: Resource) -> list[Message]:
    return [
        *_expect_fact(monitor, "schedule.crontab", job, "schedule", "must have the job's schedule"),
        *expect(monitor, "timezone", one_of("UTC"), "must declare the time zone UTC, in which the job runs"),
        *_expect_fact(
            monitor,
            "checkinMarginMinutes",
            job,
            "latenessMinutes",
            "must wait as long as the job may be late",
        ),
        *_expect_fact(
            monitor, "maxRuntimeMinutes", job, "longestRunMinutes", "must allow what the job may take"
        ),
        *expect(monitor, "failureIssueThreshold", one_of(1), "must raise an issue at the first failure"),
        # While an issue is open, the next failure is told to nobody. One good run is Sentry's default.
        *expect_value(
            first_present([monitor.at("recoveryThreshold")], Known(1)),
            monitor,
            "recoveryThreshold",
            one_of(1),
            "must close the issue at the first good run",
        ),
    ]


def _expect_fact(
    monitor: Resource, path: LiteralString, job: Resource, fact: str, problem: LiteralString
) -> list[Message]:
    return expect(monitor, path, lambda value: Known(value) == job.at(fact), problem)


RULE: Final = Rule(
    id="cron-monitor-matches-its-job",
    title="Every cron monitor expects its job when it runs, as late and as long as it may",
    violated="is expected at other times than it runs",
    severity=Severity.HIGH,
    risk="A missed or hanging run is reported late or not at all, or false alarms teach people not to look.",
    fix=(
        "Take the crontab, checkinMarginMinutes and maxRuntimeMinutes from the job's schedule, lateness and "
        "longest run; declare timezone UTC and failureIssueThreshold and recoveryThreshold 1."
    ),
    controls=(Control.NIST_CP_9, Control.NIST_SI_4_12, Control.ISO_A_8_16),
    subjects=jobs,
    judge=_judge,
)

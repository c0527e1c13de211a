"""A scheduled job without a Sentry cron monitor is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import cron_monitors_of, jobs
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, accept_any, expect, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(job: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    return accept_any(
        [
            expect(monitor, "enabled", one_of(True), "must declare enabled true")
            for monitor in cron_monitors_of(job, stack)
        ],
        [message("no cron monitor of Sentry belongs to it")],
    )


RULE: Final = Rule(
    id="job-has-cron-monitor",
    title="Every scheduled job has a Sentry cron monitor",
    violated="is not waited for by Sentry",
    severity=Severity.HIGH,
    risk="A heartbeat tells that a job did not finish; that it failed, or ran too long, nobody would know.",
    fix="Declare a Sentry CronMonitor inside the job's component, enabled, and let the job check in.",
    controls=(Control.NIST_CP_9, Control.NIST_SI_4, Control.ISO_A_8_16, Control.SOC_CC7_2),
    subjects=jobs,
    judge=_judge,
)

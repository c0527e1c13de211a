"""A scheduled job without a heartbeat of its own is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import heartbeats_of, jobs, jobs_of_monitor
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, accept_any, expect, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(job: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    return accept_any(
        [_check_heartbeat(heartbeat, stack) for heartbeat in heartbeats_of(job, stack)],
        [message("no UptimeRobot heartbeat belongs to it")],
    )


def _check_heartbeat(heartbeat: Resource, stack: PolicyStack) -> list[Message]:
    # If two jobs ping one heartbeat, one of them can stop unnoticed.
    shared = len(set(jobs_of_monitor(heartbeat, stack))) > 1
    return [
        *expect(heartbeat, "isPaused", one_of(False), "must declare isPaused false"),
        *([message("{heartbeat} is another job's too", heartbeat=heartbeat)] if shared else []),
    ]


RULE: Final = Rule(
    id="job-has-heartbeat",
    title="Every scheduled job has an UptimeRobot heartbeat of its own",
    violated="has no heartbeat that would miss it",
    severity=Severity.CRITICAL,
    risk="A backup that no longer runs looks like one that does, until it is needed.",
    fix=(
        "Declare an UptimeRobot monitor of type HEARTBEAT inside the job's component, with isPaused false, "
        "and call it after each successful run."
    ),
    controls=(Control.SOC_A1_2, Control.NIST_CP_9, Control.NIST_SI_4, Control.ISO_A_8_16, Control.CIS_11_2),
    subjects=jobs,
    judge=_judge,
)

"""A data store whose backups are not restored and compared after they are made is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import backup_jobs_of, describe_missing_job, name_cause, proof_jobs_of
from policies.facts.recovery_paths import read_objective, read_run_times
from policies.facts.stores import job_backed_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message
from policies.framework.rule import Parameters, Rule, accept_any, number_parameter
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    hours, problems = read_objective(store, stack, "proof_age_hours", limits["maximum_hours"])
    proofs = [
        _check_job(job, backup_jobs_of(store, stack), timedelta(hours=hours))
        for job in proof_jobs_of(store, stack)
    ]
    missing = describe_missing_job(stack, "proves", "no scheduled job restores and compares its backups")
    return name_cause([*accept_any(proofs, missing), *problems], store, stack)


def _check_job(job: Resource, backups: Iterable[Resource], longest: timedelta) -> list[Message]:
    times, problems = read_run_times(job)
    if times is None:
        return problems
    if times.total > longest:
        parts = {"age": duration(times.total), "longest": duration(longest)}
        problems.append(
            message("{job} lets the last proof become {age} old, and {longest} are allowed", job=job, **parts)
        )
    for backup in backups:
        backup_times, _ = read_run_times(backup)
        if backup_times and backup_times.gap < times.gap:
            problems.append(message("{job} runs less often than {backup}", job=job, backup=backup))
    return problems


RULE: Final = Rule(
    id="store-is-proven",
    title="Every backup of a data store is restored and compared, soon after it was made",
    violated="does not have its backups proven",
    severity=Severity.HIGH,
    risk="A backup that lost something looks like a good one for days, and the good ones expire meanwhile.",
    fix=(
        "Declare a ScheduledJob that names the store in proves, runs as often as the store is backed up, and "
        "ends within the objective: restore and compare each new backup in it."
    ),
    controls=(
        Control.NIST_CP_4,
        Control.NIST_CP_9_1,
        Control.SOC_A1_3,
        Control.ISO_A_8_13,
        Control.CIS_11_5,
    ),
    subjects=job_backed_stores,
    judge=_judge,
    parameters=(
        number_parameter(
            "maximum_hours",
            30,
            "the age that the last proof may reach, in hours; what a platform publishes may be less",
            looser="higher",
        ),
    ),
)

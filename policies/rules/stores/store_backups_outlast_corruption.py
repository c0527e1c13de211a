"""A data store whose backups expire before corruption is noticed is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import backup_jobs_of, describe_missing_job, name_cause
from policies.facts.recovery_paths import read_assumption
from policies.facts.stores import job_backed_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number
from policies.framework.rule import Parameters, Rule, accept_any, expect, in_range, number_parameter
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    unseen, problems = read_assumption(stack, "corruption_noticed_within_days", limits["noticed_within_days"])
    jobs = [_check_job(job, unseen) for job in backup_jobs_of(store, stack)]
    missing = describe_missing_job(stack, "protects", "no scheduled job protects it")
    return name_cause([*accept_any(jobs, missing), *problems], store, stack)


def _check_job(job: Resource, unseen: float) -> list[Message]:
    # A copy that expires on the day on which corruption is noticed is of no use.
    problems = expect(
        job, "retentionDays", lambda days: in_range(unseen)(days) and days > unseen, "is too short"
    )
    if all(problem.undecided for problem in problems):
        return problems
    template = "{job} must keep its copies for more than the {unseen} d that corruption may go unseen"
    return [message(template, job=job, unseen=number(unseen))]


RULE: Final = Rule(
    id="store-backups-outlast-corruption",
    title="Backups are kept longer than corruption can go unnoticed",
    violated="has no backup from before corruption is noticed",
    severity=Severity.CRITICAL,
    risk="By the time someone notices that data is wrong, every copy that is left shows it wrong, too.",
    fix="Keep the copies of a job that protects the store for longer, and publish it as retentionDays.",
    controls=(Control.NIST_CP_9, Control.ISO_A_8_13, Control.CIS_11_1, Control.SOC_A1_2),
    subjects=job_backed_stores,
    judge=_judge,
    parameters=(
        number_parameter(
            "noticed_within_days",
            14,
            "for how long corruption may go unseen, in days; what a platform publishes may be more",
            looser="lower",
        ),
    ),
)

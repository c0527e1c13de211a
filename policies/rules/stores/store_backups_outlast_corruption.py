"""A data store whose backups are gone before corruption is noticed is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import no_job, saving
from policies.facts.recovery_paths import assumption
from policies.facts.stores import saved_by_jobs
from policies.framework.controls import Control
from policies.framework.messages import Text, number, say
from policies.framework.rule import Parameters, Rule, at_least, best, expect, from_to
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    unseen, lacking = assumption(stack, "corruption_noticed_within_days", limits["noticed_within_days"])
    jobs = [_shortcomings(job, unseen) for job in saving(store, stack)]
    return [*best(jobs, no_job(stack, "protects", "no scheduled job protects it")), *lacking]


def _shortcomings(job: Resource, unseen: float) -> list[Text]:
    # A copy that goes on the very day on which corruption is noticed is no help.
    lacking = expect(
        job, "retentionDays", lambda days: from_to(unseen)(days) and days > unseen, "is too short"
    )
    if all(text.undecided for text in lacking):
        return lacking
    template = "{job} must keep its copies for more than the {unseen} d that corruption may go unseen"
    return [say(template, job=job, unseen=number(unseen))]


RULE: Final = Rule(
    id="store-backups-outlast-corruption",
    title="Backups are kept longer than corruption can go unnoticed",
    violated="has no backup from before corruption is noticed",
    severity=Severity.CRITICAL,
    risk="By the time someone notices that data is wrong, every copy that is left shows it wrong, too.",
    fix="Keep the copies of a job that protects the store for longer, and publish it as retentionDays.",
    controls=(Control.NIST_CP_9, Control.ISO_A_8_13, Control.CIS_11_1, Control.SOC_A1_2),
    subjects=saved_by_jobs,
    judge=_judge,
    parameters=(
        at_least(
            "noticed_within_days",
            14,
            "for how long corruption may go unseen, in days; what a platform publishes may be more",
        ),
    ),
)

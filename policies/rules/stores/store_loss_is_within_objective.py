"""A data store of which a disaster could take more than was promised is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import no_job
from policies.facts.recovery_paths import RecoveryPath, objective, paths
from policies.facts.stores import saved_by_jobs
from policies.framework.controls import Control
from policies.framework.messages import Text, duration, say
from policies.framework.rule import Parameters, Rule, at_least, best
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    hours, lacking = objective(stack, "independent_recovery_point_hours", limits["maximum_hours"])
    ways = [_shortcomings(path, timedelta(hours=hours)) for path in paths(store, stack)]
    return [*best(ways, no_job(stack, "protects", "no scheduled job protects it")), *lacking]


def _shortcomings(path: RecoveryPath, allowed: timedelta) -> list[Text]:
    if path.lacking or path.loss <= allowed:
        return list(path.lacking)
    return [
        say(
            "{job} loses {arithmetic}, and {allowed} are allowed",
            job=path.job,
            arithmetic=path.arithmetic,
            allowed=duration(allowed),
        )
    ]


RULE: Final = Rule(
    id="store-loss-is-within-objective",
    title="The independent backup of every data store loses no more than the platform's objective allows",
    violated="could lose more than the objective allows",
    severity=Severity.CRITICAL,
    risk="When the store's vendor is gone, more is lost than anyone agreed to, or nobody knows how much.",
    fix=(
        "Run the job more often, allow it less lateness and time, let its heartbeat speak sooner, or "
        "replicate with a promised time."
    ),
    controls=(
        Control.NIST_CP_10,
        Control.NIST_CP_9,
        Control.SOC_A1_2,
        Control.ISO_A_5_30,
        Control.CIS_11_1,
    ),
    subjects=saved_by_jobs,
    judge=_judge,
    parameters=(
        at_least(
            "maximum_hours",
            27,
            "the most that the independent backup may lose, in hours; what a platform publishes may be less",
        ),
    ),
)

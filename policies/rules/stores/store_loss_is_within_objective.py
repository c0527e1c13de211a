"""A data store whose worst-case data loss exceeds the objective is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.jobs import describe_missing_job, name_cause
from policies.facts.recovery_paths import RecoveryPath, read_objective, recovery_paths_of
from policies.facts.stores import job_backed_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message
from policies.framework.rule import Parameters, Rule, accept_any, number_parameter
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    hours, problems = read_objective(
        store, stack, "independent_recovery_point_hours", limits["maximum_hours"]
    )
    paths = [_check_path(path, timedelta(hours=hours)) for path in recovery_paths_of(store, stack)]
    missing = describe_missing_job(stack, "protects", "no scheduled job protects it")
    return name_cause([*accept_any(paths, missing), *problems], store, stack)


def _check_path(path: RecoveryPath, allowed: timedelta) -> list[Message]:
    if path.problems or path.loss <= allowed:
        return list(path.problems)
    return [
        message(
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
    subjects=job_backed_stores,
    judge=_judge,
    parameters=(
        number_parameter(
            "maximum_hours",
            27,
            "the most that the independent backup may lose, in hours; what a platform publishes may be less",
            looser="higher",
        ),
    ),
)

from typing import Any

from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.stores import PROJECT

_MONTH = 31 * 24 * 3_600


def quota(**limits: Any) -> dict[str, Any]:
    return {"quota": {"computeTimeSeconds": 0, "logicalSizeBytes": 10**9, **limits}}


CASE = Case(
    rule="store-quota-leaves-room",
    at=PROJECT,
    weak=(
        lambda s: alter(s, PROJECT, **quota(computeTimeSeconds=2 * _MONTH - 1)),
        lambda s: alter(s, PROJECT, **quota(computeTimeSeconds=500 * 3_600)),
        lambda s: alter(s, PROJECT, **quota(activeTimeSeconds=_MONTH - 1)),
        lambda s: alter(s, PROJECT, **quota(computeTimeSeconds="much")),
        lambda s: alter(s, PROJECT, defaultEndpointSettings__autoscalingLimitMaxCu=4),
    ),
    absent=(lambda s: alter(s, PROJECT, defaultEndpointSettings__autoscalingLimitMaxCu=ABSENT),),
    unknown=(
        lambda s: alter(s, PROJECT, **quota(computeTimeSeconds=UNKNOWN)),
        lambda s: alter(s, PROJECT, quota=UNKNOWN),
        lambda s: alter(s, PROJECT, defaultEndpointSettings__autoscalingLimitMaxCu=UNKNOWN),
    ),
    secret=(lambda s: alter(s, PROJECT, **quota(computeTimeSeconds=secret(2 * _MONTH))),),
    fine=(
        lambda s: alter(s, PROJECT, **quota(computeTimeSeconds=2 * _MONTH)),
        lambda s: alter(s, PROJECT, **quota()),
        lambda s: alter(s, PROJECT, quota=ABSENT),
        lambda s: alter(s, PROJECT, **quota(activeTimeSeconds=_MONTH)),
    ),
)

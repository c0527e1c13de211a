from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.endpoints import FRONTEND, HEALTH, PLATFORM

CASE = Case(
    rule="endpoint-monitor-looks-from-several-regions",
    at=PLATFORM,
    weak=(
        lambda s: alter(s, HEALTH, regionData__regions=["eu"]),
        lambda s: alter(s, HEALTH, regionData__regions=["eu", "eu"]),
        lambda s: alter(s, FRONTEND, regionData__regions=["eu"]),
        lambda s: alter(s, HEALTH, regionData={"autoSelect": True}),
    ),
    absent=(
        lambda s: alter(s, HEALTH, regionData=ABSENT),
        lambda s: alter(s, HEALTH, regionData__regions=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, HEALTH, regionData=UNKNOWN),
        lambda s: alter(s, HEALTH, regionData__regions=["eu", UNKNOWN]),
    ),
    secret=(lambda s: alter(s, HEALTH, regionData__regions=[secret("eu"), "na"]),),
    fine=(lambda s: alter(s, HEALTH, regionData__regions=["eu", "na", UNKNOWN]),),
)

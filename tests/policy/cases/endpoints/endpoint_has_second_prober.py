from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.endpoints import HEALTH_URL, PLATFORM

CASE = Case(
    rule="endpoint-has-second-prober",
    at=PLATFORM,
    weak=(
        lambda s: alter(s, "errors-backend-check-health", enabled=False),
        lambda s: alter(s, "errors-backend-check-health", url="https://app.example.com/"),
        lambda s: alter(s, "errors-backend-check-health", intervalSeconds=3_600),
        lambda s: alter(s, "errors-backend-check-health", downtimeThreshold=6),
        lambda s: alter(s, "errors-backend-check-health", downtimeThreshold=0),
        lambda s: alter(s, "errors-backend-check-health-alert", enabled=False),
        lambda s: alter(s, "errors-backend-check-health-alert", triggerConditions=[{"firstSeenEvent": {}}]),
        lambda s: alter(s, "errors-backend-check-health-alert", monitorIds=["4711"]),
    ),
    absent=(
        lambda s: without(s, "errors-backend-check-health"),
        lambda s: without(s, "errors-backend-check-health-alert"),
        lambda s: alter(s, "errors-backend-check-health", enabled=ABSENT),
        lambda s: alter(s, "errors-backend-check-health", intervalSeconds=ABSENT),
        lambda s: alter(s, "errors-backend-check-health", url=ABSENT),
        lambda s: alter(s, "errors-backend-check-health-alert", triggerConditions=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, "errors-backend-check-health", enabled=UNKNOWN),
        lambda s: alter(s, "errors-backend-check-health", intervalSeconds=UNKNOWN),
        lambda s: alter(s, "errors-backend-check-health", downtimeThreshold=UNKNOWN),
        lambda s: alter(s, "errors-backend-check-health", url=UNKNOWN),
        lambda s: alter(s, "errors-backend-check-health-alert", enabled=UNKNOWN),
        lambda s: alter(s, "errors-backend-check-health-alert", triggerConditions=UNKNOWN),
        lambda s: alter(s, "errors-backend-check-health-alert", monitorIds=[UNKNOWN]),
    ),
    secret=(
        lambda s: alter(s, "errors-backend-check-health", url=secret(HEALTH_URL)),
        lambda s: alter(s, "errors-backend-check-health", enabled=secret(value=True)),
        lambda s: alter(s, "errors-backend-check-health", intervalSeconds=secret(60)),
    ),
    fine=(
        lambda s: alter(s, PLATFORM, endpoints__0__critical=False),
        lambda s: alter(s, "errors-backend-check-health", downtimeThreshold=ABSENT),
        lambda s: alter(s, "errors-backend-check-health", intervalSeconds=300, downtimeThreshold=1),
    ),
)

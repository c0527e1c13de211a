from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.endpoints import FRONTEND, HEALTH, PLATFORM

CASE = Case(
    rule="endpoint-monitor-checks-content",
    at=PLATFORM,
    weak=(
        lambda s: alter(s, HEALTH, type="HTTP"),
        lambda s: alter(s, HEALTH, keywordValue=""),
        lambda s: alter(s, HEALTH, keywordValue="  e "),
        lambda s: alter(s, HEALTH, httpMethodType="HEAD"),
        lambda s: alter(s, HEALTH, keywordType="ALERT_EXISTS"),
        lambda s: alter(s, HEALTH, successHttpResponseCodes=["2xx", "500"]),
        lambda s: alter(s, FRONTEND, successHttpResponseCodes=["2xx", "4xx"]),
        lambda s: alter(s, FRONTEND, successHttpResponseCodes=[]),
        lambda s: alter(s, HEALTH, type="API"),
    ),
    absent=(
        lambda s: alter(s, HEALTH, keywordValue=ABSENT),
        lambda s: alter(s, HEALTH, keywordType=ABSENT),
        lambda s: alter(s, FRONTEND, successHttpResponseCodes=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, HEALTH, keywordValue=UNKNOWN),
        lambda s: alter(s, HEALTH, keywordType=UNKNOWN),
        lambda s: alter(s, HEALTH, httpMethodType=UNKNOWN),
        lambda s: alter(s, FRONTEND, successHttpResponseCodes=UNKNOWN),
        lambda s: alter(s, FRONTEND, successHttpResponseCodes=["2xx", UNKNOWN]),
    ),
    secret=(
        lambda s: alter(s, HEALTH, keywordValue=secret('"status":"ok"')),
        lambda s: alter(s, HEALTH, keywordType=secret("ALERT_NOT_EXISTS")),
        lambda s: alter(s, FRONTEND, successHttpResponseCodes=secret(["2xx"])),
    ),
    fine=(
        lambda s: alter(s, FRONTEND, successHttpResponseCodes=["200", "3xx"]),
        lambda s: alter(s, HEALTH, httpMethodType=ABSENT),
        lambda s: alter(s, HEALTH, type="API", config={"apiAssertions": {"checks": [{"property": "$"}]}}),
    ),
)

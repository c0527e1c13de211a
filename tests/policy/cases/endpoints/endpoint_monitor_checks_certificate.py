from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.endpoints import FRONTEND, HEALTH, PLATFORM

CASE = Case(
    rule="endpoint-monitor-checks-certificate",
    at=PLATFORM,
    weak=(
        lambda s: alter(s, HEALTH, checkSslErrors=False),
        lambda s: alter(s, HEALTH, sslExpirationReminder=False),
        lambda s: alter(s, FRONTEND, checkSslErrors=False),
    ),
    absent=(
        lambda s: alter(s, HEALTH, checkSslErrors=ABSENT),
        lambda s: alter(s, HEALTH, sslExpirationReminder=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, HEALTH, checkSslErrors=UNKNOWN),
        lambda s: alter(s, HEALTH, sslExpirationReminder=UNKNOWN),
    ),
    secret=(lambda s: alter(s, HEALTH, checkSslErrors=secret(value=True)),),
)

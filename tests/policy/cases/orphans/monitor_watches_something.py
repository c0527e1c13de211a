from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

CASE = Case(
    rule="monitor-watches-something",
    at="uptime-backend-version",
    weak=(
        lambda s: alter(s, "uptime-backend-version", url="https://old.example.com/api/version"),
        lambda s: alter(s, "uptime-backend-version", url="https://[::/"),
        lambda s: alter(s, "uptime-backend-version", type="HEARTBEAT"),
        lambda s: alter(s, "uptime-backend-version", isPaused=True),
    ),
    absent=(
        lambda s: alter(s, "uptime-backend-version", url=ABSENT),
        lambda s: alter(s, "uptime-backend-version", isPaused=ABSENT),
        lambda s: alter(s, "example", endpoints=[]),
    ),
    unknown=(
        lambda s: alter(s, "uptime-backend-version", url=UNKNOWN),
        lambda s: alter(s, "uptime-backend-version", isPaused=UNKNOWN),
        lambda s: alter(s, "example", endpoints__0__url=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, "uptime-backend-version", url=secret("https://api.example.com/")),
        lambda s: alter(s, "uptime-backend-version", isPaused=secret(value=False)),
    ),
    fine=(
        lambda s: alter(s, "uptime-backend-version", url="https://API.example.com:443/api/version"),
        lambda s: alter(s, "uptime-backend-version", url="api.example.com", type="PORT"),
    ),
)

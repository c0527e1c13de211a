from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

CASE = Case(
    rule="monitor-watches-something",
    at="uptime-version",
    weak=(
        lambda s: alter(s, "uptime-version", url="https://old.example.com/api/version"),
        lambda s: alter(s, "uptime-version", url="https://[::/"),
        lambda s: alter(s, "uptime-version", type="HEARTBEAT"),
        lambda s: alter(s, "uptime-version", isPaused=True),
    ),
    absent=(
        lambda s: alter(s, "uptime-version", url=ABSENT),
        lambda s: alter(s, "uptime-version", isPaused=ABSENT),
        lambda s: alter(s, "example", endpoints=[]),
    ),
    unknown=(
        lambda s: alter(s, "uptime-version", url=UNKNOWN),
        lambda s: alter(s, "uptime-version", isPaused=UNKNOWN),
        lambda s: alter(s, "example", endpoints__0__url=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, "uptime-version", url=secret("https://api.example.com/")),
        lambda s: alter(s, "uptime-version", isPaused=secret(value=False)),
    ),
    fine=(
        lambda s: alter(s, "uptime-version", url="https://API.example.com:443/api/version"),
        lambda s: alter(s, "uptime-version", url="api.example.com", type="PORT"),
    ),
)

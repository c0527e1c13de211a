from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.endpoints import PLATFORM

CASE = Case(
    rule="endpoint-is-published",
    at=PLATFORM,
    weak=(
        lambda s: alter(s, PLATFORM, endpoints=[]),
        lambda s: alter(s, PLATFORM, endpoints__0__url="http://api.example.com"),
        lambda s: alter(s, PLATFORM, endpoints__0__url="api.example.com"),
        lambda s: alter(s, PLATFORM, endpoints__0__critical=False),
        lambda s: alter(s, PLATFORM, endpoints__0__url=secret("http://api.example.com")),
    ),
    absent=(
        lambda s: alter(s, PLATFORM, endpoints=ABSENT),
        lambda s: alter(s, PLATFORM, endpoints__0__url=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, PLATFORM, endpoints=UNKNOWN),
        lambda s: alter(s, PLATFORM, endpoints__0=UNKNOWN),
        lambda s: alter(s, PLATFORM, endpoints__0__url=UNKNOWN),
    ),
    secret=(lambda s: alter(s, PLATFORM, endpoints__0__url=secret("https://api.example.com")),),
    fine=(lambda s: alter(s, PLATFORM, endpoints__0__url="HTTPS://API.example.com:443/v1"),),
)

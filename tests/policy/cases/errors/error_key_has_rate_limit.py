from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.errors import KEY

CASE = Case(
    rule="error-key-has-rate-limit",
    at=KEY,
    weak=(
        lambda s: alter(s, KEY, rateLimitCount=0),
        lambda s: alter(s, KEY, rateLimitWindow=0),
        lambda s: alter(s, KEY, rateLimitCount=1_001),
        lambda s: alter(s, KEY, rateLimitWindow=35),
        lambda s: alter(s, KEY, rateLimitCount=9),
        lambda s: alter(s, KEY, rateLimitCount=1, rateLimitWindow=86_400),
    ),
    absent=(
        lambda s: alter(s, KEY, rateLimitCount=ABSENT),
        lambda s: alter(s, KEY, rateLimitWindow=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, KEY, rateLimitCount=UNKNOWN),
        lambda s: alter(s, KEY, rateLimitWindow=UNKNOWN),
    ),
    secret=(lambda s: alter(s, KEY, rateLimitCount=secret(600)),),
    fine=(
        lambda s: alter(s, KEY, rateLimitCount=10),
        lambda s: alter(s, KEY, rateLimitCount=1_000),
        lambda s: alter(s, KEY, rateLimitWindow=36),
    ),
)

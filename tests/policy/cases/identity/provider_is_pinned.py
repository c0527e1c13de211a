from case import Case
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import marked

CASE = Case(
    rule="provider-is-pinned",
    at="neon",
    weak=(
        lambda s: alter(s, "neon", version=""),
        lambda s: alter(s, "neon", version="1"),
        lambda s: alter(s, "neon", version=">=0.15.0"),
        lambda s: alter(s, "neon", version=1.0),
    ),
    absent=(lambda s: alter(s, "neon", version=ABSENT),),
    unknown=(lambda s: alter(s, "neon", version=UNKNOWN),),
    secret=(marked("neon", "version"),),
    fine=(lambda s: alter(s, "neon", version="1.0.0-alpha.1+build"),),
)

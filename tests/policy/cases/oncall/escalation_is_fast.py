from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.oncall import POLICY, calmer

CASE = Case(
    rule="escalation-is-fast",
    at=POLICY,
    weak=(
        lambda s: alter(s, POLICY, rules__0__escalationDelayInMinutes=6),
        lambda s: alter(s, POLICY, rules__0__escalationDelayInMinutes=0),
    ),
    absent=(
        lambda s: alter(s, POLICY, rules__0__escalationDelayInMinutes=ABSENT),
        lambda s: alter(s, POLICY, rules=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, POLICY, rules__0__escalationDelayInMinutes=UNKNOWN),
        lambda s: alter(s, POLICY, rules=UNKNOWN),
    ),
    secret=(lambda s: alter(s, POLICY, rules__0__escalationDelayInMinutes=secret(5)),),
    fine=(
        lambda s: alter(s, POLICY, rules__0__escalationDelayInMinutes=1),
        lambda s: alter(s, POLICY, rules__1__escalationDelayInMinutes=60),
        lambda s: alter(calmer(s), POLICY, rules__0__escalationDelayInMinutes=60),
    ),
)

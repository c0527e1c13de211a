from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.oncall import COMPONENT, POLICY, SCHEDULE, calmer, person_of, rules_of

CASE = Case(
    rule="escalation-reaches-second-person",
    at=POLICY,
    weak=(
        lambda s: alter(s, POLICY, rules=rules_of(s)[:1]),
        lambda s: alter(s, POLICY, rules=rules_of(s)[1:] * 2),
        lambda s: alter(s, POLICY, rules__1__targets=rules_of(s)[0]["targets"]),
        lambda s: alter(s, POLICY, rules__1__targets__0__id=person_of(s)),
        lambda s: alter(s, SCHEDULE, layers__0__rotationTurnLengthSeconds=365.0 * 86_400),
        lambda s: alter(without(s, COMPONENT), POLICY, rules=rules_of(s)[:1]),
    ),
    absent=(
        lambda s: alter(s, POLICY, rules=ABSENT),
        lambda s: alter(s, POLICY, rules=[]),
        lambda s: alter(s, POLICY, rules__1__targets=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, POLICY, rules=UNKNOWN),
        lambda s: alter(s, POLICY, rules__1__targets__0__id=UNKNOWN),
        lambda s: alter(s, POLICY, rules__1__targets__0__type=UNKNOWN),
        lambda s: alter(s, SCHEDULE, layers__0__users__0=UNKNOWN),
    ),
    secret=(lambda s: alter(s, POLICY, rules__1__targets__0__id=secret("PX")),),
    fine=(
        lambda s: alter(s, SCHEDULE, layers__0__rotationTurnLengthSeconds=14.0 * 86_400),
        lambda s: alter(s, POLICY, rules__1__targets__0__id="P-other"),
        lambda s: alter(calmer(s), POLICY, rules=rules_of(s)[:1]),
    ),
)

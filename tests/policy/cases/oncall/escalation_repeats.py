from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.oncall import POLICY, calmer

CASE = Case(
    rule="escalation-repeats",
    at=POLICY,
    weak=(lambda s: alter(s, POLICY, numLoops=0),),
    absent=(lambda s: alter(s, POLICY, numLoops=ABSENT),),
    unknown=(lambda s: alter(s, POLICY, numLoops=UNKNOWN),),
    secret=(lambda s: alter(s, POLICY, numLoops=secret(2)),),
    fine=(lambda s: alter(s, POLICY, numLoops=9), lambda s: alter(calmer(s), POLICY, numLoops=0)),
)

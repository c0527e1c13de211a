from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.stores import PROJECT, urn_of

CASE = Case(
    rule="store-is-drilled",
    at="files",
    weak=(
        lambda s: alter(s, "job-drill", schedule="23 4 1 * *"),
        lambda s: alter(s, "job-drill", schedule="weekly"),
        lambda s: alter(s, "job-drill", drills=[urn_of(s, PROJECT)]),
    ),
    absent=(
        lambda s: alter(s, "job-drill", schedule=ABSENT),
        lambda s: alter(s, "job-drill", drills=ABSENT),
        lambda s: without(s, "job-drill"),
    ),
    unknown=(
        lambda s: alter(s, "job-drill", schedule=UNKNOWN),
        lambda s: alter(s, "job-drill", drills=[UNKNOWN]),
    ),
    secret=(lambda s: alter(s, "job-drill", schedule=secret("23 4 * * 6")),),
    fine=(lambda s: alter(s, "job-drill", schedule="23 4 * * *"),),
)

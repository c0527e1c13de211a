from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.stores import PROJECT, VAULT, urn_of

_JOB = "job-elsewhere"

CASE = Case(
    rule="store-has-copy-elsewhere",
    at=PROJECT,
    weak=(
        lambda s: alter(s, _JOB, mirrors=[]),
        lambda s: alter(s, _JOB, copies=[]),
        lambda s: alter(s, _JOB, copies=[urn_of(s, VAULT)]),
        lambda s: alter(s, "elsewhere", failureDomain__cloud="aws"),
        lambda s: alter(s, "elsewhere", failureDomain__cloud="AWS"),
        lambda s: alter(s, "elsewhere", lockMode="GOVERNANCE"),
        lambda s: alter(s, "elsewhere", lockDays=7),
        lambda s: alter(s, "elsewhere", encryptedTo=[]),
    ),
    absent=(
        lambda s: alter(s, _JOB, mirrors=ABSENT),
        lambda s: alter(s, "elsewhere", failureDomain=ABSENT),
        lambda s: alter(s, "elsewhere", lockMode=ABSENT),
        lambda s: alter(s, "elsewhere", encryptedTo=ABSENT),
        lambda s: without(s, _JOB),
        lambda s: without(s, "elsewhere"),
    ),
    unknown=(
        lambda s: alter(s, _JOB, mirrors=[UNKNOWN]),
        lambda s: alter(s, "elsewhere", failureDomain=UNKNOWN),
        lambda s: alter(s, "elsewhere", lockDays=UNKNOWN),
    ),
    secret=(lambda s: alter(s, "elsewhere", lockMode=secret("COMPLIANCE")),),
    fine=(
        lambda s: alter(s, "elsewhere", lockDays=400),
        lambda s: alter(s, "elsewhere", failureDomain__cloud="gcp"),
    ),
)

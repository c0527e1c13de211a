from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, find_toy, secret, without

_NO_STORE = "urn:pulumi:prod::bulwark::aws:s3/bucketPolicy:BucketPolicy::backups-vault-policy"

CASE = Case(
    rule="job-protects-something",
    at="job-database",
    weak=(
        lambda s: alter(s, "job-database", protects=[]),
        lambda s: alter(s, "job-database", protects=[_NO_STORE]),
        lambda s: alter(s, "job-database", protects=[find_toy(s, "database-project").urn, _NO_STORE]),
        lambda s: alter(s, "job-database", drills=["database"]),
        lambda s: alter(s, "job-database", proves=["database"]),
        lambda s: without(s, "database-project"),
    ),
    absent=(
        lambda s: alter(s, "job-database", protects=ABSENT),
        lambda s: alter(s, "job-database", protects=ABSENT, drills=ABSENT),
    ),
    unknown=(lambda s: alter(s, "job-database", protects=[UNKNOWN]),),
    secret=(lambda s: alter(s, "job-database", protects=secret([find_toy(s, "database-project").urn])),),
    fine=(lambda s: alter(s, "job-database", drills=[find_toy(s, "files").urn]),),
)

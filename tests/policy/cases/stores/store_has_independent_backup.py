from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.stores import PROJECT, VAULT, urn_of

CASE = Case(
    rule="store-has-independent-backup",
    at=PROJECT,
    weak=(
        lambda s: alter(s, "job-database", copies=[]),
        lambda s: alter(s, "job-database", copies=["urn:pulumi:prod::shop::aws:s3/bucket:Bucket::other"]),
        lambda s: alter(s, "job-database", protects=[]),
        # The only copy is in the region that hosts the database.
        lambda s: alter(
            alter(s, "job-database", copies=[urn_of(s, VAULT)]), "database-project", regionId="aws-eu-west-1"
        ),
    ),
    absent=(
        lambda s: alter(s, "job-database", copies=ABSENT),
        lambda s: alter(s, "job-database", protects=ABSENT),
        lambda s: without(s, "job-database"),
    ),
    unknown=(
        lambda s: alter(s, "job-database", copies=[UNKNOWN]),
        lambda s: alter(s, "job-database", protects=[UNKNOWN]),
    ),
    secret=(lambda s: alter(s, "job-database", protects=secret([urn_of(s, PROJECT)])),),
    fine=(lambda s: alter(s, "job-database", copies=[urn_of(s, VAULT)]),),
)

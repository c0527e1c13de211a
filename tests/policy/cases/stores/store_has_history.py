from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.stores import PROJECT, with_other

CASE = Case(
    rule="store-has-history",
    at=PROJECT,
    weak=(
        lambda s: alter(s, PROJECT, historyRetentionSeconds=604_799),
        lambda s: alter(s, PROJECT, historyRetentionSeconds=0),
        lambda s: alter(s, PROJECT, historyRetentionSeconds="604800"),
    ),
    absent=(lambda s: alter(s, PROJECT, historyRetentionSeconds=ABSENT),),
    unknown=(lambda s: alter(s, PROJECT, historyRetentionSeconds=UNKNOWN),),
    secret=(lambda s: alter(s, PROJECT, historyRetentionSeconds=secret(604_800)),),
    fine=(
        lambda s: alter(s, PROJECT, historyRetentionSeconds=2_592_000),
        lambda s: [*s, *with_other("aws:rds/instance:Instance", backupRetentionPeriod=7)],
        lambda s: [*s, *with_other("aws:dynamodb/table:Table", pointInTimeRecovery={"enabled": True})],
        lambda s: [*s, *with_other("aws:s3/bucket:Bucket", versioning={"enabled": True})],
    ),
)

from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.stores import PROJECT

CASE = Case(
    rule="store-backups-outlast-corruption",
    at=PROJECT,
    weak=(
        lambda s: alter(s, "job-database", retentionDays=14),
        lambda s: alter(s, "job-database", retentionDays="35"),
        lambda s: alter(s, "example", objectives__corruption_noticed_within_days=35),
        lambda s: alter(
            alter(s, "example", objectives__corruption_noticed_within_days=1),
            "job-database",
            retentionDays=14,
        ),
        lambda s: alter(s, "job-database", protects=[]),
    ),
    absent=(
        lambda s: alter(s, "job-database", retentionDays=ABSENT),
        lambda s: alter(s, "example", objectives__corruption_noticed_within_days=ABSENT),
        lambda s: without(s, "job-database"),
    ),
    unknown=(
        lambda s: alter(s, "job-database", retentionDays=UNKNOWN),
        lambda s: alter(s, "job-database", protects=[UNKNOWN]),
        lambda s: alter(s, "example", objectives__corruption_noticed_within_days=UNKNOWN),
    ),
    secret=(lambda s: alter(s, "job-database", retentionDays=secret(35)),),
    fine=(lambda s: alter(s, "job-database", retentionDays=14.5),),
)

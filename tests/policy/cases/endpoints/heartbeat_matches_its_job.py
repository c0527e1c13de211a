from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

CASE = Case(
    rule="heartbeat-matches-its-job",
    at="job-database",
    weak=(
        lambda s: alter(s, "job-database-heartbeat", interval=172_800),
        lambda s: alter(s, "job-database-heartbeat", interval=3_600),
        lambda s: alter(s, "job-database-heartbeat", gracePeriod=86_400),
        lambda s: alter(s, "job-database", schedule="17 2 * * 1"),
        lambda s: alter(s, "job-database", schedule="daily"),
        lambda s: alter(s, "job-database", latenessMinutes=5),
        lambda s: alter(s, "job-database", longestRunMinutes=5),
    ),
    absent=(
        lambda s: alter(s, "job-database-heartbeat", interval=ABSENT),
        lambda s: alter(s, "job-database-heartbeat", gracePeriod=ABSENT),
        lambda s: alter(s, "job-database", schedule=ABSENT),
        lambda s: alter(s, "job-database", latenessMinutes=ABSENT),
        lambda s: alter(s, "job-database", longestRunMinutes=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, "job-database-heartbeat", interval=UNKNOWN),
        lambda s: alter(s, "job-database-heartbeat", gracePeriod=UNKNOWN),
        lambda s: alter(s, "job-database", schedule=UNKNOWN),
        lambda s: alter(s, "job-database", latenessMinutes=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, "job-database-heartbeat", interval=secret(86_400)),
        lambda s: alter(s, "job-database", schedule=secret("17 2 * * *")),
    ),
    fine=(
        lambda s: alter(
            alter(s, "job-database", schedule="0 0 1 */6 *"),
            "job-database-heartbeat",
            interval=2_678_400,
        ),
        lambda s: alter(
            alter(s, "job-database", latenessMinutes=2_000),
            "job-database-heartbeat",
            gracePeriod=86_400,
        ),
    ),
)

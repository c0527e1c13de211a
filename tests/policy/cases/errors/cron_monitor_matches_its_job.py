from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.errors import CRON

CASE = Case(
    rule="cron-monitor-matches-its-job",
    at="job-database",
    weak=(
        lambda s: alter(s, CRON, schedule__crontab="17 2 * * 1"),
        lambda s: alter(s, CRON, schedule={"intervalUnit": "day", "intervalValue": 1}),
        lambda s: alter(s, CRON, timezone="Europe/Berlin"),
        lambda s: alter(s, CRON, checkinMarginMinutes=240),
        lambda s: alter(s, CRON, maxRuntimeMinutes=600),
        lambda s: alter(s, CRON, failureIssueThreshold=2),
        lambda s: alter(s, CRON, recoveryThreshold=2),
        lambda s: alter(s, CRON, recoveryThreshold=365),
        lambda s: alter(s, "job-database", latenessMinutes=30),
    ),
    absent=(
        lambda s: alter(s, CRON, schedule=ABSENT),
        lambda s: alter(s, CRON, timezone=ABSENT),
        lambda s: alter(s, CRON, checkinMarginMinutes=ABSENT),
        lambda s: alter(s, CRON, maxRuntimeMinutes=ABSENT),
        lambda s: alter(s, CRON, failureIssueThreshold=ABSENT),
        lambda s: alter(s, "job-database", schedule=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, CRON, schedule=UNKNOWN),
        lambda s: alter(s, CRON, timezone=UNKNOWN),
        lambda s: alter(s, CRON, checkinMarginMinutes=UNKNOWN),
        lambda s: alter(s, CRON, maxRuntimeMinutes=UNKNOWN),
        lambda s: alter(s, CRON, failureIssueThreshold=UNKNOWN),
        lambda s: alter(s, CRON, recoveryThreshold=UNKNOWN),
        lambda s: alter(s, "job-database", longestRunMinutes=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, CRON, schedule__crontab=secret("17 2 * * *")),
        lambda s: alter(s, "job-database", latenessMinutes=secret(120)),
    ),
    fine=(lambda s: alter(s, CRON, recoveryThreshold=ABSENT),),
)

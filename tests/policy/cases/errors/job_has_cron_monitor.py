from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, find_toy, secret, without

from cases.errors import CRON

CASE = Case(
    rule="job-has-cron-monitor",
    at="job-database",
    weak=(
        lambda s: alter(s, CRON, enabled=False),
        lambda s: [replace(find_toy(s, CRON), parent="errors"), *without(s, CRON)],
    ),
    absent=(lambda s: without(s, CRON), lambda s: alter(s, CRON, enabled=ABSENT)),
    unknown=(lambda s: alter(s, CRON, enabled=UNKNOWN),),
    secret=(lambda s: alter(s, CRON, enabled=secret(value=True)),),
)

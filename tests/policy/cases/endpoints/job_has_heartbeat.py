from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

CASE = Case(
    rule="job-has-heartbeat",
    at="job-database",
    weak=(
        lambda s: alter(s, "job-database-heartbeat", isPaused=True),
        lambda s: alter(s, "job-database-heartbeat", type="HTTP"),
    ),
    absent=(
        lambda s: without(s, "job-database-heartbeat"),
        lambda s: alter(s, "job-database-heartbeat", isPaused=ABSENT),
        lambda s: alter(s, "job-database-heartbeat", type=ABSENT),
    ),
    unknown=(lambda s: alter(s, "job-database-heartbeat", isPaused=UNKNOWN),),
    secret=(
        lambda s: alter(s, "job-database-heartbeat", isPaused=secret(value=False)),
        lambda s: alter(s, "job-database-heartbeat", type=secret("HEARTBEAT")),
    ),
)

from case import Case
from policy_harness import UNKNOWN, alter, secret, with_options

from cases.identity import marked

CASE = Case(
    rule="secret-outputs-are-marked",
    at="job-database-heartbeat",
    weak=(
        lambda s: with_options(s, "job-database-heartbeat", additionalSecretOutputs=["httpPassword"]),
        lambda s: alter(
            with_options(s, "job-database-heartbeat", additionalSecretOutputs=[]),
            "job-database-heartbeat",
            type=secret("HEARTBEAT"),
        ),
    ),
    absent=(lambda s: with_options(s, "job-database-heartbeat", additionalSecretOutputs=[]),),
    unknown=(
        lambda s: alter(
            with_options(s, "job-database-heartbeat", additionalSecretOutputs=[]),
            "job-database-heartbeat",
            type=UNKNOWN,
        ),
    ),
    secret=(marked("job-database-heartbeat", "type"),),
    fine=(lambda s: with_options(s, "uptime-backend-health", additionalSecretOutputs=[]),),
)

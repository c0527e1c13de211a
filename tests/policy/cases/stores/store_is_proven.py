from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.stores import PROJECT, urn_of

_JOB = "job-proof"

CASE = Case(
    rule="store-is-proven",
    at="files",
    weak=(
        lambda s: alter(s, _JOB, schedule="47 2 * * 1-6"),
        lambda s: alter(s, _JOB, schedule="each night"),
        lambda s: alter(s, _JOB, latenessMinutes=301),
        lambda s: alter(s, _JOB, longestRunMinutes=121),
        lambda s: alter(s, _JOB, proves=[urn_of(s, PROJECT)]),
        lambda s: alter(s, "job-files", schedule="47 */6 * * *"),
        lambda s: alter(s, "example", objectives__proof_age_hours=28),
        lambda s: alter(s, "job-files", objectives={"proof_age_hours": 28}),
    ),
    absent=(
        lambda s: alter(s, _JOB, schedule=ABSENT),
        lambda s: alter(s, _JOB, latenessMinutes=ABSENT),
        lambda s: alter(s, _JOB, longestRunMinutes=ABSENT),
        lambda s: alter(s, _JOB, proves=ABSENT),
        lambda s: alter(s, "example", objectives__proof_age_hours=ABSENT),
        lambda s: without(s, _JOB),
    ),
    unknown=(
        lambda s: alter(s, _JOB, schedule=UNKNOWN),
        lambda s: alter(s, _JOB, latenessMinutes=UNKNOWN),
        lambda s: alter(s, _JOB, proves=[UNKNOWN]),
        lambda s: alter(s, "example", objectives=UNKNOWN),
    ),
    secret=(lambda s: alter(s, _JOB, schedule=secret("47 2 * * *")),),
    fine=(
        lambda s: alter(alter(s, _JOB, schedule="47 */6 * * *"), "job-files", schedule="17 */6 * * *"),
        lambda s: alter(s, _JOB, latenessMinutes=300),
        lambda s: alter(s, "example", objectives=ABSENT),
        lambda s: alter(s, "example", objectives__proof_age_hours=100),
        lambda s: alter(
            alter(
                alter(s, "example", objectives__proof_age_hours=28),
                "job-files",
                objectives={"proof_age_hours": 30},
            ),
            "job-database",
            objectives={"proof_age_hours": 30},
        ),
    ),
)

from collections.abc import Sequence
from typing import Any

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, alter, secret, without


def _silent(stack: Sequence[Toy], **changes: Any) -> list[Toy]:
    """Change the heartbeat (isPaused) and the cron monitor (enabled) of the files' job."""
    beat = alter(stack, "job-files-heartbeat", isPaused=changes["isPaused"])
    return alter(beat, "job-files-cron", enabled=changes["enabled"])


CASE = Case(
    rule="store-loss-is-within-objective",
    at="files",
    weak=(
        lambda s: alter(s, "job-files", schedule="47 2 * * 1-6"),
        lambda s: alter(s, "job-files", schedule="0 0 30 2 *"),
        lambda s: alter(s, "job-files", schedule="every night"),
        lambda s: alter(s, "job-files", latenessMinutes=121),
        lambda s: alter(s, "job-files", longestRunMinutes=46),
        lambda s: alter(s, "backups-replication", rules__0__destination__replicationTime__time__minutes=16),
        lambda s: alter(s, "backups-replication", rules__0__destination__replicationTime__status="Disabled"),
        lambda s: alter(s, "example", objectives__independent_recovery_point_hours=26),
        lambda s: alter(s, "job-files", objectives={"independent_recovery_point_hours": 26}),
        lambda s: _silent(s, isPaused=True, enabled=False),
        lambda s: without(s, "job-files-heartbeat", "job-files-cron"),
    ),
    absent=(
        lambda s: alter(s, "job-files", schedule=ABSENT),
        lambda s: alter(s, "job-files", latenessMinutes=ABSENT),
        lambda s: alter(s, "job-files", longestRunMinutes=ABSENT),
        lambda s: alter(s, "backups-replication", rules__0__destination__replicationTime=ABSENT),
        lambda s: alter(s, "example", objectives__independent_recovery_point_hours=ABSENT),
        lambda s: without(s, "job-files"),
    ),
    unknown=(
        lambda s: alter(s, "job-files", schedule=UNKNOWN),
        lambda s: alter(s, "job-files", latenessMinutes=UNKNOWN),
        lambda s: alter(s, "job-files", protects=[UNKNOWN]),
        lambda s: alter(s, "example", objectives=UNKNOWN),
        lambda s: _silent(s, isPaused=UNKNOWN, enabled=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, "job-files", schedule=secret("47 2 * * *")),
        lambda s: alter(s, "example", objectives__independent_recovery_point_hours=secret(27)),
    ),
    fine=(
        lambda s: alter(s, "job-files", schedule="47 */6 * * *"),
        lambda s: alter(s, "example", objectives=ABSENT),
        lambda s: alter(s, "example", objectives__independent_recovery_point_hours=100),
        lambda s: without(s, "job-files-heartbeat"),
    ),
)

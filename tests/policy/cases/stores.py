"""The rules about data stores."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from case import Case
from policy_harness import ABSENT, NOW, UNKNOWN, Told, Toy, altered, named, secret, with_options, without

from policies.framework.drill_history import Drills, StoreHistory

_PLAN = "database"
_PROJECT = "database-project"
_VAULT = "backups-vault-bucket"


def _with(token: str, **inputs: Any) -> list[Toy]:
    return [Toy(token, "other", inputs, provider="other-provider", options={"protect": True})]


def _ago(days: int, hours: int = 0) -> datetime:
    return NOW - timedelta(days=days, hours=hours)


def _told(stack: Sequence[Toy], known: StoreHistory) -> Told:
    return Told(stack, Drills(NOW, stores={named(stack, _PROJECT).urn: known}))


CASES = (
    Case(
        rule="store-type-is-known",
        at="other",
        weak=(
            lambda s: [*s, *_with("vendor:module/strangeBucket:StrangeBucket")],
            lambda s: [*s, *_with("mongodbatlas:index/cluster:Cluster")],
        ),
        absent=(),
        unknown=(),
        fine=(
            lambda s: [*s, *_with("aws:dynamodb/table:Table")],
            lambda s: [*s, *_with("aws:ecs/cluster:Cluster")],
        ),
    ),
    Case(
        rule="store-has-history",
        at=_PROJECT,
        weak=(
            lambda s: altered(s, _PROJECT, historyRetentionSeconds=604_799),
            lambda s: altered(s, _PROJECT, historyRetentionSeconds=0),
            lambda s: altered(s, _PROJECT, historyRetentionSeconds="604800"),
        ),
        absent=(lambda s: altered(s, _PROJECT, historyRetentionSeconds=ABSENT),),
        unknown=(lambda s: altered(s, _PROJECT, historyRetentionSeconds=UNKNOWN),),
        secret=(lambda s: altered(s, _PROJECT, historyRetentionSeconds=secret(604_800)),),
        fine=(
            lambda s: altered(s, _PROJECT, historyRetentionSeconds=2_592_000),
            lambda s: [*s, *_with("aws:rds/instance:Instance", backupRetentionPeriod=7)],
            lambda s: [*s, *_with("aws:dynamodb/table:Table", pointInTimeRecovery={"enabled": True})],
            lambda s: [*s, *_with("aws:s3/bucket:Bucket", versioning={"enabled": True})],
        ),
    ),
    Case(
        rule="store-history-fits-plan",
        at=_PROJECT,
        weak=(
            lambda s: altered(s, _PROJECT, historyRetentionSeconds=604_801),
            lambda s: altered(s, _PLAN, plan="free"),
            lambda s: altered(s, _PLAN, plan="whatever"),
        ),
        absent=(
            lambda s: altered(s, _PROJECT, historyRetentionSeconds=ABSENT),
            lambda s: altered(altered(s, _PLAN, plan=ABSENT), _PROJECT, historyRetentionSeconds=2_592_000),
        ),
        unknown=(
            lambda s: altered(s, _PROJECT, historyRetentionSeconds=UNKNOWN),
            lambda s: altered(s, _PLAN, plan=UNKNOWN),
        ),
        secret=(lambda s: altered(s, _PLAN, plan=secret("launch")),),
        fine=(
            lambda s: altered(altered(s, _PLAN, plan="scale"), _PROJECT, historyRetentionSeconds=2_592_000),
            lambda s: altered(s, _PLAN, plan=ABSENT),
        ),
    ),
    Case(
        rule="store-branch-is-protected",
        at=_PROJECT,
        weak=(lambda s: altered(s, _PROJECT, defaultBranchProtected=False),),
        absent=(lambda s: altered(s, _PROJECT, defaultBranchProtected=ABSENT),),
        unknown=(lambda s: altered(s, _PROJECT, defaultBranchProtected=UNKNOWN),),
        secret=(lambda s: altered(s, _PROJECT, defaultBranchProtected=secret(True)),),
    ),
    Case(
        rule="store-is-protected",
        at=_VAULT,
        weak=(lambda s: with_options(s, _VAULT, protect=False),),
        absent=(
            lambda s: [
                Toy(toy.type, toy.name, toy.inputs, toy.parent, provider=toy.provider)
                if toy.name == _VAULT
                else toy
                for toy in s
            ],
        ),
        unknown=(),
    ),
    Case(
        rule="store-keeps-its-identity",
        at=_PROJECT,
        weak=(
            lambda s: with_options(s, _PROJECT, ignoreChanges=["quota"]),
            lambda s: with_options(s, _PROJECT, deleteBeforeReplace=True),
            lambda s: altered(s, _PROJECT, orgId=""),
        ),
        absent=(
            lambda s: with_options(s, _PROJECT, ignoreChanges=[]),
            lambda s: altered(s, _PROJECT, orgId=ABSENT),
            lambda s: altered(s, _PROJECT, regionId=ABSENT),
            lambda s: altered(s, _PROJECT, pgVersion=ABSENT),
        ),
        unknown=(lambda s: altered(s, _PROJECT, orgId=UNKNOWN),),
        secret=(lambda s: altered(s, _PROJECT, orgId=secret("org-example-00000000")),),
        fine=(lambda s: with_options(s, _PROJECT, ignoreChanges=["*"]),),
    ),
    Case(
        rule="store-has-independent-backup",
        at=_PROJECT,
        weak=(
            lambda s: altered(s, "job-database", copies=[]),
            lambda s: altered(
                s, "job-database", copies=["urn:pulumi:prod::shop::aws:s3/bucket:Bucket::other"]
            ),
            lambda s: altered(s, "job-database", protects=[]),
        ),
        absent=(
            lambda s: altered(s, "job-database", copies=ABSENT),
            lambda s: altered(s, "job-database", protects=ABSENT),
            lambda s: without(s, "job-database"),
        ),
        unknown=(
            lambda s: altered(s, "job-database", copies=[UNKNOWN]),
            lambda s: altered(s, "job-database", protects=[UNKNOWN]),
        ),
        secret=(lambda s: altered(s, "job-database", protects=secret([_urn(s, _PROJECT)])),),
        fine=(lambda s: altered(s, "job-database", copies=[_urn(s, _VAULT)]),),
    ),
    Case(
        rule="store-loss-is-within-objective",
        at="files",
        weak=(
            lambda s: altered(s, "job-files", schedule="47 2 * * 1-6"),
            lambda s: altered(s, "job-files", schedule="0 0 30 2 *"),
            lambda s: altered(s, "job-files", schedule="every night"),
            lambda s: altered(s, "job-files", latenessMinutes=121),
            lambda s: altered(s, "job-files", longestRunMinutes=46),
            lambda s: altered(
                s, "backups-replication", rules__0__destination__replicationTime__time__minutes=16
            ),
            lambda s: altered(
                s, "backups-replication", rules__0__destination__replicationTime__status="Disabled"
            ),
            lambda s: altered(s, "example", objectives__independent_recovery_point_hours=26),
            lambda s: _silent(s, isPaused=True, enabled=False),
            lambda s: without(s, "job-files-heartbeat", "job-files-cron"),
        ),
        absent=(
            lambda s: altered(s, "job-files", schedule=ABSENT),
            lambda s: altered(s, "job-files", latenessMinutes=ABSENT),
            lambda s: altered(s, "job-files", longestRunMinutes=ABSENT),
            lambda s: altered(s, "backups-replication", rules__0__destination__replicationTime=ABSENT),
            lambda s: altered(s, "example", objectives__independent_recovery_point_hours=ABSENT),
            lambda s: without(s, "job-files"),
        ),
        unknown=(
            lambda s: altered(s, "job-files", schedule=UNKNOWN),
            lambda s: altered(s, "job-files", latenessMinutes=UNKNOWN),
            lambda s: altered(s, "job-files", protects=[UNKNOWN]),
            lambda s: altered(s, "example", objectives=UNKNOWN),
            lambda s: _silent(s, isPaused=UNKNOWN, enabled=UNKNOWN),
        ),
        secret=(
            lambda s: altered(s, "job-files", schedule=secret("47 2 * * *")),
            lambda s: altered(s, "example", objectives__independent_recovery_point_hours=secret(27)),
        ),
        fine=(
            lambda s: altered(s, "job-files", schedule="47 */6 * * *"),
            lambda s: altered(s, "example", objectives=ABSENT),
            lambda s: altered(s, "example", objectives__independent_recovery_point_hours=100),
            lambda s: without(s, "job-files-heartbeat"),
        ),
    ),
    Case(
        rule="store-backups-outlast-corruption",
        at=_PROJECT,
        weak=(
            lambda s: altered(s, "job-database", retentionDays=14),
            lambda s: altered(s, "job-database", retentionDays="35"),
            lambda s: altered(s, "example", objectives__corruption_noticed_within_days=35),
            lambda s: altered(
                altered(s, "example", objectives__corruption_noticed_within_days=1),
                "job-database",
                retentionDays=14,
            ),
            lambda s: altered(s, "job-database", protects=[]),
        ),
        absent=(
            lambda s: altered(s, "job-database", retentionDays=ABSENT),
            lambda s: altered(s, "example", objectives__corruption_noticed_within_days=ABSENT),
            lambda s: without(s, "job-database"),
        ),
        unknown=(
            lambda s: altered(s, "job-database", retentionDays=UNKNOWN),
            lambda s: altered(s, "job-database", protects=[UNKNOWN]),
            lambda s: altered(s, "example", objectives__corruption_noticed_within_days=UNKNOWN),
        ),
        secret=(lambda s: altered(s, "job-database", retentionDays=secret(35)),),
        fine=(lambda s: altered(s, "job-database", retentionDays=14.5),),
    ),
    Case(
        rule="store-drill-is-recent",
        at=_PROJECT,
        weak=(
            lambda s: _told(s, StoreHistory(_ago(99), _ago(15, hours=1))),
            lambda s: _told(s, StoreHistory(_ago(15, hours=1), None)),
            lambda s: _told(s, StoreHistory(None, _ago(16))),
            lambda s: _told(s, StoreHistory(_ago(99), _ago(-1))),
        ),
        absent=(lambda s: _told(s, StoreHistory(_ago(99), None)),),
        unknown=(lambda s: Told(s, None),),
        fine=(
            lambda s: _told(s, StoreHistory(_ago(99), _ago(15))),
            lambda s: _told(s, StoreHistory(_ago(15), None)),
            lambda s: _told(s, StoreHistory(None, _ago(1))),
            lambda s: Told(s, Drills(NOW)),
            lambda s: Told(s, Drills(NOW, rehearsal=True)),
        ),
    ),
    Case(
        rule="store-is-drilled",
        at="files",
        weak=(
            lambda s: altered(s, "job-drill", schedule="23 4 1 * *"),
            lambda s: altered(s, "job-drill", schedule="weekly"),
            lambda s: altered(s, "job-drill", drills=[_urn(s, _PROJECT)]),
        ),
        absent=(
            lambda s: altered(s, "job-drill", schedule=ABSENT),
            lambda s: altered(s, "job-drill", drills=ABSENT),
            lambda s: without(s, "job-drill"),
        ),
        unknown=(
            lambda s: altered(s, "job-drill", schedule=UNKNOWN),
            lambda s: altered(s, "job-drill", drills=[UNKNOWN]),
        ),
        secret=(lambda s: altered(s, "job-drill", schedule=secret("23 4 * * 6")),),
        fine=(lambda s: altered(s, "job-drill", schedule="23 4 * * *"),),
    ),
)


def _urn(stack: Sequence[Toy], name: str) -> str:
    return next(toy.urn for toy in stack if toy.name == name)


def _silent(stack: Sequence[Toy], **changes: Any) -> list[Toy]:
    """Change the heartbeat (isPaused) and the cron monitor (enabled) of the files' job."""
    beat = altered(stack, "job-files-heartbeat", isPaused=changes["isPaused"])
    return altered(beat, "job-files-cron", enabled=changes["enabled"])

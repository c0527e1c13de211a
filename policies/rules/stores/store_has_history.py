"""A data store that can't be restored to an earlier point in time is refused."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import BUCKET, LIFECYCLE, VERSIONING, Buckets
from policies.facts.stores import data_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message
from policies.framework.property_values import Absent, Known
from policies.framework.rule import (
    Parameters,
    Rule,
    accept_any,
    expect,
    expect_value,
    in_range,
    number_parameter,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource

_FILE_SYSTEM: Final = "aws:efs/fileSystem:FileSystem"
_BACKUP_POLICY: Final = "aws:efs/backupPolicy:BackupPolicy"
_DAY: Final = timedelta(days=1)
_TOO_SHORT: Final = "expires earlier versions too soon"
_PERIOD: Final = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": _DAY}
_Check = Callable[[Resource, PolicyStack, timedelta], list[Message]]


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    check = _CHECKS.get(store.type, _report_unknown)
    return check(store, stack, timedelta(hours=limits["minimum_hours"]))


def _check_period(store: Resource, path: LiteralString, unit: timedelta, least: timedelta) -> list[Message]:
    problems = expect(store, path, in_range(least / unit), "keeps too little")
    if all(problem.undecided for problem in problems):
        return problems
    return [message("{it} must declare " + path + " of at least {least}", it=store, least=duration(least))]


def _period(path: LiteralString, unit: timedelta) -> _Check:
    """Return the check of a store that keeps a history as long as an input says, in this unit."""
    return lambda store, _, least: _check_period(store, path, unit, least)


def _switch(path: LiteralString, length: timedelta, *values: bool | str) -> _Check:
    """Return the check of a store that keeps a history of this length if an input has one of the values."""

    def check(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
        problems = expect(store, path, one_of(*values), "does not switch on " + path)
        if not problems and length < least:
            return [message("{it} keeps {length} at most", it=store, length=duration(length))]
        return problems

    return check


def _check_dynamodb(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
    enabled = expect(store, "pointInTimeRecovery.enabled", one_of(True), "has no pointInTimeRecovery")
    # The default period is 35 days (AWS, DynamoDB, "Point-in-time recovery").
    if isinstance(store.at("pointInTimeRecovery", "recoveryPeriodInDays"), Absent):
        return enabled
    return [*enabled, *_check_period(store, "pointInTimeRecovery.recoveryPeriodInDays", _DAY, least)]


def _check_efs(store: Resource, stack: PolicyStack, _least: timedelta) -> list[Message]:
    # Automatic backups are kept for 35 days (AWS, EFS, "Automatic backups").
    policies = [
        expect(policy, "backupPolicy.status", one_of("ENABLED"), "is not ENABLED")
        for policy in stack.view(_find_backup_policies)[store.urn]
    ]
    return accept_any(policies, [message("{store} has no backup policy", store=store)])


def _find_backup_policies(stack: PolicyStack) -> dict[str, list[Resource]]:
    """Return the backup policies of each file system, by its URN."""
    by_id = {file_system.output("id"): file_system for file_system in stack.of_type(_FILE_SYSTEM)}
    policies: dict[str, list[Resource]] = defaultdict(list)
    for policy in stack.of_type(_BACKUP_POLICY):
        identifier = policy.at("fileSystemId")
        known = [by_id[identifier]] if isinstance(identifier, Known) and identifier in by_id else []
        for file_system in {*stack.dependencies(policy, "fileSystemId"), *known}:
            policies[file_system.urn].append(policy)
    return policies


def _check_bucket(store: Resource, stack: PolicyStack, least: timedelta) -> list[Message]:
    parts = [
        expect(part, "versioningConfiguration.status", one_of("Enabled"), "is not Enabled")
        for part in stack.view(Buckets).parts(store, VERSIONING)
    ]
    inline = expect(store, "versioning.enabled", one_of(True), "has no versioning")
    return [*accept_any(parts or [inline], []), *_check_expiration(store, stack, in_range(least / _DAY))]


def _check_expiration(
    store: Resource, stack: PolicyStack, fits: Callable[[float], bool]
) -> Iterator[Message]:
    for part in stack.view(Buckets).parts(store, LIFECYCLE):
        for rule in part.at("rules").each():
            days = rule.at("noncurrentVersionExpiration", "noncurrentDays")
            if rule.at("status") != Known("Disabled") and not isinstance(days, Absent):
                yield from expect_value(
                    days, part, "rules.noncurrentVersionExpiration.noncurrentDays", fits, _TOO_SHORT
                )
    for rule in store.at("lifecycleRules").each():
        days = rule.at("noncurrentVersionExpiration", "days")
        if rule.at("enabled") != Known(value=False) and not isinstance(days, Absent):
            path = "lifecycleRules.noncurrentVersionExpiration.days"
            yield from expect_value(days, store, path, fits, _TOO_SHORT)


def _check_cloud_sql(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
    backups = "settings.backupConfiguration"
    enabled = expect(store, backups + ".enabled", one_of(True), "has no backups")
    recovers = [
        expect(store, backups + "." + log, one_of(True), "does not switch on " + log)
        for log in ("pointInTimeRecoveryEnabled", "binaryLogEnabled")
    ]
    period = _check_period(store, backups + ".transactionLogRetentionDays", _DAY, least)
    return [*enabled, *accept_any(recovers, []), *period]


def _check_google_bucket(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
    # What is overwritten counts as deleted (Google Cloud, "Soft delete").
    deleted = _check_period(store, "softDeletePolicy.retentionDurationSeconds", timedelta(seconds=1), least)
    return accept_any([expect(store, "versioning.enabled", one_of(True), "has no versioning"), deleted], [])


def _check_bigquery(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
    def reaches_back(value: Any) -> bool:  # hours, as a text
        return isinstance(value, str) and value.isdecimal() and timedelta(hours=int(value)) >= least

    return expect(store, "maxTimeTravelHours", reaches_back, "keeps too little by maxTimeTravelHours")


def _check_spanner(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
    def reaches_back(value: Any) -> bool:
        match = _PERIOD.fullmatch(value) if isinstance(value, str) else None
        return match is not None and int(match[1]) * _UNITS[match[2]] >= least

    return expect(store, "versionRetentionPeriod", reaches_back, "keeps too little by versionRetentionPeriod")


def _report_no_history(store: Resource, _stack: PolicyStack, _least: timedelta) -> list[Message]:
    return [message("{store} keeps none of its own, whatever it declares", store=store)]


def _report_unknown(_store: Resource, _stack: PolicyStack, _least: timedelta) -> list[Message]:
    return [message("the pack does not know what history such a store keeps")]


_CHECKS: Final[dict[str, _Check]] = {
    "aws:docdb/cluster:Cluster": _period("backupRetentionPeriod", _DAY),
    "aws:dynamodb/table:Table": _check_dynamodb,
    "aws:ebs/volume:Volume": _report_no_history,
    _FILE_SYSTEM: _check_efs,
    # 35 days (AWS, Keyspaces, "Point-in-time recovery").
    "aws:keyspaces/table:Table": _switch("pointInTimeRecovery.status", 35 * _DAY, "ENABLED"),
    "aws:memorydb/cluster:Cluster": _period("snapshotRetentionLimit", _DAY),
    "aws:neptune/cluster:Cluster": _period("backupRetentionPeriod", _DAY),
    "aws:rds/cluster:Cluster": _period("backupRetentionPeriod", _DAY),
    "aws:rds/instance:Instance": _period("backupRetentionPeriod", _DAY),
    "aws:redshift/cluster:Cluster": _period("automatedSnapshotRetentionPeriod", _DAY),
    BUCKET: _check_bucket,
    "azure-native:dbformysql:Server": _period("backup.backupRetentionDays", _DAY),
    "azure-native:dbforpostgresql:Server": _period("backup.backupRetentionDays", _DAY),
    "azure:mssql/database:Database": _period("shortTermRetentionPolicy.retentionDays", _DAY),
    "azure:mysql/flexibleServer:FlexibleServer": _period("backupRetentionDays", _DAY),
    "azure:postgresql/flexibleServer:FlexibleServer": _period("backupRetentionDays", _DAY),
    # 7 days (DigitalOcean, "Managed Databases", backups).
    "digitalocean:index/databaseCluster:DatabaseCluster": _switch("engine", 7 * _DAY, "mysql", "pg"),
    "gcp:alloydb/cluster:Cluster": _period("continuousBackupConfig.recoveryWindowDays", _DAY),
    "gcp:bigquery/dataset:Dataset": _check_bigquery,
    # 7 days (Google Cloud, Firestore, "Point-in-time recovery").
    "gcp:firestore/database:Database": _switch(
        "pointInTimeRecoveryEnablement", 7 * _DAY, "POINT_IN_TIME_RECOVERY_ENABLED"
    ),
    "gcp:spanner/database:Database": _check_spanner,
    "gcp:sql/databaseInstance:DatabaseInstance": _check_cloud_sql,
    "gcp:storage/bucket:Bucket": _check_google_bucket,
    "kubernetes:apps/v1:StatefulSet": _report_no_history,
    "kubernetes:core/v1:PersistentVolume": _report_no_history,
    "kubernetes:core/v1:PersistentVolumeClaim": _report_no_history,
    "neon:index/project:Project": _period("historyRetentionSeconds", timedelta(seconds=1)),
}


def _subjects(stack: PolicyStack) -> list[Resource]:
    # A store that a component only publishes declares no history.
    return [store for store in data_stores(stack) if store.is_custom]


RULE: Final = Rule(
    id="store-has-history",
    title="Every data store keeps a history that reaches back far enough",
    violated="does not keep enough history",
    severity=Severity.CRITICAL,
    risk="A wrong statement or a bad deploy overwrites data, and no earlier moment is left to go back to.",
    fix=(
        "Declare the store's history: historyRetentionSeconds, backupRetentionPeriod, pointInTimeRecovery, a "
        "backup policy, or versioning whose old versions stay long enough. A volume keeps none: hold its "
        "data in another kind of store, or waive the rule."
    ),
    controls=(Control.NIST_CP_9, Control.NIST_CP_10, Control.SOC_A1_2, Control.ISO_A_8_13, Control.CIS_11_2),
    subjects=_subjects,
    judge=_judge,
    parameters=(
        number_parameter(
            "minimum_hours", 168, "how far back every history must reach, in hours", looser="lower"
        ),
    ),
)

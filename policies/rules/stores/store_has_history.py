"""A data store that can't be restored to an earlier point in time is refused."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import BUCKET, LIFECYCLE, VERSIONING, Buckets
from policies.facts.stores import KNOWN_STORES, data_stores
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


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    check = _CHECKS.get(store.type, _report_no_history)
    return check(store, stack, timedelta(hours=limits["minimum_hours"]))


def _check_period(store: Resource, path: LiteralString, unit: timedelta, least: timedelta) -> list[Message]:
    problems = expect(store, path, in_range(least / unit), "keeps too little")
    if all(problem.undecided for problem in problems):
        return problems
    return [message("{it} must declare " + path + " of at least {least}", it=store, least=duration(least))]


def _check_neon(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
    return _check_period(store, "historyRetentionSeconds", timedelta(seconds=1), least)


def _check_rds(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Message]:
    return _check_period(store, "backupRetentionPeriod", _DAY, least)


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


def _report_no_history(store: Resource, _stack: PolicyStack, _least: timedelta) -> list[Message]:
    return [message("{store} keeps none of its own, whatever it declares", store=store)]


_CHECKS: Final[dict[str, Callable[[Resource, PolicyStack, timedelta], list[Message]]]] = {
    "aws:dynamodb/table:Table": _check_dynamodb,
    _FILE_SYSTEM: _check_efs,
    "aws:rds/cluster:Cluster": _check_rds,
    "aws:rds/instance:Instance": _check_rds,
    BUCKET: _check_bucket,
    "neon:index/project:Project": _check_neon,
}


def _subjects(stack: PolicyStack) -> list[Resource]:
    # A store that a component only publishes declares no history. store-type-is-known refuses unknown types.
    return [store for store in data_stores(stack) if store.is_custom and store.type in KNOWN_STORES]


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

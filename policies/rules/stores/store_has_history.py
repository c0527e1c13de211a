"""A data store that can't be set back to an earlier moment is refused."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import BUCKET, LIFECYCLE, VERSIONING, Buckets
from policies.facts.stores import KNOWN_STORES, data_stores
from policies.framework.controls import Control
from policies.framework.messages import Text, duration, say
from policies.framework.property_values import Absent, Known
from policies.framework.rule import Parameters, Rule, at_least, best, expect, expect_of, from_to, one_of
from policies.framework.stack import PolicyStack, Resource

_FILE_SYSTEM: Final = "aws:efs/fileSystem:FileSystem"
_BACKUP_POLICY: Final = "aws:efs/backupPolicy:BackupPolicy"
_DAY: Final = timedelta(days=1)
_TOO_SHORT: Final = "expires earlier versions too soon"


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    history = _HISTORIES.get(store.type, _none)
    return history(store, stack, timedelta(hours=limits["minimum_hours"]))


def _reaches(store: Resource, path: LiteralString, unit: timedelta, least: timedelta) -> list[Text]:
    lacking = expect(store, path, from_to(least / unit), "keeps too little")
    if all(text.undecided for text in lacking):
        return lacking
    return [say("{it} must declare " + path + " of at least {least}", it=store, least=duration(least))]


def _of_neon(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Text]:
    return _reaches(store, "historyRetentionSeconds", timedelta(seconds=1), least)


def _of_rds(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Text]:
    return _reaches(store, "backupRetentionPeriod", _DAY, least)


def _of_dynamodb(store: Resource, _stack: PolicyStack, least: timedelta) -> list[Text]:
    enabled = expect(store, "pointInTimeRecovery.enabled", one_of(True), "has no pointInTimeRecovery")
    # Without a period it is 35 days (AWS, DynamoDB, "Point-in-time recovery").
    if isinstance(store.at("pointInTimeRecovery", "recoveryPeriodInDays"), Absent):
        return enabled
    return [*enabled, *_reaches(store, "pointInTimeRecovery.recoveryPeriodInDays", _DAY, least)]


def _of_efs(store: Resource, stack: PolicyStack, _least: timedelta) -> list[Text]:
    # Automatic backups are kept for 35 days (AWS, EFS, "Automatic backups").
    policies = [
        expect(policy, "backupPolicy.status", one_of("ENABLED"), "is not ENABLED")
        for policy in stack.view(_backup_policies)[store.urn]
    ]
    return best(policies, [say("{store} has no backup policy", store=store)])


def _backup_policies(stack: PolicyStack) -> dict[str, list[Resource]]:
    """Return, by the URN of its file system, each backup policy."""
    ids = {file_system.output("id"): file_system for file_system in stack.of(_FILE_SYSTEM)}
    found: dict[str, list[Resource]] = defaultdict(list)
    for policy in stack.of(_BACKUP_POLICY):
        named = policy.at("fileSystemId")
        known = [ids[named]] if isinstance(named, Known) and named in ids else []
        for file_system in {*stack.behind(policy, "fileSystemId"), *known}:
            found[file_system.urn].append(policy)
    return found


def _of_bucket(store: Resource, stack: PolicyStack, least: timedelta) -> list[Text]:
    parts = [
        expect(part, "versioningConfiguration.status", one_of("Enabled"), "is not Enabled")
        for part in stack.view(Buckets).parts(store, VERSIONING)
    ]
    inline = expect(store, "versioning.enabled", one_of(True), "has no versioning")
    return [*best(parts or [inline], []), *_expiries(store, stack, from_to(least / _DAY))]


def _expiries(store: Resource, stack: PolicyStack, fits: Callable[[float], bool]) -> Iterator[Text]:
    for part in stack.view(Buckets).parts(store, LIFECYCLE):
        for rule in part.at("rules").each():
            days = rule.at("noncurrentVersionExpiration", "noncurrentDays")
            if rule.at("status") != Known("Disabled") and not isinstance(days, Absent):
                yield from expect_of(
                    days, part, "rules.noncurrentVersionExpiration.noncurrentDays", fits, _TOO_SHORT
                )
    for rule in store.at("lifecycleRules").each():
        days = rule.at("noncurrentVersionExpiration", "days")
        if rule.at("enabled") != Known(value=False) and not isinstance(days, Absent):
            path = "lifecycleRules.noncurrentVersionExpiration.days"
            yield from expect_of(days, store, path, fits, _TOO_SHORT)


def _none(store: Resource, _stack: PolicyStack, _least: timedelta) -> list[Text]:
    return [say("{store} keeps none of its own, whatever it declares", store=store)]


_HISTORIES: Final[dict[str, Callable[[Resource, PolicyStack, timedelta], list[Text]]]] = {
    "aws:dynamodb/table:Table": _of_dynamodb,
    _FILE_SYSTEM: _of_efs,
    "aws:rds/cluster:Cluster": _of_rds,
    "aws:rds/instance:Instance": _of_rds,
    BUCKET: _of_bucket,
    "neon:index/project:Project": _of_neon,
}


def _subjects(stack: PolicyStack) -> list[Resource]:
    # What exists elsewhere declares nothing here; of types that are not known store-type-is-known speaks.
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
    parameters=(at_least("minimum_hours", 168, "how far back every history must reach, in hours"),),
)

"""A vault without a full copy in another account and region, under a key of that account, is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import REPLICATION, Buckets, vaults
from policies.facts.independence import judge_independence
from policies.facts.key_authority import find_authorities, have_nobody_in_common, join_authorities
from policies.facts.kms_keys import KmsKeys
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import (
    Parameters,
    Rule,
    accept_any,
    expect_value,
    in_range,
    number_parameter,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    alternatives = [
        [
            *judge_independence(source, target, replication, stack),
            *_check_all_rules(replication),
            *_check_rules_to(source, replication, target, stack, limits["maximum_minutes"]),
        ]
        for source, replication, target in stack.view(Buckets).replications
        if vault in (source, target)
    ]
    found = accept_any(alternatives, [message("no replication joins it with another bucket of this stack")])
    if len(stack.view(Buckets).parts(vault, REPLICATION)) > 1:
        found.append(message("a second replication of it replaces the first"))
    return found


def _check_all_rules(replication: Resource) -> Iterator[Message]:
    for rule in replication.at("rules").each():
        yield from expect_value(
            rule.at("status"),
            replication,
            "rules.status",
            one_of("Enabled"),
            "has a rule that is not enabled",
        )
        yield from expect_value(
            rule.at("deleteMarkerReplication", "status"),
            replication,
            "rules.deleteMarkerReplication",
            one_of("Disabled"),
            "must declare that delete markers stay behind",
        )


def _check_rules_to(
    source: Resource, replication: Resource, target: Resource, stack: PolicyStack, minutes: float
) -> list[Message]:
    alternatives = [
        [*_check_scope(rule, replication), *_check_rule(rule, replication, source, stack, minutes)]
        for rule in replication.at("rules").each()
        if _goes_to(rule, target, stack)
    ]
    return accept_any(
        alternatives, [message("{replication} has no rule for that bucket", replication=replication)]
    )


def _goes_to(rule: PropertyValue, target: Resource, stack: PolicyStack) -> bool:
    match rule.at("destination", "bucket"):
        case Known(str(arn)):
            return stack.view(Buckets).by_arn(arn) == target
        case Unknown():
            return True
        case _:
            return False


def _check_scope(rule: PropertyValue, replication: Resource) -> Iterator[Message]:
    prefixes = (rule.at("prefix"), rule.at("filter", "prefix"))
    narrowing = (rule.at("filter", "tag"), rule.at("filter", "and"))
    if Unknown() in (*prefixes, *narrowing):
        yield unknown_value(replication, "rules.filter")
    elif any(prefix not in (Absent(), Known("")) for prefix in prefixes) or any(
        not isinstance(value, Absent) for value in narrowing
    ):
        yield message("{replication} does not take the whole bucket", replication=replication)


def _check_rule(
    rule: PropertyValue, replication: Resource, source: Resource, stack: PolicyStack, minutes: float
) -> Iterator[Message]:
    destination = rule.at("destination")
    yield from expect_value(
        rule.at("sourceSelectionCriteria", "sseKmsEncryptedObjects", "status"),
        replication,
        "rules.sourceSelectionCriteria",
        one_of("Enabled"),
        "leaves out what KMS encrypts",
    )
    key = destination.at("encryptionConfiguration", "replicaKmsKeyId")
    keys = stack.view(KmsKeys)
    replica_keys = keys.resolve(replication, "rules", key)
    if isinstance(key, Absent) or (not replica_keys and isinstance(key, Known)):
        yield message(
            "{replication} must name a KMS key of this stack for the replica", replication=replication
        )
    elif not replica_keys:
        yield unknown_value(replication, "rules.destination.encryptionConfiguration.replicaKmsKeyId")
    else:
        apart = have_nobody_in_common(find_authorities(source, stack), join_authorities(replica_keys, stack))
        if apart is None:
            yield unknown_value(replication, "rules.destination.encryptionConfiguration.replicaKmsKeyId")
        elif not apart:
            yield message(
                "{replication} encrypts the replica with a key that the source's account can take away",
                replication=replication,
            )
    if not isinstance(destination.at("metrics"), Absent):
        yield from expect_value(
            destination.at("metrics", "status"),
            replication,
            "rules.destination.metrics",
            one_of("Enabled"),
            "tells nobody of a copy that fails",
        )
    time = destination.at("replicationTime")
    yield from expect_value(
        time.at("status"),
        replication,
        "rules.destination.replicationTime",
        one_of("Enabled"),
        "must declare that replication takes a limited time",
    )
    yield from expect_value(
        time.at("time", "minutes"),
        replication,
        "rules.destination.replicationTime",
        in_range(1, minutes),
        "must declare a replication time that is short enough",
    )


RULE: Final = Rule(
    id="vault-is-replicated",
    title="Every bucket that holds backups has a full copy in another account and region, within minutes",
    violated="is not replicated",
    severity=Severity.CRITICAL,
    risk="One account's administrator, one region or one key takes all copies of the backups.",
    fix=(
        "Declare a BucketReplicationConfig to a vault in another account and region: one Enabled rule for "
        "the whole bucket, objects that KMS encrypts included, delete markers not, with a key of that "
        "account and a replication time."
    ),
    controls=(Control.NIST_CP_6_1, Control.ISO_A_8_14, Control.CIS_11_4, Control.SOC_A1_2),
    subjects=vaults,
    judge=_judge,
    # S3 Replication Time Control knows 15 minutes alone (AWS S3, "Using S3 Replication Time Control").
    parameters=(
        number_parameter(
            "maximum_minutes", 15, "after how many minutes the replica must have a backup", looser="higher"
        ),
    ),
)

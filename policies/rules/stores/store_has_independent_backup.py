"""A data store without a backup in another failure domain is refused."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import ENCRYPTION, Buckets
from policies.facts.failure_domain import FailureDomain
from policies.facts.jobs import backup_jobs_of, copies_of, describe_missing_job, has_unknown_urns
from policies.facts.stores import data_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue
from policies.framework.rule import Parameters, Rule, accept_any, expect_value, one_of
from policies.framework.stack import PolicyStack, Resource

_KEY: Final = "aws:kms/key:Key"


def _judge(store: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    jobs = [_check_distance(store, job, copies_of(job, stack), stack) for job in backup_jobs_of(store, stack)]
    # A vault is backed up by replication: source and replica are each other's backup.
    replicas = [
        [*_check_distance(store, replication, [other], stack), *_check_content(replication)]
        for replication, other in stack.view(_find_replications)[store.urn]
    ]
    return accept_any(
        [*jobs, *replicas], describe_missing_job(stack, "protects", "no scheduled job protects it")
    )


def _find_replications(stack: PolicyStack) -> dict[str, list[tuple[Resource, Resource]]]:
    """Return each bucket's replications with the bucket at the other end, by the bucket's URN."""
    replications: dict[str, list[tuple[Resource, Resource]]] = defaultdict(list)
    for source, replication, target in stack.view(Buckets).replications:
        replications[source.urn].append((replication, target))
        replications[target.urn].append((replication, source))
    return replications


def _check_distance(
    store: Resource, maker: Resource, targets: list[Resource], stack: PolicyStack
) -> list[Message]:
    home = FailureDomain.of(store, stack)
    distances = [(target, FailureDomain.of(target, stack).is_apart_from(home)) for target in targets]
    apart = [target for target, is_apart in distances if is_apart]
    own = _find_keys(store, stack)
    if any(not own & _find_keys(target, stack) for target in apart):
        return []
    if apart:
        return [message("the key that encrypts it encrypts the copies of {maker}, too", maker=maker)]
    if has_unknown_urns(maker, "copies"):
        return [unknown_value(maker, "copies")]
    if unknown := [target for target, is_apart in distances if is_apart is None]:
        return [unknown_value(bucket, "failure domain") for bucket in (store, *unknown)]
    return [
        message(
            "{maker} makes no copy in a bucket of this stack in another provider, account or region than the "
            "store's",
            maker=maker,
        )
    ]


def _find_keys(store: Resource, stack: PolicyStack) -> set[str]:
    """Return the URNs and ids of the customer managed keys that encrypt a bucket."""
    configurations = [
        (store, "serverSideEncryptionConfiguration"),
        *((part, "rules") for part in stack.view(Buckets).parts(store, ENCRYPTION)),
    ]
    keys = {
        key.urn for part, name in configurations for key in stack.dependencies(part, name) if key.type == _KEY
    }
    for part, name in configurations:
        for rule in part.at(name).each():
            match rule.at("applyServerSideEncryptionByDefault", "kmsMasterKeyId"):
                # The same alias names another key in each account and region; the same id is the same key.
                case Known(str(key)) if not key.startswith("alias/"):
                    keys.add(key.rpartition(":key/")[2])
                case _:
                    pass
    return keys


def _check_content(replication: Resource) -> list[Message]:
    """Check that one rule is enabled and covers the whole bucket."""
    rules = [
        [
            *expect_value(
                rule.at("status"), replication, "rules.status", one_of("Enabled"), "has a rule that is off"
            ),
            *_check_scope(replication, rule),
        ]
        for rule in replication.at("rules").each()
    ]
    return accept_any(rules, [message("{replication} has no rule", replication=replication)])


def _check_scope(replication: Resource, rule: PropertyValue) -> list[Message]:
    filters = [rule.at("prefix"), *(rule.at("filter", part) for part in ("prefix", "tag", "and"))]
    return [
        problem
        for value in filters
        if not isinstance(value, Absent)
        for problem in expect_value(
            value, replication, "rules.filter", one_of(""), "does not take the whole bucket"
        )
    ]


RULE: Final = Rule(
    id="store-has-independent-backup",
    title="Every data store has a backup with another provider, or in another account or region",
    violated="has no independent backup",
    severity=Severity.CRITICAL,
    risk="The store's history goes down with it: a deleted project, closed account or lost region takes all.",
    fix=(
        "Declare a ScheduledJob that protects the store and whose copies are in a vault elsewhere; replicate "
        "a bucket that holds backups, as a whole, into another region, encrypted with a key of its own there."
    ),
    controls=(
        Control.NIST_CP_6_1,
        Control.NIST_CP_9,
        Control.SOC_A1_2,
        Control.ISO_A_8_13,
        Control.CIS_11_4,
    ),
    subjects=data_stores,
    judge=_judge,
    waivable=False,
)

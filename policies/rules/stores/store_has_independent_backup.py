"""A data store without a backup in another failure domain is refused."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import Buckets
from policies.facts.independence import judge_independence
from policies.facts.jobs import backup_jobs_of, copies_of, describe_missing_job, has_unknown_urns
from policies.facts.stores import data_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, PropertyValue
from policies.framework.rule import Parameters, Rule, accept_any, expect_value, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    jobs = [_check_distance(store, job, copies_of(job, stack), stack) for job in backup_jobs_of(store, stack)]
    # A vault is backed up by replication: source and replica are each other's backup.
    replicas = [
        [*_check_distance(store, replication, [other], stack), *_check_content(replication)]
        for replication, other in stack.view(_find_replications)[store.urn]
    ]
    return accept_any(
        [*jobs, *replicas],
        describe_missing_job(
            stack,
            "protects",
            "no scheduled job protects it, so it has no copy elsewhere, is not drilled and not proven, and "
            "may lose everything",
        ),
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
    unknown = [unknown_value(maker, "copies")] if has_unknown_urns(maker, "copies") else []
    return accept_any(
        [judge_independence(store, target, maker, stack) for target in targets],
        unknown or [message("{maker} makes no copy in a bucket of this stack", maker=maker)],
    )


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
    title="Every data store has a backup in another account and region, under another account's key",
    violated="has no independent backup",
    severity=Severity.CRITICAL,
    risk="A closed account, a lost region, or whoever administers one key takes the store and its backups.",
    fix=(
        "Declare a ScheduledJob that protects the store and whose copies are in a vault elsewhere; replicate "
        "a bucket that holds backups, as a whole, to another account in another region, encrypted with a key "
        "whose policy lets no other account administer it."
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

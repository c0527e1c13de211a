"""A data store without a backup elsewhere is refused."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import ENCRYPTION, Buckets
from policies.facts.failure_domain import FailureDomain
from policies.facts.jobs import copies, names_unknown, no_job, saving
from policies.facts.stores import data_stores
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Absent, Known, Reading
from policies.framework.rule import Parameters, Rule, best, expect_of, one_of
from policies.framework.stack import PolicyStack, Resource

_KEY: Final = "aws:kms/key:Key"


def _judge(store: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    jobs = [_lack_of_distance(store, job, copies(job, stack), stack) for job in saving(store, stack)]
    # A bucket that holds backups is itself saved by replication; each of the two is the other's backup.
    replicas = [
        [*_lack_of_distance(store, replication, [other], stack), *_lack_of_content(replication)]
        for replication, other in stack.view(_replicas)[store.urn]
    ]
    return best([*jobs, *replicas], no_job(stack, "protects", "no scheduled job protects it"))


def _replicas(stack: PolicyStack) -> dict[str, list[tuple[Resource, Resource]]]:
    """Return, for each bucket, the replications that it takes part in and the bucket at the other end."""
    found: dict[str, list[tuple[Resource, Resource]]] = defaultdict(list)
    for source, replication, target in stack.view(Buckets).replications:
        found[source.urn].append((replication, target))
        found[target.urn].append((replication, source))
    return found


def _lack_of_distance(
    store: Resource, maker: Resource, targets: list[Resource], stack: PolicyStack
) -> list[Text]:
    home = FailureDomain.of(store, stack)
    distances = [(target, FailureDomain.of(target, stack).is_apart_from(home)) for target in targets]
    apart = [target for target, is_apart in distances if is_apart]
    own = _keys(store, stack)
    if any(not own & _keys(target, stack) for target in apart):
        return []
    if apart:
        return [say("the key that encrypts it encrypts the copies of {maker}, too", maker=maker)]
    if names_unknown(maker, "copies"):
        return [undecided(maker, "copies")]
    if unknown := [target for target, is_apart in distances if is_apart is None]:
        return [undecided(bucket, "failure domain") for bucket in (store, *unknown)]
    return [
        say(
            "{maker} makes no copy in a bucket of this stack in another provider, account or region than the "
            "store's",
            maker=maker,
        )
    ]


def _keys(store: Resource, stack: PolicyStack) -> set[str]:
    """Return what names the customer's keys that encrypt a bucket."""
    configurations = [
        (store, "serverSideEncryptionConfiguration"),
        *((part, "rules") for part in stack.view(Buckets).parts(store, ENCRYPTION)),
    ]
    found = {key.urn for part, name in configurations for key in stack.behind(part, name) if key.type == _KEY}
    for part, name in configurations:
        for rule in part.at(name).each():
            match rule.at("applyServerSideEncryptionByDefault", "kmsMasterKeyId"):
                # An alias is another key in each account and region; one id in two regions is one key.
                case Known(str(key)) if not key.startswith("alias/"):
                    found.add(key.rpartition(":key/")[2])
                case _:
                    pass
    return found


def _lack_of_content(replication: Resource) -> list[Text]:
    """Return nothing where one rule is on and takes the whole bucket."""
    rules = [
        [
            *expect_of(
                rule.at("status"), replication, "rules.status", one_of("Enabled"), "has a rule that is off"
            ),
            *_lack_of_scope(replication, rule),
        ]
        for rule in replication.at("rules").each()
    ]
    return best(rules, [say("{replication} has no rule", replication=replication)])


def _lack_of_scope(replication: Resource, rule: Reading) -> list[Text]:
    limits = [rule.at("prefix"), *(rule.at("filter", part) for part in ("prefix", "tag", "and"))]
    return [
        text
        for limit in limits
        if not isinstance(limit, Absent)
        for text in expect_of(
            limit, replication, "rules.filter", one_of(""), "does not take the whole bucket"
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

"""A store that a changed default of the vendor could replace is refused."""

from collections.abc import Iterator
from typing import Any, Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import BUCKET
from policies.facts.stores import protected_resources
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule, expect
from policies.framework.stack import PolicyStack, Resource

_PROJECT: Final = "neon:index/project:Project"
_IDENTITY: Final[dict[str, tuple[LiteralString, ...]]] = {
    "aws:dynamodb/table:Table": ("name",),
    "aws:rds/cluster:Cluster": ("clusterIdentifier",),
    "aws:rds/instance:Instance": ("identifier",),
    BUCKET: ("bucket",),
    _PROJECT: ("orgId", "regionId", "pgVersion"),
}
"""Type -> the inputs whose change replaces the store."""


def _judge(store: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    for name in _IDENTITY.get(store.type, ()):
        yield from expect(store, name, _is_set, "does not declare " + name)
    # Neon calls the oldest database the default one. After a rename the provider sees another `branch` and
    # would replace the project (kislerdm/terraform-provider-neon#179).
    if store.type == _PROJECT and "branch" not in store.options.ignoreChanges:
        yield message("{store} does not ignore changes of branch", store=store)
    if store.options.deleteBeforeReplace:
        yield message("{store} would be deleted before its replacement exists", store=store)


def _is_set(value: Any) -> bool:
    return value not in ("", 0)


RULE: Final = Rule(
    id="store-keeps-its-identity",
    title="No store is replaced because of something that was left to a default",
    violated="could be replaced by an empty one",
    severity=Severity.HIGH,
    risk="A default that changes at the vendor replaces the store, and the new one is empty.",
    fix=(
        "Declare what makes the store this one (orgId, regionId and pgVersion, a bucket's name, an "
        "identifier), ignore changes of a Neon project's branch, and leave deleteBeforeReplace off."
    ),
    controls=(Control.NIST_CM_2, Control.NIST_CM_3, Control.ISO_A_8_9, Control.CIS_4_1),
    subjects=protected_resources,
    judge=_judge,
)

"""A secret of production that lies under no key of its own, or can be gone at once, is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ANYONE, read_statements
from policies.facts.kms_keys import ALIAS, KmsKeys, judge_key
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, expect, in_range, number_parameter
from policies.framework.stack import PolicyStack, Resource

_SECRET: Final = "aws:secretsmanager/secret:Secret"  # noqa: S105 - a type, no secret
_READ: Final = "secretsmanager:GetSecretValue"
_OF_AWS: Final = "alias/aws/"
_OVERWRITING: Final = "forceOverwriteReplicaSecret"
_LONGEST_DAYS: Final = 30

_WINDOW: Final = number_parameter(
    "minimum_days", 7, "for how many days a deleted secret can be brought back", looser="lower"
)


def _judge(holder: Resource, stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    yield from _check_key(holder, stack)
    for replica in holder.at("replicas").each():
        key_id = replica.at("kmsKeyId")
        if isinstance(key_id, Unknown) or isinstance(replica, Unknown):
            if not stack.view(KmsKeys).resolve(holder, "replicas", Unknown()):
                yield unknown_value(holder, "replicas")
        elif not _is_own_key(key_id):
            yield message("a replica of it lies under AWS's own key")
    if not isinstance(holder.at("recoveryWindowInDays"), Absent):  # AWS's default is the longest
        yield from expect(
            holder,
            "recoveryWindowInDays",
            in_range(limits[_WINDOW.name], _LONGEST_DAYS),
            "can be gone before anybody misses it",
        )
    if holder.at(_OVERWRITING) not in (Absent(), Known(value=False)):
        yield message("it writes over a secret of that name in another region")
    yield from _check_policy(holder)


def _check_key(holder: Resource, stack: PolicyStack) -> Iterator[Message]:
    key_id = holder.at("kmsKeyId")
    keys = stack.view(KmsKeys).resolve(holder, "kmsKeyId", key_id)
    if isinstance(key_id, Unknown) and not keys:
        yield unknown_value(holder, "kmsKeyId")
    elif not keys:
        yield message("it lies under no key of this stack")
    for key in keys:
        if stack.of_type(ALIAS) and not stack.view(KmsKeys).aliases_of(key):
            yield message("no alias leads to {key}, by which roles know it", key=key)
        yield from judge_key(key)
        for alias in stack.view(KmsKeys).find_rivals(key):
            yield message("{alias} has its key's alias and leads elsewhere", alias=alias)


def _is_own_key(key_id: PropertyValue) -> bool:
    return isinstance(key_id, Known) and bool(key_id.value) and _OF_AWS not in str(key_id.value)


def _check_policy(holder: Resource) -> Iterator[Message]:
    """Yield that whoever may read secrets in its account may read it."""
    if isinstance(holder.at("policy"), Unknown):
        yield unknown_value(holder, "policy")
        return
    statements, _ = read_statements(holder)
    if not any(
        not one.allows and one.covers_action(_READ) and ANYONE in one.principals and one.covers(_READ)
        for one in statements
    ):
        yield message("its policy denies reading it to nobody else")


RULE: Final = Rule(
    id="job-document-is-guarded",
    title="Every secret of production lies under a key of its own, is read by few, and outlasts a mistake",
    violated="is not guarded",
    severity=Severity.HIGH,
    risk="Whoever reads it has the credentials of a job; without it, the job stops on the next day.",
    fix=(
        "Declare kmsKeyId with a key of this stack, one for each of its replicas, recoveryWindowInDays of at "
        "least a week, and a policy that denies " + _READ + " to the roles that it is not for."
    ),
    controls=(Control.NIST_SC_12, Control.NIST_SC_28, Control.ISO_A_5_17, Control.CIS_3_11),
    subjects=lambda stack: stack.of_type(_SECRET) if find_production(stack) else [],
    judge=_judge,
    parameters=(_WINDOW,),
)

"""A bucket with access control lists is refused."""

from collections.abc import Iterable
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import ACL, OWNERSHIP, Buckets, buckets
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Unknown
from policies.framework.rule import Parameters, Rule, expect, one_of
from policies.framework.stack import PolicyStack, Resource

_INLINE: Final[tuple[LiteralString, ...]] = ("acl", "grants")


def _judge(bucket: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    bucket_index = stack.view(Buckets)
    ownership = bucket_index.parts(bucket, OWNERSHIP)
    if not ownership:
        yield message("it has no ownership controls")
    for part in ownership:
        path = "rule.objectOwnership"
        yield from expect(part, path, one_of("BucketOwnerEnforced"), "must declare BucketOwnerEnforced")
    for part in bucket_index.parts(bucket, ACL):
        yield message("{part} is an access control list on it", part=part)
    for name in _INLINE:
        match bucket.at(name):
            case Absent():
                pass
            case Unknown():
                yield unknown_value(bucket, name)
            case _:
                yield message("it declares an access control list itself")


RULE: Final = Rule(
    id="bucket-ignores-access-control-lists",
    title="In every bucket policies alone decide on access",
    violated="heeds access control lists",
    severity=Severity.MEDIUM,
    risk="Access is granted object by object, where no policy shows it, and objects may belong to strangers.",
    fix="Declare BucketOwnershipControls with BucketOwnerEnforced, and no access control list.",
    controls=(Control.NIST_AC_3, Control.ISO_A_5_15, Control.CIS_3_3, Control.SOC_CC6_1),
    subjects=buckets,
    judge=_judge,
)

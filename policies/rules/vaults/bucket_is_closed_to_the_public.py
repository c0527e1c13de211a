"""A bucket that is or can be made public is refused."""

from collections.abc import Iterable
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import POLICY, PUBLIC_ACCESS, Buckets, buckets
from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import read_statements
from policies.facts.s3_access import is_open
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import first_present
from policies.framework.rule import Parameters, Rule, expect, one_of
from policies.framework.stack import PolicyStack, Resource

_ACCOUNT_BLOCK: Final = "aws:s3/accountPublicAccessBlock:AccountPublicAccessBlock"
_FLAGS: Final[tuple[LiteralString, ...]] = (
    "blockPublicAcls",
    "blockPublicPolicy",
    "ignorePublicAcls",
    "restrictPublicBuckets",
)


def _judge(bucket: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    bucket_index = stack.view(Buckets)
    blocks = list(bucket_index.parts(bucket, PUBLIC_ACCESS))
    if not blocks:
        yield message("it has no public access block")
    account = FailureDomain.of(bucket, stack).account
    blocks += [
        block
        for block in stack.of_type(_ACCOUNT_BLOCK)
        if first_present([block.at("accountId"), FailureDomain.of(block, stack).account]) == account
    ]
    for block in blocks:
        for flag in _FLAGS:
            yield from expect(block, flag, one_of(True), "must declare " + flag + " true")
    for policy in bucket_index.parts_or_inline(bucket, POLICY, "policy"):
        statements, unreadable = read_statements(policy)
        yield from unreadable
        if any(is_open(statement) for statement in statements):
            yield message("{policy} allows something to anyone", policy=policy)


RULE: Final = Rule(
    id="bucket-is-closed-to-the-public",
    title="No bucket can be opened to the public",
    violated="is not closed to the public",
    severity=Severity.CRITICAL,
    risk="One wrong policy or access list, and everything in the bucket is on the internet.",
    fix=(
        "Declare a BucketPublicAccessBlock with all four flags true, and name the principals in its bucket "
        "policy."
    ),
    controls=(
        Control.CIS_AWS_2_1_4,
        Control.NIST_AC_3,
        Control.SOC_CC6_6,
        Control.ISO_A_8_3,
        Control.CIS_3_3,
    ),
    subjects=buckets,
    judge=_judge,
)

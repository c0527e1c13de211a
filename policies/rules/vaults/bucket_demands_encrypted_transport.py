"""A bucket that accepts requests without TLS is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import buckets
from policies.facts.iam_documents import Statement
from policies.facts.s3_access import denies, judge_policies
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_OPERATORS: Final = ("Bool", "BoolIfExists")


def _judge(bucket: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    return judge_policies(bucket, stack, _check_statements)


def _check_statements(statements: list[Statement], arn: str) -> Iterable[Message]:
    matching = [statement for statement in statements if _is_about_plain_text(statement)]
    for resource, problem in ((arn, _ON_BUCKET), (f"{arn}/*", _ON_OBJECTS)):
        if not any(denies(statement, "s3:*", resource) for statement in matching):
            yield problem


def _is_about_plain_text(statement: Statement) -> bool:
    match statement.conditions:
        # Any further condition would exempt some requests.
        case ((operator, "aws:securetransport", (value,)),):
            return operator in _OPERATORS and value.lower() == "false"
        case _:
            return False


_ON_BUCKET: Final = message("its policy does not deny everyone every action on it without TLS")
_ON_OBJECTS: Final = message("its policy does not deny everyone every action on its objects without TLS")

RULE: Final = Rule(
    id="bucket-demands-encrypted-transport",
    title="Every bucket refuses requests that are not encrypted",
    violated="does not demand encrypted transport",
    severity=Severity.HIGH,
    risk="Backups and logs could be read or changed on their way.",
    fix=(
        "Declare a BucketPolicy that denies s3:* on the bucket and its objects to everyone where "
        "aws:SecureTransport is false."
    ),
    controls=(Control.CIS_AWS_2_1_1, Control.NIST_SC_8, Control.SOC_CC6_7, Control.CIS_3_10),
    subjects=buckets,
    judge=_judge,
)

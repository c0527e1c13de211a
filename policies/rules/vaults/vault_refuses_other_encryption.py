"""A vault that accepts uploads encrypted with another key is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.iam_documents import Statement
from policies.facts.s3_access import PUT, denies, judge_policies
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_ENCRYPTION_HEADER: Final = "s3:x-amz-server-side-encryption"
_CUSTOMER_KEY_HEADER: Final = "s3:x-amz-server-side-encryption-customer-algorithm"


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    return judge_policies(vault, stack, _check_statements)


def _check_statements(statements: list[Statement], arn: str) -> Iterator[Message]:
    denying = [statement for statement in statements if denies(statement, PUT, f"{arn}/*")]
    if not any(_is_about_all_with_header(statement, _ENCRYPTION_HEADER) for statement in denying):
        yield message("its policy does not deny everyone uploads that name an encryption")
    if not any(_is_about_all_with_header(statement, _CUSTOMER_KEY_HEADER) for statement in denying):
        yield message("its policy does not deny everyone uploads that bring a key along")


def _is_about_all_with_header(statement: Statement, header: str) -> bool:
    """
    Tell whether a statement is about every upload with this header.

    It is not enough to deny other algorithms: `aws:kms` without a key id means the account's shared key, not
    the bucket's (S3 API, PutObject: x-amz-server-side-encryption-aws-kms-key-id).
    """
    return statement.conditions == (("Null", header, ("false",)),)


RULE: Final = Rule(
    id="vault-refuses-other-encryption",
    title="Every bucket that holds backups refuses uploads that are encrypted otherwise than it is",
    violated="takes other encryption",
    severity=Severity.HIGH,
    risk=(
        "A backup that a writer encrypts with a key of its own can't be read by anyone else when it is "
        "needed."
    ),
    fix=(
        "Let the bucket policy deny s3:PutObject to everyone where s3:x-amz-server-side-encryption or "
        "s3:x-amz-server-side-encryption-customer-algorithm is there (Null: false); what names none gets the "
        "bucket's own."
    ),
    controls=(Control.NIST_CP_9_8, Control.NIST_SC_28, Control.CIS_3_11, Control.ISO_A_8_24),
    subjects=vaults,
    judge=_judge,
)

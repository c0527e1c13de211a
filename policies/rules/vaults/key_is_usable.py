"""A vault's key that can't encrypt, or that whoever writes and reads there may not use, is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import arn_of, vaults
from policies.facts.iam_documents import ROLE
from policies.facts.kms_keys import KmsKeys, judge_key
from policies.facts.role_rights import find_rights
from policies.facts.s3_access import PUT, IamIdentities, IamIdentity
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_USES: Final[tuple[tuple[str, LiteralString], ...]] = (
    (PUT, "kms:GenerateDataKey"),
    ("s3:GetObjectVersion", "kms:Decrypt"),
)
"""What somebody may do in a vault -> what S3 does with the key for it (AWS S3, "Using SSE-KMS")."""


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    for key in stack.view(KmsKeys).of_bucket(vault):
        yield from judge_key(key)
        for alias in stack.view(KmsKeys).find_rivals(key):
            yield message("{alias} has its alias's name and leads elsewhere", alias=alias)
        yield from _check_users(vault, key, stack)


def _check_users(vault: Resource, key: Resource, stack: PolicyStack) -> Iterator[Message]:
    arn = arn_of(vault)
    for identity, action, needed in stack.view(_find_users):
        if identity.statements_allowing(action, arn):
            rights = stack.view(find_rights, identity.resource)
            if not rights.unreadable and not rights.may_use(key, needed, vault):
                yield message(
                    "{who} may use {vault} and not do " + needed, who=identity.resource, vault=vault
                )


def _find_users(stack: PolicyStack) -> list[tuple[IamIdentity, str, LiteralString]]:
    """Return the roles that may use any bucket: for what, and what S3 does with the key for it."""
    return [
        (identity, action, needed)
        for identity in stack.view(IamIdentities).all
        if identity.resource.type == ROLE and not identity.unreadable
        for action, needed in _USES
        if identity.allows_anywhere(action)
    ]


RULE: Final = Rule(
    id="key-is-usable",
    title="The key of each bucket that holds backups works for whoever writes and reads there",
    violated="is encrypted with a key that can't be used",
    severity=Severity.CRITICAL,
    risk="No backup can be written any more, or one that is there can't be opened when it is needed.",
    fix=(
        "Declare a symmetric key that is on, and let each role that puts into the bucket do "
        "kms:GenerateDataKey, and each that reads from it kms:Decrypt, by its own policy and the key's; an "
        "alias in a condition must lead to the key."
    ),
    controls=(Control.NIST_SC_12, Control.NIST_CP_9_8, Control.ISO_A_8_24),
    subjects=vaults,
    judge=_judge,
)

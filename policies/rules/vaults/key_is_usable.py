"""A vault's key that can't encrypt, or that whoever writes and reads there may not use, is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import arn_of, vaults
from policies.facts.iam_documents import ROLE
from policies.facts.kms_keys import KmsKeys
from policies.facts.role_rights import RoleRights
from policies.facts.s3_access import PUT, IamIdentities, IamIdentity
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_NEEDED: Final[tuple[tuple[LiteralString, Known, LiteralString], ...]] = (
    ("isEnabled", Known(value=True), "it is off"),
    ("keyUsage", Known("ENCRYPT_DECRYPT"), "it is for something else than to encrypt"),
    ("customerMasterKeySpec", Known("SYMMETRIC_DEFAULT"), "it is not symmetric, and S3 takes no other"),
)
_STORES: Final[tuple[LiteralString, ...]] = ("customKeyStoreId", "xksKeyId")
_USES: Final[tuple[tuple[str, LiteralString], ...]] = (
    (PUT, "kms:GenerateDataKey"),
    ("s3:GetObjectVersion", "kms:Decrypt"),
)
"""What somebody may do in a vault -> what S3 does with the key for it (AWS S3, "Using SSE-KMS")."""


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    for key in stack.view(KmsKeys).of_bucket(vault):
        yield from _check_key(key)
        for alias in stack.view(KmsKeys).find_rivals(key):
            yield message("{alias} has its alias's name and leads elsewhere", alias=alias)
        yield from _check_users(vault, key, stack)


def _check_key(key: Resource) -> Iterator[Message]:
    for path, needed, problem in _NEEDED:
        match key.at(path):
            case Unknown():
                yield unknown_value(key, path)
            case value if value not in (Absent(), needed):
                yield message(problem)
            case _:
                pass
    if any(not isinstance(key.at(path), Absent) for path in _STORES):
        yield message("its material lies in a store that can be cut off from it")


def _check_users(vault: Resource, key: Resource, stack: PolicyStack) -> Iterator[Message]:
    arn = arn_of(vault)
    for identity, action, needed in stack.view(_find_users):
        if identity.statements_allowing(action, arn):
            rights = stack.view(_find_rights, identity.resource)
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


def _find_rights(stack: PolicyStack, role: Resource) -> RoleRights:
    return RoleRights(role, stack)


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

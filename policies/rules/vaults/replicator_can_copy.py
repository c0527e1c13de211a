"""A replication by a role that can't do every step of a copy is refused."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import LOCK, POLICY, Buckets, arn_of, vaults
from policies.facts.failure_domain import FailureDomain
from policies.facts.guards import find_replicator
from policies.facts.iam_documents import read_statements
from policies.facts.iam_requests import IamRequest, is_allowed
from policies.facts.kms_keys import KmsKeys, encryption_rules
from policies.facts.role_rights import RoleRights
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_READ_BUCKET: Final[tuple[LiteralString, ...]] = ("s3:GetReplicationConfiguration", "s3:ListBucket")
_READ_VERSIONS: Final[tuple[LiteralString, ...]] = (
    "s3:GetObjectVersionForReplication",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionTagging",
)
_READ_LOCKS: Final[tuple[LiteralString, ...]] = ("s3:GetObjectLegalHold", "s3:GetObjectRetention")
_WRITE: Final[tuple[LiteralString, ...]] = ("s3:ReplicateObject", "s3:ReplicateTags")
_HAND_OVER: Final[tuple[LiteralString, ...]] = ("s3:ObjectOwnerOverrideToBucketOwner",)
"""What replication needs (AWS S3, "Setting up permissions for live replication")."""

_WITH_BUCKET_KEY: Final[tuple[LiteralString, ...]] = ("kms:GenerateDataKey",)
"""What S3 asks the key for besides, where the bucket has a key of its own for a while."""

_SERVICE: Final = ("Service", "s3.amazonaws.com")


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    for source, replication, target in stack.view(Buckets).replications:
        if source != vault:
            continue
        role = find_replicator(replication, stack)
        if role:
            yield from _check_owner(replication, target, stack)
            yield from _check_trust(role, source, stack)
            yield from _check_rights(role, source, replication, target, stack)
        elif isinstance(replication.at("role"), Unknown):
            yield unknown_value(replication, "role")
        else:
            yield message("{replication} names no role of this stack", replication=replication)


def _check_owner(replication: Resource, target: Resource, stack: PolicyStack) -> Iterator[Message]:
    owner = FailureDomain.of(target, stack).account
    for rule in replication.at("rules").each():
        account = rule.at("destination", "account")
        if isinstance(account, Known) and isinstance(owner, Known) and account != owner:
            yield message("{replication} expects the bucket in another account", replication=replication)


def _check_trust(role: Resource, source: Resource, stack: PolicyStack) -> Iterator[Message]:
    statements, unreadable = read_statements(role, "assumeRolePolicy")
    yield from unreadable
    account = FailureDomain.of(role, stack).account
    context = {
        "aws:sourceaccount": (str(account.value),) if isinstance(account, Known) else (),
        "aws:sourcearn": (arn_of(source),),
    }
    request = IamRequest("sts:AssumeRole", "*", RoleRights(role, stack).arn, context)
    trusting = [one for one in statements if not one.allows or _SERVICE in one.principals]
    allowed = is_allowed(request, identity=trusting, boundary=None, resource=(), in_own_account=True)
    if not unreadable and not allowed:
        yield message("S3 can't take on {role}", role=role)


def _check_rights(
    role: Resource, source: Resource, replication: Resource, target: Resource, stack: PolicyStack
) -> Iterator[Message]:
    index, rights, keys = stack.view(Buckets), RoleRights(role, stack), stack.view(KmsKeys)
    documents = [
        *(part for bucket in (source, target) for part in index.parts_or_inline(bucket, POLICY, "policy")),
        *(policy for key in keys.of_bucket(source) for policy in keys.policies_of(key) or [key]),
    ]
    rules = replication.at("rules").each()
    replica_keys = [
        key
        for rule in rules
        for key in keys.resolve(
            replication, "rules", rule.at("destination", "encryptionConfiguration", "replicaKmsKeyId")
        )
    ]
    documents += [policy for key in replica_keys for policy in keys.policies_of(key) or [key]]
    unreadable = [
        *rights.unreadable,
        *(problem for one in dict.fromkeys(documents) for problem in read_statements(one)[1]),
    ]
    if unreadable:
        yield from unreadable
        return
    locked = index.parts_or_inline(source, LOCK, "objectLockConfiguration")
    handed = any(not isinstance(rule.at("destination", "accessControlTranslation"), Absent) for rule in rules)
    steps: tuple[tuple[tuple[LiteralString, ...], Resource, str], ...] = (
        (_READ_BUCKET, source, ""),
        ((*_READ_VERSIONS, *(_READ_LOCKS if locked else ())), source, "/*"),
        ((*_WRITE, *(_HAND_OVER if handed else ())), target, "/*"),
    )
    for actions, bucket, objects in steps:
        for action in actions:
            if not rights.may_in(bucket, action, objects):
                yield message("{role} may not do " + action + " in all of {bucket}", role=role, bucket=bucket)
    for key in keys.of_bucket(source):
        if not rights.may_use(key, "kms:Decrypt", source):
            yield message("{role} may not do kms:Decrypt with {key}", role=role, key=key)
    for key in dict.fromkeys(replica_keys):
        for action in ("kms:Encrypt", *(_WITH_BUCKET_KEY if _has_bucket_key(target, stack) else ())):
            if not rights.may_use(key, action, target):
                yield message("{role} may not do " + action + " with {key}", role=role, key=key)


def _has_bucket_key(bucket: Resource, stack: PolicyStack) -> bool:
    rules = encryption_rules(bucket, stack)
    return any(rule.at("bucketKeyEnabled") == Known(value=True) for _, _, rule in rules)


def _find_sources(stack: PolicyStack) -> list[Resource]:
    """Return the vaults that something replicates."""
    sources = {source for source, _, _ in stack.view(Buckets).replications}
    return [vault for vault in vaults(stack) if vault in sources]


RULE: Final = Rule(
    id="replicator-can-copy",
    title="The role of each replication may do every step of a copy",
    violated="is replicated by a role that can't copy it",
    severity=Severity.CRITICAL,
    risk="The replication is declared, every copy fails, and the second copy is one that never arrives.",
    fix=(
        "Let S3 take on the role, and allow it to read all versions with their tags and locks, to decrypt "
        "with the source's key, and to write and encrypt at the destination; in another account its bucket's "
        "and its key's policy have to allow that too. An alias in a condition must lead to that key."
    ),
    controls=(Control.NIST_CP_6_1, Control.NIST_CP_9_8, Control.ISO_A_8_14, Control.CIS_11_4),
    subjects=_find_sources,
    judge=_judge,
)

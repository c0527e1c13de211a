"""
The permissions of the role that S3 replicates with.

Sources: https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-change-owner.html
"""

from collections.abc import Iterator

from moto.s3.models import FakeBucket, FakeKey

from twin.aws.evaluation import find_missing_permission
from twin.aws.identities import find_role
from twin.aws.key_states import find_state_refusal
from twin.aws.kms_actions import build_s3_key_permission, find_key
from twin.aws.policy import Principal, RequiredPermission, evaluate

_S3 = Principal("Service", "s3.amazonaws.com")


def find_replication_denial(
    role_arn: str, key: str, bucket: FakeBucket, version: FakeKey, target: FakeBucket, *, changes_owner: bool
) -> str:
    """Return why S3 can't replicate with a role, empty if it can. `key` is the replica's KMS key."""
    role = find_role(role_arn)
    if role is None:
        return f"there is no role {role_arn}"
    context = {"aws:sourceaccount": bucket.account_id, "aws:sourcearn": bucket.arn}
    trust = evaluate(
        role.assume_role_policy_document, RequiredPermission("sts:AssumeRole", role_arn, context), _S3
    )
    if not trust.allows:
        return f"{role_arn} does not trust S3"
    permissions = [*_list_permissions(key, bucket, version, target, changes_owner=changes_owner)]
    return find_missing_permission(role_arn, permissions) or _find_state_refusal(permissions)


def _list_permissions(
    key: str, bucket: FakeBucket, version: FakeKey, target: FakeBucket, *, changes_owner: bool
) -> Iterator[RequiredPermission]:
    yield from (
        RequiredPermission(f"s3:{action}", bucket.arn)
        for action in ("GetReplicationConfiguration", "ListBucket")
    )
    read_actions = ["GetObjectVersionForReplication", "GetObjectVersionAcl", "GetObjectVersionTagging"]
    if bucket.object_lock_enabled:
        read_actions += ["GetObjectLegalHold", "GetObjectRetention"]
    yield from (RequiredPermission(f"s3:{action}", f"{bucket.arn}/{version.name}") for action in read_actions)
    write_actions = ["ReplicateObject", *(["ObjectOwnerOverrideToBucketOwner"] if changes_owner else [])]
    yield from (
        RequiredPermission(f"s3:{action}", f"{target.arn}/{version.name}") for action in write_actions
    )
    for action, owner, key_id in (("Decrypt", bucket, version.kms_key_id), ("Encrypt", target, key)):
        # A key that does not exist needs no permission: the request that names it is not refused either.
        if key_id and find_key(key_id, owner.account_id, owner.region_name):
            yield build_s3_key_permission(f"kms:{action}", key_id, owner)


def _find_state_refusal(permissions: list[RequiredPermission]) -> str:
    for permission in permissions:
        key = find_key(permission.resource, "", "") if ":key/" in permission.resource else None
        if key and (text := find_state_refusal(permission.action.removeprefix("kms:"), key)[1]):
            return text
    return ""

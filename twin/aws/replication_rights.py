"""
Whether a role may do what S3 does in its name when it replicates.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html
"""

from collections.abc import Iterator

from moto.s3.models import FakeBucket, FakeKey

from twin.aws.authorization import lacking
from twin.aws.identities import role_of
from twin.aws.policy import AuthorizationRequest, Decision, Principal, judge
from twin.aws.service_actions import asked_through_s3, key_of

_S3 = Principal("Service", "s3.amazonaws.com")


def refusal(role_arn: str, key: str, bucket: FakeBucket, version: FakeKey, target: FakeBucket) -> str:
    """Return why S3 can't replicate as this role; `key` is the replica's. Empty if it can."""
    role = role_of(role_arn)
    if role is None:
        return f"there is no role {role_arn}"
    source = {"aws:sourceaccount": bucket.account_id, "aws:sourcearn": bucket.arn}
    trusted = judge(
        role.assume_role_policy_document, AuthorizationRequest("sts:AssumeRole", role_arn, source), _S3
    )
    if trusted is not Decision.ALLOWED:
        return f"{role_arn} does not trust S3"
    return lacking(role_arn, _needed(key, bucket, version, target))


def _needed(
    key: str, bucket: FakeBucket, version: FakeKey, target: FakeBucket
) -> Iterator[AuthorizationRequest]:
    yield from (
        AuthorizationRequest(f"s3:{it}", bucket.arn) for it in ("GetReplicationConfiguration", "ListBucket")
    )
    reading = ["GetObjectVersionForReplication", "GetObjectVersionAcl", "GetObjectVersionTagging"]
    if bucket.object_lock_enabled:
        reading += ["GetObjectLegalHold", "GetObjectRetention"]
    yield from (AuthorizationRequest(f"s3:{it}", f"{bucket.arn}/{version.name}") for it in reading)
    yield AuthorizationRequest("s3:ReplicateObject", f"{target.arn}/{version.name}")
    for action, owner, used in (("Decrypt", bucket, version.kms_key_id), ("Encrypt", target, key)):
        # That a key exists is checked where S3 is told to use it, if at all.
        if used and key_of(used, owner.account_id, owner.region_name):
            yield asked_through_s3(f"kms:{action}", used, owner)

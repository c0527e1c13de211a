"""
The destructive calls that the drill `credentials` makes, as data.

Sources: the operations of Amazon S3, AWS KMS, IAM, STS and Secrets Manager with the permissions that the
Service Authorization Reference lists for them; the HTTP APIs of Neon (neon.com/docs/reference/api-reference),
UptimeRobot (uptimerobot.com/api/v3) and Sentry (docs.sentry.io/api).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

AwsService = Literal["s3", "kms", "iam", "sts", "secretsmanager"]
CallTarget = Literal[
    "primary vault",
    "replica",
    "writer's document",
    "roles",
    "copy elsewhere",
    "files",
    "Neon project",
    "monitors",
    "error tracking",
]


@dataclass(frozen=True)
class AwsCall:
    """
    One operation of AWS, or of a store with S3's protocol.

    In `parameters` and `resource` a word such as `$bucket` stands for a name of the target.
    """

    target: CallTarget
    service: AwsService
    operation: str
    """By botocore's name, such as `DeleteObject`."""

    permission: str
    """The action that policies allow or deny, such as `s3:DeleteObjectVersion`."""

    resource: str
    """ARN of what the call is about, for a simulation."""

    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    how: str = ""
    """What distinguishes it from another call of the same permission."""

    is_on_twin: bool = True
    """Whether the twin's AWS has the operation."""

    @property
    def name(self) -> str:
        return f"{self.permission} {self.how}".rstrip()


@dataclass(frozen=True)
class HttpCall:
    """One request to a vendor's API; with `each`, one for every object of the kind that there is."""

    target: CallTarget
    method: Literal["DELETE", "PATCH", "POST", "PUT"]
    path: str
    """As the vendor documents it, after the API's prefix; `$id` is the object of `each`."""

    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    each: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path.replace('$', '')}"


DestructiveCall = AwsCall | HttpCall

_EVERYTHING: Final = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
)
_OPEN_TO_ALL: Final = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", '
    '"Resource": "arn:aws:s3:::*"}}'
)
_TRUST_ALL: Final = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, '
    '"Action": "sts:AssumeRole"}}'
)
_KEY_OF_ALL: Final = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, '
    '"Action": "kms:*", "Resource": "*"}}'
)
_OBJECT: Final[Mapping[str, Any]] = {"Bucket": "$bucket", "Key": "$dump"}
_VERSION: Final[Mapping[str, Any]] = {**_OBJECT, "VersionId": "$dump_version"}
_MANIFEST: Final[Mapping[str, Any]] = {"Bucket": "$bucket", "Key": "$manifest"}
_BODY: Final[Mapping[str, Any]] = {"Body": b"x", "ContentMD5": "ndTkYSaMgDT1yFZOFVxnpg=="}
"""S3 takes no object into a bucket with Object Lock without a checksum."""

_SSE_C: Final[Mapping[str, Any]] = {
    "SSECustomerAlgorithm": "AES256",
    # The thief's own key, which is sent with the request and kept nowhere (Amazon S3, SSE-C).
    "SSECustomerKey": "0123456789abcdef0123456789abcdef",
}


def _object_calls(target: CallTarget) -> tuple[AwsCall, ...]:
    """Return the calls on objects, which any store with S3's protocol has."""
    dump, manifest = "$bucket_arn/$dump", "$bucket_arn/$manifest"
    batch = {
        "Objects": [
            {"Key": "$dump", "VersionId": "$dump_version"},
            {"Key": "$manifest", "VersionId": "$manifest_version"},
        ]
    }
    soon = {"Mode": "GOVERNANCE", "RetainUntilDate": "$tomorrow"}
    return (
        AwsCall(target, "s3", "DeleteObject", "s3:DeleteObject", dump, _OBJECT, "dump"),
        AwsCall(target, "s3", "DeleteObject", "s3:DeleteObject", manifest, _MANIFEST, "manifest"),
        AwsCall(target, "s3", "DeleteObject", "s3:DeleteObjectVersion", dump, _VERSION, "dump"),
        AwsCall(
            target,
            "s3",
            "DeleteObject",
            "s3:DeleteObjectVersion",
            manifest,
            {**_MANIFEST, "VersionId": "$manifest_version"},
            "manifest",
        ),
        AwsCall(
            target,
            "s3",
            "DeleteObject",
            "s3:BypassGovernanceRetention",
            dump,
            {**_VERSION, "BypassGovernanceRetention": True},
        ),
        AwsCall(
            target,
            "s3",
            "DeleteObjects",
            "s3:DeleteObjectVersion",
            dump,
            {"Bucket": "$bucket", "Delete": batch},
            "batch",
        ),
        AwsCall(target, "s3", "PutObject", "s3:PutObject", dump, {**_OBJECT, **_BODY}, "overwrite"),
        AwsCall(target, "s3", "PutObject", "s3:PutObject", manifest, {**_MANIFEST, **_BODY}, "manifest"),
        AwsCall(
            target,
            "s3",
            "PutObject",
            "s3:PutObject",
            dump,
            {**_OBJECT, **_BODY, **_SSE_C},
            "customer's key",
        ),
        AwsCall(
            target,
            "s3",
            "CopyObject",
            "s3:PutObject",
            dump,
            {
                **_OBJECT,
                "CopySource": "$bucket/$dump?versionId=$dump_version",
                "MetadataDirective": "REPLACE",
                **_SSE_C,
            },
            "copy onto itself, customer's key",
        ),
        AwsCall(
            target,
            "s3",
            "PutObjectRetention",
            "s3:PutObjectRetention",
            dump,
            {**_VERSION, "Retention": soon, "BypassGovernanceRetention": True},
            "shorter",
        ),
        AwsCall(
            target,
            "s3",
            "PutObjectAcl",
            "s3:PutObjectVersionAcl",
            dump,
            {**_VERSION, "ACL": "public-read"},
            "public",
        ),
    )


def _bucket_calls(target: CallTarget) -> tuple[AwsCall, ...]:
    """Return the calls on a bucket's configuration."""
    bucket, given = "$bucket_arn", {"Bucket": "$bucket"}
    expire = {
        "Rules": [
            {
                "ID": "all",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "Expiration": {"Days": 1},
                "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
            }
        ]
    }
    return (
        AwsCall(target, "s3", "DeleteBucket", "s3:DeleteBucket", bucket, given),
        AwsCall(
            target,
            "s3",
            "PutBucketLifecycleConfiguration",
            "s3:PutLifecycleConfiguration",
            bucket,
            {**given, "LifecycleConfiguration": expire},
            "all expire",
        ),
        AwsCall(
            target,
            "s3",
            "PutBucketVersioning",
            "s3:PutBucketVersioning",
            bucket,
            {**given, "VersioningConfiguration": {"Status": "Suspended"}},
            "suspend",
        ),
        AwsCall(
            target,
            "s3",
            "PutObjectLockConfiguration",
            "s3:PutBucketObjectLockConfiguration",
            bucket,
            {
                **given,
                "ObjectLockConfiguration": {
                    "ObjectLockEnabled": "Enabled",
                    "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}},
                },
            },
            "one day",
        ),
        AwsCall(
            target,
            "s3",
            "PutBucketPolicy",
            "s3:PutBucketPolicy",
            bucket,
            {**given, "Policy": _OPEN_TO_ALL},
            "open",
        ),
        AwsCall(target, "s3", "DeleteBucketPolicy", "s3:DeleteBucketPolicy", bucket, given),
    )


def _vault_calls(target: CallTarget) -> tuple[AwsCall, ...]:
    """Return the calls on a vault at AWS and its key."""
    bucket, given, key = "$bucket_arn", {"Bucket": "$bucket"}, {"KeyId": "$key"}
    return (
        *_object_calls(target),
        *_bucket_calls(target),
        AwsCall(
            target,
            "s3",
            "DeleteBucketReplication",
            "s3:PutReplicationConfiguration",
            bucket,
            given,
            "delete",
        ),
        AwsCall(
            target,
            "s3",
            "DeleteBucketEncryption",
            "s3:PutEncryptionConfiguration",
            bucket,
            given,
            "delete",
        ),
        AwsCall(
            target,
            "s3",
            "PutObjectTagging",
            "s3:PutObjectVersionTagging",
            "$bucket_arn/$dump",
            {**_VERSION, "Tagging": {"TagSet": [{"Key": "bulwark-gone", "Value": "yes"}]}},
            "gone",
        ),
        AwsCall(
            target,
            "s3",
            "UpdateObjectEncryption",
            "s3:UpdateObjectEncryption",
            "$bucket_arn/$dump",
            {**_VERSION, "ObjectEncryption": {"SSEKMS": {"KMSKeyArn": "$other_key"}}},
            is_on_twin=False,
        ),
        AwsCall(
            target,
            "kms",
            "PutKeyPolicy",
            "kms:PutKeyPolicy",
            "$key_arn",
            {
                **key,
                "PolicyName": "default",
                "Policy": _KEY_OF_ALL,
                "BypassPolicyLockoutSafetyCheck": True,
            },
            "everybody",
        ),
        AwsCall(
            target,
            "kms",
            "CreateGrant",
            "kms:CreateGrant",
            "$key_arn",
            {**key, "GranteePrincipal": "$stranger", "Operations": ["Decrypt"]},
        ),
        AwsCall(target, "kms", "DeleteAlias", "kms:DeleteAlias", "$key_arn", {"AliasName": "$alias"}),
        AwsCall(target, "kms", "DisableKey", "kms:DisableKey", "$key_arn", key),
        AwsCall(
            target,
            "kms",
            "ScheduleKeyDeletion",
            "kms:ScheduleKeyDeletion",
            "$key_arn",
            {**key, "PendingWindowInDays": 7},
        ),
    )


def _role_calls() -> tuple[AwsCall, ...]:
    """Return the calls that give somebody more rights, or take the rights to restore away."""
    target: CallTarget = "roles"
    writer, restorer, deployer = ("$writer_arn", "$restorer_arn", "$deployer_arn")
    return (
        AwsCall(
            target,
            "iam",
            "PutRolePolicy",
            "iam:PutRolePolicy",
            writer,
            {"RoleName": "$writer", "PolicyName": "more", "PolicyDocument": _EVERYTHING},
            "writer, everything",
        ),
        AwsCall(
            target,
            "iam",
            "DeleteRolePolicy",
            "iam:DeleteRolePolicy",
            restorer,
            {"RoleName": "$restorer", "PolicyName": "$restorer_policy"},
            "restorer",
        ),
        AwsCall(
            target,
            "iam",
            "UpdateAssumeRolePolicy",
            "iam:UpdateAssumeRolePolicy",
            restorer,
            {"RoleName": "$restorer", "PolicyDocument": _TRUST_ALL},
            "restorer, everybody",
        ),
        AwsCall(
            target,
            "iam",
            "DeleteRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            deployer,
            {"RoleName": "$deployer"},
            "deployer",
        ),
        AwsCall(
            target,
            "iam",
            "CreatePolicyVersion",
            "iam:CreatePolicyVersion",
            "$boundary",
            {"PolicyArn": "$boundary", "PolicyDocument": _EVERYTHING, "SetAsDefault": True},
            "boundary, everything",
        ),
        AwsCall(
            target,
            "iam",
            "UpdateAssumeRolePolicy",
            "iam:UpdateAssumeRolePolicy",
            "$break_glass_arn",
            {"RoleName": "$break_glass", "PolicyDocument": _TRUST_ALL},
            "break-glass, everybody",
        ),
        AwsCall(
            target,
            "sts",
            "AssumeRole",
            "sts:AssumeRole",
            "$break_glass_arn",
            {"RoleArn": "$break_glass_arn", "RoleSessionName": "more"},
            "break-glass",
        ),
        AwsCall(
            target,
            "sts",
            "AssumeRole",
            "sts:AssumeRole",
            "$deployer_arn",
            {"RoleArn": "$deployer_arn", "RoleSessionName": "more"},
            "deployer",
        ),
        AwsCall(
            "writer's document",
            "secretsmanager",
            "PutSecretValue",
            "secretsmanager:PutSecretValue",
            "$secret_arn",
            {"SecretId": "$secret", "SecretString": "x"},
        ),
        AwsCall(
            "writer's document",
            "secretsmanager",
            "DeleteSecret",
            "secretsmanager:DeleteSecret",
            "$secret_arn",
            {"SecretId": "$secret", "ForceDeleteWithoutRecovery": True},
        ),
    )


AWS_CALLS: Final = (*_vault_calls("primary vault"), *_vault_calls("replica"), *_role_calls())
"""Tried with each credential of the account that has the vaults."""

ELSEWHERE_CALLS: Final = (*_object_calls("copy elsewhere"), *_bucket_calls("copy elsewhere"))


_FILE: Final[Mapping[str, Any]] = {"Bucket": "$bucket", "Key": "$file_0"}
FILES_CALLS: Final = (
    AwsCall("files", "s3", "PutObject", "s3:PutObject", "", {**_FILE, **_BODY}, "overwrite"),
    AwsCall("files", "s3", "DeleteObject", "s3:DeleteObject", "", _FILE),
)
"""Supabase's Storage by its S3 protocol, whose key may do everything in every bucket."""

NEON_CALLS: Final = (
    HttpCall("Neon project", "PATCH", "/projects/$project", {"project": {"history_retention_seconds": 0}}),
    HttpCall("Neon project", "DELETE", "/projects/$project/endpoints/$id", each="endpoints"),
    HttpCall("Neon project", "DELETE", "/projects/$project/branches/$branch/databases/$id", each="databases"),
    HttpCall("Neon project", "DELETE", "/projects/$project/branches/$branch/roles/$id", each="roles"),
    HttpCall("Neon project", "DELETE", "/projects/$project/branches/$id", each="branches"),
    HttpCall("Neon project", "DELETE", "/projects/$project"),
)

UPTIMEROBOT_CALLS: Final = (
    HttpCall("monitors", "POST", "/monitors/$id/pause", each="monitors"),
    HttpCall("monitors", "DELETE", "/monitors/$id", each="monitors"),
    HttpCall("monitors", "DELETE", "/integrations/$id", each="integrations"),
    HttpCall("monitors", "DELETE", "/alert-contacts/$id", each="alert-contacts"),
    HttpCall("monitors", "DELETE", "/maintenance-windows/$id", each="maintenance-windows"),
    HttpCall("monitors", "DELETE", "/psps/$id", each="psps"),
    HttpCall("monitors", "DELETE", "/monitor-groups/$id", each="monitor-groups"),
)

SENTRY_CALLS: Final = (
    HttpCall("error tracking", "DELETE", "/organizations/$organization/workflows/$id/", each="workflows"),
    HttpCall("error tracking", "DELETE", "/organizations/$organization/detectors/$id/", each="detectors"),
    HttpCall("error tracking", "DELETE", "/projects/$organization/$id/", each="projects"),
    HttpCall("error tracking", "DELETE", "/teams/$organization/$id/", each="teams"),
)

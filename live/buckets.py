"""Settings that a bucket of the stack has and that nobody declared, which a refresh does not look for."""

from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from botocore.exceptions import ClientError

from live.aws_access import AwsAccess, explain_errors
from live.declared import DeclaredStack, StateResource, inputs_of
from live.finding import LiveFinding, Lookup, name
from recovery.vault.client import error_code


class _BucketSetting(NamedTuple):
    """
    A setting of a bucket.

    `token` is the type that declares it, `call` the operation that reads it, `missing` S3's error where it is
    not set, and `is_set` tells from an answer whether it is.
    """

    title: str
    token: str
    call: str
    missing: str
    is_set: Callable[[dict[str, Any]], bool] = lambda _: True


_SETTINGS: Final = (
    _BucketSetting(
        "replication",
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "get_bucket_replication",
        "ReplicationConfigurationNotFoundError",
    ),
    _BucketSetting(
        "lifecycle",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "get_bucket_lifecycle_configuration",
        "NoSuchLifecycleConfiguration",
    ),
    _BucketSetting("policy", "aws:s3/bucketPolicy:BucketPolicy", "get_bucket_policy", "NoSuchBucketPolicy"),
    _BucketSetting(
        "logging",
        "aws:s3/bucketLogging:BucketLogging",
        "get_bucket_logging",
        "",
        lambda answer: "LoggingEnabled" in answer,
    ),
    _BucketSetting(
        "website",
        "aws:s3/bucketWebsiteConfiguration:BucketWebsiteConfiguration",
        "get_bucket_website",
        "NoSuchWebsiteConfiguration",
    ),
    _BucketSetting(
        "cors",
        "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration",
        "get_bucket_cors",
        "NoSuchCORSConfiguration",
    ),
)


def lookups(declared: DeclaredStack, access: AwsAccess) -> Iterator[Lookup]:
    """Yield one lookup for each bucket of the stack."""
    for bucket in declared.of_type("aws:s3/bucket:Bucket"):
        yield Lookup(
            f"bucket {bucket['id']}",
            f"aws/bucket/{bucket['id']}",
            lambda bucket=bucket: _find(bucket, declared, access),
        )


def _find(bucket: StateResource, declared: DeclaredStack, access: AwsAccess) -> Iterator[LiveFinding]:
    bucket_name = str(bucket["id"])
    s3 = access.open_client("s3", declared.provider_of(bucket))
    for setting in _SETTINGS:
        of_others = {inputs_of(resource).get("bucket") for resource in declared.of_type(setting.token)}
        # A setting that is declared is the refresh's to compare.
        if bucket_name in of_others or not _is_set(s3, bucket_name, setting):
            continue
        yield LiveFinding(
            name("aws/bucket", bucket_name, setting.title),
            f"it has a {setting.title} setting that nobody declared",
            "declare it, or remove it (`aws s3api`), and see who made it (CloudTrail).",
        )


def _is_set(s3: Any, bucket: str, setting: _BucketSetting) -> bool:
    with explain_errors(f"reading the {setting.title} setting of {bucket}"):
        try:
            answer = getattr(s3, setting.call)(Bucket=bucket)
        except ClientError as error:
            if error_code(error) in {setting.missing, "NoSuchBucket"}:
                return False  # the refresh says that a bucket is gone
            raise
    return setting.is_set(answer)

"""A private bucket for logs, which one service of AWS writes to."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws import s3

from components.guard import BUCKET_ACTIONS, OBJECT_ACTIONS, deny_others
from components.private_bucket import SIBLINGS, BucketSettings, make_private


def declare_log_bucket(
    name: str,
    *,
    bucket: str,
    writers: Sequence[dict[str, Any]],
    guards: Sequence[str],
    keep_days: int,
    lock_mode: str | None = None,
    protect: bool,
    parent: pulumi.Resource,
) -> tuple[s3.Bucket, s3.BucketPolicy]:
    """
    Declare the bucket and what configures it; return it and its policy, the last that is made.

    Args:
        name: Prefix of the resources' names.
        bucket: The bucket's name.
        writers: The statements of its policy that let a service write.
        guards: ARNs of who may delete logs and change the bucket.
        keep_days: For how long a log is kept.
        lock_mode: Mode of an Object Lock for so long; None in a bucket that is not locked.
        protect: Whether it holds real logs; else it is removed with what is in it.
        parent: The component that has the bucket.
    """
    arn = f"arn:aws:s3:::{bucket}"
    log_bucket = s3.Bucket(
        f"{name}-bucket",
        bucket=bucket,
        object_lock_enabled=True if lock_mode else None,
        force_destroy=not protect,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect, ignore_changes=SIBLINGS),
    )
    settings = BucketSettings(parent, protect=protect)
    settings.add(
        lambda opts: s3.BucketVersioning(
            f"{name}-versioning",
            bucket=log_bucket.bucket,
            versioning_configuration={"status": "Enabled"},
            opts=opts,
        )
    )
    if lock_mode:
        settings.add(
            lambda opts: s3.BucketObjectLockConfiguration(
                f"{name}-lock",
                bucket=log_bucket.bucket,
                rule={"default_retention": {"mode": lock_mode, "days": keep_days}},
                opts=opts,
            )
        )
    make_private(name, log_bucket, settings)
    # Delivery can't write to a bucket whose default key is in KMS unless that key trusts it.
    settings.add(
        lambda opts: s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=log_bucket.bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"},
                    "blocked_encryption_types": ["SSE-C"],
                }
            ],
            opts=opts,
        )
    )
    settings.add(
        lambda opts: s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=log_bucket.bucket,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": keep_days},
                    "noncurrent_version_expiration": {"noncurrent_days": keep_days},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                }
            ],
            opts=opts,
        )
    )
    only_tls = {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    only_guards = deny_others("OnlyBreakGlass", [*OBJECT_ACTIONS, *BUCKET_ACTIONS], [arn, f"{arn}/*"], guards)
    policy = s3.BucketPolicy(
        f"{name}-policy",
        bucket=log_bucket.bucket,
        policy=json.dumps({"Version": "2012-10-17", "Statement": [only_tls, *writers, only_guards]}),
        # The last: it denies whoever runs this program to configure the bucket any further.
        opts=pulumi.ResourceOptions(parent=parent, protect=protect, depends_on=settings.declared),
    )
    return log_bucket, policy

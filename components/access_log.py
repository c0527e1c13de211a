"""The bucket of a vault's access log."""

import json
from typing import Final

import pulumi
from pulumi_aws import s3

from components.private_bucket import make_private


class AccessLog(pulumi.ComponentResource):
    """A private bucket that only S3's log delivery may write to."""

    TYPE: Final = "bulwark:index:AccessLog"

    bucket: s3.Bucket

    def __init__(
        self,
        name: str,
        *,
        bucket: str,
        account: str,
        watched_arn: str,
        keep_days: int,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, {"keepDays": keep_days}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.bucket = s3.Bucket(
            f"{name}-bucket",
            bucket=bucket,
            # The log is removed with its vault, except where the vault holds real data.
            force_destroy=not protect,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        private = make_private(name, self.bucket, parent=self)
        # Log delivery can't write to a bucket whose default key is in KMS unless that key trusts it.
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=self.bucket.bucket,
            rules=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}],
            opts=child,
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=self.bucket.bucket,
            rules=[
                {
                    "id": "expire",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "expiration": {"days": keep_days},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
                }
            ],
            opts=child,
        )
        s3.BucketPolicy(
            f"{name}-policy",
            bucket=self.bucket.bucket,
            policy=_policy(f"arn:aws:s3:::{bucket}", watched_arn=watched_arn, account=account),
            opts=pulumi.ResourceOptions(parent=self, depends_on=private),
        )
        self.register_outputs({"bucket": self.bucket.bucket})


def _policy(bucket_arn: str, *, watched_arn: str, account: str) -> str:
    statements = [
        {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
        {
            "Sid": "LogDelivery",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn}/*",
            "Condition": {
                "ArnLike": {"aws:SourceArn": watched_arn},
                "StringEquals": {"aws:SourceAccount": account},
            },
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})

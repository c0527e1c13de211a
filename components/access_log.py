"""The bucket of a vault's access log."""

from collections.abc import Sequence
from typing import Final

import pulumi
from pulumi_aws import s3

from components.log_bucket import declare_log_bucket


class AccessLog(pulumi.ComponentResource):
    """
    A private bucket that only S3's log delivery may write to, and only break-glass may delete from.

    It has no Object Lock: S3 delivers no access log to a bucket with one (S3, "Object Lock considerations").
    The record that is locked is the trail's.
    """

    TYPE: Final = "bulwark:index:AccessLog"

    bucket: s3.Bucket
    policy: s3.BucketPolicy

    def __init__(
        self,
        name: str,
        *,
        bucket: str,
        account: str,
        watched_arn: str,
        guards: Sequence[str],
        keep_days: int,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, {"keepDays": keep_days}, opts)
        delivery = {
            "Sid": "LogDelivery",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
            "Condition": {
                "ArnLike": {"aws:SourceArn": watched_arn},
                "StringEquals": {"aws:SourceAccount": account},
            },
        }
        self.bucket, self.policy = declare_log_bucket(
            name,
            bucket=bucket,
            writers=[delivery],
            guards=guards,
            keep_days=keep_days,
            protect=protect,
            parent=self,
        )
        self.register_outputs({"bucket": self.bucket.bucket})

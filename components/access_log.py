"""The bucket of a vault's access log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import s3

from components.log_bucket import declare_log_bucket


@dataclass(frozen=True)
class AccessLogArgs:
    """What `AccessLog` is made of."""

    bucket: str
    """Name of the bucket that takes the log."""

    account: str
    """Number of the account at AWS."""

    watched_arn: str
    """ARN of the bucket whose log it is."""

    guards: Sequence[str]
    """ARNs of who may change the bucket."""

    keep_days: int = 90
    protect: bool = True
    """Whether it holds a real record, and refuses deletion."""


class AccessLog(pulumi.ComponentResource):
    """
    A private bucket that only S3's log delivery may write to, and only break-glass may delete from.

    It has no Object Lock: S3 delivers no access log to a bucket with one (S3, "Object Lock considerations").
    The record that is locked is the trail's.
    """

    TYPE: Final = "bulwark:index:AccessLog"

    bucket: s3.Bucket
    policy: s3.BucketPolicy

    def __init__(self, name: str, args: AccessLogArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(self.TYPE, name, {"keepDays": args.keep_days}, opts)
        delivery = {
            "Sid": "LogDelivery",
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{args.bucket}/*",
            "Condition": {
                "ArnLike": {"aws:SourceArn": args.watched_arn},
                "StringEquals": {"aws:SourceAccount": args.account},
            },
        }
        self.bucket, self.policy = declare_log_bucket(
            name,
            bucket=args.bucket,
            writers=[delivery],
            guards=args.guards,
            keep_days=args.keep_days,
            protect=args.protect,
            parent=self,
        )
        self.register_outputs({"bucket": self.bucket.bucket})

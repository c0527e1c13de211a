"""The trail: AWS's record of who called what in an account, from which alarms are raised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
from pulumi_aws import cloudtrail

from components.alarm_names import AlarmNames
from components.log_bucket import declare_log_bucket
from components.vault_names import VaultNames

_SERVICE: Final = "cloudtrail.amazonaws.com"


@dataclass(frozen=True)
class TrailArgs:
    """What `Trail` is made of."""

    home: VaultNames
    """A vault of the account. The trail lies in its region."""

    vault_arns: Sequence[str]
    """ARNs of the account's vaults."""

    guards: Sequence[str]
    """ARNs of who may change the bucket."""

    keep_days: int = 90
    """For how long the record is kept and locked."""

    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE"
    protect: bool = True
    """Whether the bucket holds a real record, and refuses deletion."""


class Trail(pulumi.ComponentResource):
    """
    A trail of all regions with its locked bucket.

    It has every call that manages something, and each call for an object of the vaults. So who read a backup,
    or tried to delete one, stands where nobody can change it.
    """

    TYPE: Final = "bulwark:index:Trail"

    trail: cloudtrail.Trail

    def __init__(self, name: str, args: TrailArgs, *, opts: pulumi.ResourceOptions | None = None) -> None:
        """`opts` has the provider of the vault's region."""
        home = args.home
        super().__init__(self.TYPE, name, {"keepDays": args.keep_days}, opts)
        names = AlarmNames(home.platform, home.account, home.region)
        bucket_arn = f"arn:aws:s3:::{home.trail_bucket}"
        by_trail = {"StringEquals": {"aws:SourceArn": names.trail_arn}}
        owned = {"StringEquals": {**by_trail["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}}
        bucket, policy = declare_log_bucket(
            name,
            bucket=home.trail_bucket,
            # CloudTrail, "Amazon S3 bucket policy for CloudTrail".
            writers=[
                {
                    "Sid": "TrailLooks",
                    "Effect": "Allow",
                    "Principal": {"Service": _SERVICE},
                    "Action": "s3:GetBucketAcl",
                    "Resource": bucket_arn,
                    "Condition": by_trail,
                },
                {
                    "Sid": "TrailDelivery",
                    "Effect": "Allow",
                    "Principal": {"Service": _SERVICE},
                    "Action": "s3:PutObject",
                    "Resource": f"{bucket_arn}/AWSLogs/{home.account}/*",
                    "Condition": owned,
                },
            ],
            guards=args.guards,
            keep_days=args.keep_days,
            lock_mode=args.lock_mode,
            protect=args.protect,
            parent=self,
        )
        self.trail = cloudtrail.Trail(
            f"{name}-trail",
            name=names.trail,
            s3_bucket_name=bucket.bucket,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            advanced_event_selectors=[
                {
                    "name": "management",
                    "field_selectors": [{"field": "eventCategory", "equals": ["Management"]}],
                },
                {
                    "name": "objects of the vaults",
                    "field_selectors": [
                        {"field": "eventCategory", "equals": ["Data"]},
                        {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                        {"field": "resources.ARN", "starts_withs": [f"{arn}/" for arn in args.vault_arns]},
                    ],
                },
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.register_outputs({"trailArn": self.trail.arn})

"""What every private bucket has: one owner, no public access, and settings that are made one by one."""

from collections.abc import Callable
from typing import Final

import pulumi
from pulumi_aws import s3

SIBLINGS: Final = [
    "corsRules",
    "lifecycleRules",
    "logging",
    "objectLockConfiguration",
    "policy",
    "replicationConfiguration",
    "serverSideEncryptionConfiguration",
    "versioning",
]
"""
Inputs of a bucket that are resources of their own here. A refresh may copy them into the bucket, and the next
update would then take them away: https://github.com/pulumi/pulumi-aws/issues/6244.
"""


class BucketSettings:
    """
    The settings of a bucket, each made after the one before it, and protected like the bucket.

    A destroy by the engine alone runs no program that could refuse it. It deletes what is not protected, and
    would leave protected buckets without what guards them.

    S3 answers 409 (OperationAborted) where two are written at the same time:
    https://github.com/hashicorp/terraform-provider-aws/issues/33552.
    """

    def __init__(self, parent: pulumi.Resource, *, protect: bool) -> None:
        self._parent, self._protect = parent, protect
        self.declared: list[pulumi.Resource] = []

    def add(
        self,
        declare: Callable[[pulumi.ResourceOptions], pulumi.Resource],
        *,
        after: tuple[pulumi.Resource, ...] = (),
    ) -> None:
        """Declare a setting with these options, after the last one and the resources in `after`."""
        depends_on = [*self.declared[-1:], *after]
        opts = pulumi.ResourceOptions(parent=self._parent, protect=self._protect, depends_on=depends_on)
        self.declared.append(declare(opts))


def make_private(name: str, bucket: s3.Bucket, settings: BucketSettings) -> None:
    """Shut a bucket to the public and to access control lists."""
    settings.add(
        lambda opts: s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule={"object_ownership": "BucketOwnerEnforced"},
            opts=opts,
        )
    )
    settings.add(
        lambda opts: s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=opts,
        )
    )

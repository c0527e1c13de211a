"""Public access block and ownership, which every private bucket needs."""

import pulumi
from pulumi_aws import s3


def make_private(name: str, bucket: s3.Bucket, *, parent: pulumi.Resource) -> list[pulumi.Resource]:
    """
    Shut a bucket to the public and to access control lists; return what its policy must wait for.

    S3 answers 409 when a bucket's policy and its public access block are written at the same time.
    """
    opts = pulumi.ResourceOptions(parent=parent)
    ownership = s3.BucketOwnershipControls(
        f"{name}-ownership",
        bucket=bucket.bucket,
        rule={"object_ownership": "BucketOwnerEnforced"},
        opts=opts,
    )
    public_access = s3.BucketPublicAccessBlock(
        f"{name}-public-access",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    return [ownership, public_access]

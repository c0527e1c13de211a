"""A small stack of two vaults in two regions, for the real engine."""

import json
from typing import Any

import pulumi
from pulumi_aws import Provider, iam, kms, s3


def document(**statement: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def vault(region: str) -> tuple[s3.Bucket, s3.BucketVersioning]:
    provider = Provider(region, region=region, default_tags={"tags": {"Project": "twin"}})
    options = pulumi.ResourceOptions(provider=provider)
    key = kms.Key(f"{region}-key", enable_key_rotation=True, rotation_period_in_days=180, opts=options)
    kms.Alias(f"{region}-alias", name="alias/vault", target_key_id=key.key_id, opts=options)
    bucket = s3.Bucket(f"{region}-bucket", bucket=f"vault-{region}", object_lock_enabled=True, opts=options)
    versioning = s3.BucketVersioning(
        f"{region}-versioning",
        bucket=bucket.bucket,
        versioning_configuration={"status": "Enabled"},
        opts=options,
    )
    s3.BucketServerSideEncryptionConfiguration(
        f"{region}-encryption",
        bucket=bucket.bucket,
        rules=[
            {
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": "aws:kms",
                    "kms_master_key_id": key.arn,
                },
                "bucket_key_enabled": True,
            }
        ],
        opts=options,
    )
    s3.BucketPolicy(
        f"{region}-policy",
        bucket=bucket.bucket,
        policy=bucket.arn.apply(
            lambda arn: document(
                Effect="Deny",
                Principal="*",
                Action="s3:*",
                Resource=[arn, f"{arn}/*"],
                Condition={"Bool": {"aws:SecureTransport": "false"}},
            )
        ),
        opts=options,
    )
    return bucket, versioning


def program() -> None:
    source, versioned = vault("us-east-1")
    replica, versioned_too = vault("eu-west-1")
    primary = Provider("primary", region="us-east-1")
    role = iam.Role(
        "replicator",
        assume_role_policy=document(
            Effect="Allow", Principal={"Service": "s3.amazonaws.com"}, Action="sts:AssumeRole"
        ),
        opts=pulumi.ResourceOptions(provider=primary),
    )
    s3.BucketReplicationConfig(
        "replication",
        bucket=source.bucket,
        role=role.arn,
        rules=[
            {
                "status": "Enabled",
                "priority": 1,
                "filter": {"prefix": ""},
                "delete_marker_replication": {"status": "Disabled"},
                "destination": {"bucket": replica.arn},
            }
        ],
        opts=pulumi.ResourceOptions(provider=primary, depends_on=[versioned, versioned_too]),
    )
    pulumi.export("replica", replica.bucket_regional_domain_name)

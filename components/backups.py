"""Two vaults in two regions, the replication between them, and the roles that may use them."""

import json
from typing import Final

import pulumi
from pulumi_aws import iam, s3

from components.identity import Identity, only_key_of
from components.settings import BackupSettings, PlatformSettings
from components.vault import Vault

REPLICATION_MINUTES: Final = 15
"""S3 Replication Time Control replicates within 15 minutes (AWS, "Replication Time Control")."""


class Backups(pulumi.ComponentResource):
    """
    Everything at AWS that backups need.

    `opts.providers` must hold the AWS provider of the primary region; the replica's is passed by name.
    """

    TYPE: Final = "bulwark:index:Backups"

    primary: Vault
    replica: Vault
    identity: Identity

    def __init__(
        self,
        name: str,
        args: BackupSettings,
        *,
        platform: PlatformSettings,
        replica_provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, {"replicationMinutes": REPLICATION_MINUTES}, opts)
        child = pulumi.ResourceOptions(parent=self)
        replica_account = args.replica.account or args.account
        other_account = replica_account != args.account
        replicator = iam.Role(
            f"{name}-replicator",
            name=f"{platform.name}-vault-replicator",
            description="Copies the vault to its replica",
            assume_role_policy=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "s3.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                            "Condition": {"StringEquals": {"aws:SourceAccount": args.account}},
                        }
                    ],
                }
            ),
            opts=child,
        )
        self.primary = Vault(
            f"{name}-vault",
            args,
            platform=platform.name,
            region=args.region,
            account=args.account,
            protect=platform.protected,
            adopt=args.adopt,
            opts=child,
        )
        self.replica = Vault(
            f"{name}-replica",
            args,
            platform=platform.name,
            region=args.replica.region,
            account=replica_account,
            protect=platform.protected,
            replication_role_arn=(
                f"arn:aws:iam::{args.account}:role/{platform.name}-vault-replicator"
                if other_account
                else None
            ),
            # A bucket policy can only name a role that exists.
            opts=pulumi.ResourceOptions(
                parent=self, providers={"aws": replica_provider}, depends_on=[replicator]
            ),
        )
        permission = iam.RolePolicy(
            f"{name}-replicator-policy",
            name="replicate",
            role=replicator.name,
            policy=_replication_policy(self.primary, self.replica),
            opts=child,
        )
        destination: s3.BucketReplicationConfigRuleDestinationArgsDict = {
            "bucket": self.replica.bucket.arn,
            "storage_class": "STANDARD_IA",
            "encryption_configuration": {"replica_kms_key_id": self.replica.key.arn},
            "replication_time": {"status": "Enabled", "time": {"minutes": REPLICATION_MINUTES}},
            "metrics": {"status": "Enabled", "event_threshold": {"minutes": REPLICATION_MINUTES}},
        }
        if other_account:
            destination["account"] = replica_account
            destination["access_control_translation"] = {"owner": "Destination"}
        s3.BucketReplicationConfig(
            f"{name}-replication",
            bucket=self.primary.bucket.bucket,
            role=replicator.arn,
            rules=[
                {
                    "id": "everything",
                    "status": "Enabled",
                    "priority": 1,
                    "filter": {"prefix": ""},
                    # A delete marker hides a backup; the replica keeps showing it.
                    "delete_marker_replication": {"status": "Disabled"},
                    "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                    "destination": destination,
                }
            ],
            opts=pulumi.ResourceOptions(
                parent=self,
                # The role may use the keys by their aliases alone.
                depends_on=[
                    self.primary.versioning,
                    self.replica.versioning,
                    permission,
                    self.primary.alias,
                    self.replica.alias,
                ],
            ),
        )
        self.identity = Identity(
            f"{name}-identity",
            args,
            platform=platform,
            vaults=[self.primary, self.replica],
            opts=child,
        )
        self.register_outputs({"primary": self.primary.bucket.bucket, "replica": self.replica.bucket.bucket})


def _replication_policy(source: Vault, replica: Vault) -> str:
    statements = [
        {
            "Sid": "ReadSource",
            "Effect": "Allow",
            "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            "Resource": source.arn,
        },
        {
            "Sid": "ReadVersions",
            "Effect": "Allow",
            "Action": [
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            "Resource": f"{source.arn}/*",
        },
        {
            "Sid": "WriteReplica",
            "Effect": "Allow",
            "Action": ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateObject", "s3:ReplicateTags"],
            "Resource": f"{replica.arn}/*",
        },
        {
            "Sid": "Decrypt",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": source.keys_arn,
            "Condition": only_key_of(source),
        },
        {
            "Sid": "Encrypt",
            "Effect": "Allow",
            "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
            "Resource": replica.keys_arn,
            "Condition": only_key_of(replica),
        },
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})

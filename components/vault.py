"""A vault: a bucket of backups that nobody can delete before their lock ends."""

import json
from typing import Any, Final

import pulumi
from pulumi_aws import kms, s3

from components.access_log import AccessLog
from components.private_bucket import make_private
from components.settings import BackupSettings
from components.settings.backups import vault_name
from core import vault_layout

WRITER_SUFFIX: Final = "backup-writer"
"""The role that fills vaults is called `<platform>-backup-writer`, in every account."""

_ENCRYPTION: Final = "s3:x-amz-server-side-encryption"
_OWN_KEY: Final = "s3:x-amz-server-side-encryption-customer-algorithm"


class Vault(pulumi.ComponentResource):
    """
    A versioned, locked, encrypted bucket, its key and its access log.

    Publishes for policies: `failureDomain` (provider, account, region), `lockDays`, and `tiers`, prefix ->
    days for which what lies there is kept.
    """

    TYPE: Final = "bulwark:index:Vault"

    bucket: s3.Bucket
    arn: str
    key: kms.Key
    alias: kms.Alias
    key_alias: str
    region: str
    keys_arn: str
    """Every key of the vault's account and region; with `key_alias` as a condition, this vault's alone."""

    versioning: s3.BucketVersioning

    def __init__(
        self,
        name: str,
        args: BackupSettings,
        *,
        platform: str,
        region: str,
        account: str,
        protect: bool,
        replication_role_arn: str | None = None,
        adopt: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        facts = {
            "failureDomain": {"provider": "aws", "account": account, "region": region},
            "lockDays": args.lock_days,
            "tiers": _tiers(args),
        }
        super().__init__(self.TYPE, name, facts, opts)
        child = pulumi.ResourceOptions(parent=self)
        holds_data = pulumi.ResourceOptions(parent=self, protect=protect)
        self.key = kms.Key(
            f"{name}-key",
            description=f"Encrypts the backups of {platform} in {region}",
            enable_key_rotation=True,
            rotation_period_in_days=args.key_rotation_days,
            deletion_window_in_days=30,
            policy=_key_policy(account, replication_role_arn),
            opts=holds_data,
        )
        self.key_alias = f"alias/{platform}-vault-{region}"
        self.alias = kms.Alias(
            f"{name}-key-alias",
            name=self.key_alias,
            target_key_id=self.key.key_id,
            opts=child,
        )
        physical = adopt or vault_name(platform, account, region)
        # Written out, so that a policy can name it before the key exists.
        self.arn = f"arn:aws:s3:::{physical}"
        self.region = region
        self.keys_arn = f"arn:aws:kms:{region}:{account}:key/*"
        self.bucket = s3.Bucket(
            f"{name}-bucket",
            bucket=physical,
            object_lock_enabled=True,
            force_destroy=False,
            # Deleted before its key: a bucket that holds backups can't be deleted, and then its key stays.
            opts=pulumi.ResourceOptions(parent=self, protect=protect, import_=adopt, depends_on=[self.key]),
        )
        bucket = self.bucket.bucket
        self.versioning = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket,
            versioning_configuration={"status": "Enabled"},
            opts=child,
        )
        s3.BucketObjectLockConfiguration(
            f"{name}-lock",
            bucket=bucket,
            rule={"default_retention": {"mode": args.lock_mode, "days": args.lock_days}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.versioning]),
        )
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": self.key.arn,
                    },
                    "bucket_key_enabled": True,
                }
            ],
            opts=child,
        )
        public_access = make_private(name, self.bucket, parent=self)
        s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket,
            policy=_bucket_policy(self.arn, platform=platform, replication_role_arn=replication_role_arn),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[public_access]),
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket,
            rules=_lifecycle(args),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.versioning]),
        )
        log = AccessLog(
            f"{name}-access-log",
            bucket=f"{platform}-access-log-{account}-{region}",
            account=account,
            watched_arn=self.arn,
            keep_days=args.access_log_days,
            protect=protect,
            opts=child,
        )
        s3.BucketLogging(
            f"{name}-logging",
            bucket=bucket,
            target_bucket=log.bucket.bucket,
            target_prefix=f"{platform}-vault/",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[log]),
        )
        self.register_outputs({"bucket": bucket, "keyArn": self.key.arn})


def _tiers(args: BackupSettings) -> dict[str, int]:
    """Return prefix -> days that its objects are kept; for files, days that an earlier version is kept."""
    retention = args.retention
    return {
        vault_layout.database_tier("daily"): retention.database_daily_days,
        vault_layout.database_tier("weekly"): retention.database_weekly_days,
        vault_layout.database_tier("monthly"): retention.database_monthly_days,
        vault_layout.STATE: retention.state_days,
        vault_layout.EVIDENCE: retention.evidence_days,
        vault_layout.FILES: retention.files_days,
        vault_layout.MANIFESTS: retention.files_days,
    }


def _lifecycle(args: BackupSettings) -> list[s3.BucketLifecycleConfigurationRuleArgsDict]:
    """
    Expire each tier by its prefix; this is the only thing that ever deletes a backup.

    A version that was hidden early stays as long as its lock, which is longer than any mistake goes unseen.
    """
    tiers = _tiers(args)
    files_days = tiers.pop(vault_layout.FILES)
    rules: list[s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": prefix.strip("/").replace("/", "-"),
            "status": "Enabled",
            "filter": {"prefix": prefix},
            "expiration": {"days": days},
            "noncurrent_version_expiration": {"noncurrent_days": args.lock_days},
        }
        for prefix, days in tiers.items()
    ]
    # Copies stay as long as their originals; only versions of changed or deleted files expire. A copy whose
    # original was deleted has a tag: it is hidden, and stays restorable as an earlier version.
    rules.append(
        {
            "id": "files",
            "status": "Enabled",
            "filter": {"prefix": vault_layout.FILES},
            "noncurrent_version_expiration": {"noncurrent_days": files_days},
        }
    )
    rules.append(
        {
            "id": "files-gone",
            "status": "Enabled",
            "filter": {
                "and_": {"prefix": vault_layout.FILES, "tags": dict([vault_layout.DELETED_AT_SOURCE_TAG])}
            },
            "expiration": {"days": 1},
        }
    )
    rules.append(
        {
            "id": "clean-up",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"expired_object_delete_marker": True},
            "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
        }
    )
    return rules


def _key_policy(account: str, replication_role_arn: str | None) -> str:
    statements: list[dict[str, Any]] = [
        {
            # Without this the key could become unmanageable; IAM policies decide who may do what.
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    ]
    if replication_role_arn:
        statements.append(
            {
                "Sid": "ReplicationEncrypts",
                "Effect": "Allow",
                "Principal": {"AWS": replication_role_arn},
                "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
                "Resource": "*",
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _bucket_policy(bucket_arn: str, *, platform: str, replication_role_arn: str | None) -> str:
    everything = [bucket_arn, f"{bucket_arn}/*"]
    objects = f"{bucket_arn}/*"
    writer = {"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::*:role/{platform}-{WRITER_SUFFIX}"}}

    def deny(sid: str, action: str | list[str], resource: str | list[str], condition: Any) -> dict[str, Any]:
        return {
            "Sid": sid,
            "Effect": "Deny",
            "Principal": "*",
            "Action": action,
            "Resource": resource,
            "Condition": condition,
        }

    statements = [
        deny("OnlyTls", "s3:*", everything, {"Bool": {"aws:SecureTransport": "false"}}),
        deny("OnlyCurrentTls", "s3:*", everything, {"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
        # An upload that names no encryption gets the bucket's default, which is the vault's own key. One that
        # names any could choose another: `aws:kms` without a key is the account's shared key (S3 API,
        # PutObject).
        deny("OnlyDefaultEncryption", "s3:PutObject", objects, {"Null": {_ENCRYPTION: "false"}}),
        deny(
            "NoOwnKey",
            "s3:PutObject",
            objects,
            {"Null": {f"{_ENCRYPTION}-customer-algorithm": "false"}},
        ),
        deny(
            "WriterOnlyAdds",
            [
                "s3:BypassGovernanceRetention",
                "s3:DeleteBucket",
                "s3:DeleteBucketPolicy",
                "s3:DeleteObject",
                "s3:DeleteObjectVersion",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutBucketPolicy",
                "s3:PutBucketVersioning",
                "s3:PutLifecycleConfiguration",
                "s3:PutObjectLegalHold",
                "s3:PutObjectRetention",
                "s3:PutReplicationConfiguration",
            ],
            everything,
            writer,
        ),
    ]
    if replication_role_arn:
        statements.append(
            {
                "Sid": "TakesReplicas",
                "Effect": "Allow",
                "Principal": {"AWS": replication_role_arn},
                "Action": ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateObject", "s3:ReplicateTags"],
                "Resource": objects,
            }
        )
    return json.dumps({"Version": "2012-10-17", "Statement": statements})

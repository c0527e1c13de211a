"""A vault: a bucket of backups that nobody can delete before their lock ends."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import pulumi
from pulumi_aws import kms, s3

from components.access_log import AccessLog, AccessLogArgs
from components.guard import (
    BUCKET_ACTIONS,
    DELETION_WINDOW_DAYS,
    KEY_ACTIONS,
    OBJECT_ACTIONS,
    deny_others,
    list_guards,
)
from components.private_bucket import SIBLINGS, BucketSettings, make_private
from components.vault_names import VaultNames
from core import vault_layout

_ENCRYPTION: Final = "s3:x-amz-server-side-encryption"
_STORAGE_CLASS: Final = "s3:x-amz-storage-class"


@dataclass(frozen=True)
class RetentionDays:
    """Days for which each tier is kept; the vault's lifecycle expires it, no code deletes a backup."""

    database_daily_days: int = 35
    database_weekly_days: int = 98
    database_monthly_days: int = 400
    files_days: int = 30
    """How long a changed or deleted file stays restorable."""

    state_days: int = 98
    evidence_days: int = 400
    """Drill reports; auditors ask for a year and the month before it."""


@dataclass(frozen=True)
class VaultRules:
    """
    How long a vault keeps and locks what lies in it, and who may take it down.

    Raises:
        ValueError: a tier is kept for less than its lock, so that nothing of it would expire.
    """

    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE"
    """COMPLIANCE can't be lifted by anyone, the account's root included."""

    lock_days: int = 30
    """Object Lock's default retention: nothing can be deleted or overwritten earlier."""

    retention: RetentionDays = RetentionDays()
    key_rotation_days: int = 365
    """AWS KMS accepts 90 to 2560 days."""

    access_log_days: int = 90
    """How long the vault's access log is kept, and the record of a trail."""

    protect: bool = True
    """Whether everything that holds data refuses deletion; without it the account's root user may delete."""

    def __post_init__(self) -> None:
        short = [tier for tier, days in asdict(self.retention).items() if days < self.lock_days]
        if short:
            raise ValueError(f"{', '.join(short)} is shorter than the lock of {self.lock_days} days")


@dataclass(frozen=True)
class VaultArgs:
    """What `Vault` is made of. All of it is known beforehand, for policies judge its documents."""

    names: VaultNames
    protection: VaultRules = field(default_factory=VaultRules)
    replication_role_arn: str | None = None
    """Role of another account that copies into this vault."""


class Vault(pulumi.ComponentResource):
    """
    A versioned, locked, encrypted bucket, its key and its access log.

    Publishes for policies: `failureDomain` (provider, account, region), `lockDays`, and `tiers`, prefix ->
    days for which what lies there is kept.
    """

    TYPE: Final = "bulwark:index:Vault"

    names: VaultNames
    bucket: s3.Bucket
    key: kms.Key
    alias: kms.Alias
    versioning: s3.BucketVersioning

    def __init__(
        self,
        name: str,
        args: VaultArgs,
        *,
        configure: Callable[["Vault", BucketSettings], None] = lambda _vault, _settings: None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`configure` declares what else configures the bucket: nobody may once its policy is there."""
        names, kept, role = args.names, args.protection, args.replication_role_arn
        platform, account, region, protect = names.platform, names.account, names.region, kept.protect
        guards = list_guards(platform, account, protect=protect)
        facts = {
            "failureDomain": {"provider": "aws", "account": account, "region": region},
            "lockDays": kept.lock_days,
            "tiers": _tiers(kept.retention),
        }
        super().__init__(self.TYPE, name, facts, opts)
        self.names = names
        child = pulumi.ResourceOptions(parent=self)
        holds_data = pulumi.ResourceOptions(parent=self, protect=protect)
        self.key = kms.Key(
            f"{name}-key",
            description=f"Encrypts the backups of {platform} in {region}",
            enable_key_rotation=True,
            rotation_period_in_days=kept.key_rotation_days,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=key_policy(account, guards=guards, replication_role_arn=role),
            # KMS refuses a policy that its maker could not change afterwards, and here nobody but break-glass
            # can. The parameter is for this very case (AWS KMS API, CreateKey).
            bypass_policy_lockout_safety_check=True if protect else None,
            opts=holds_data,
        )
        self.alias = kms.Alias(
            f"{name}-key-alias",
            name=names.key_alias,
            target_key_id=self.key.key_id,
            opts=holds_data,
        )
        self.bucket = s3.Bucket(
            f"{name}-bucket",
            bucket=names.bucket,
            object_lock_enabled=True,
            force_destroy=False,
            # Deleted before its key: a bucket that holds backups can't be deleted, and then its key stays.
            opts=pulumi.ResourceOptions(
                parent=self, protect=protect, depends_on=[self.key], ignore_changes=SIBLINGS
            ),
        )
        bucket = self.bucket.bucket
        self.versioning = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket,
            versioning_configuration={"status": "Enabled"},
            opts=holds_data,
        )
        settings = BucketSettings(self, protect=protect)
        settings.add(
            lambda opts: s3.BucketObjectLockConfiguration(
                f"{name}-lock",
                bucket=bucket,
                rule={"default_retention": {"mode": kept.lock_mode, "days": kept.lock_days}},
                opts=opts,
            ),
            after=(self.versioning,),
        )
        settings.add(
            lambda opts: s3.BucketServerSideEncryptionConfiguration(
                f"{name}-encryption",
                bucket=bucket,
                rules=[
                    {
                        "apply_server_side_encryption_by_default": {
                            "sse_algorithm": "aws:kms",
                            "kms_master_key_id": self.key.arn,
                        },
                        "bucket_key_enabled": True,
                        "blocked_encryption_types": ["SSE-C"],
                    }
                ],
                opts=opts,
            )
        )
        make_private(name, self.bucket, settings)
        settings.add(
            lambda opts: s3.BucketLifecycleConfiguration(
                f"{name}-lifecycle", bucket=bucket, rules=_lifecycle(kept), opts=opts
            )
        )
        log = AccessLog(
            f"{name}-access-log",
            AccessLogArgs(names.log_bucket, account, names.arn, guards, kept.access_log_days, protect),
            opts=child,
        )
        settings.add(
            lambda opts: s3.BucketLogging(
                f"{name}-logging",
                bucket=bucket,
                target_bucket=log.bucket.bucket,
                target_prefix=f"{platform}-vault/",
                opts=opts,
            ),
            after=(log.policy,),
        )
        configure(self, settings)
        # The last: it denies whoever runs this program to configure the bucket any further.
        s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket,
            policy=bucket_policy(names.arn, guards=guards, replication_role_arn=role),
            opts=pulumi.ResourceOptions(parent=self, protect=protect, depends_on=settings.declared),
        )
        self.register_outputs({"bucket": bucket, "keyArn": self.key.arn})


def _tiers(retention: RetentionDays) -> dict[str, int]:
    """Return prefix -> days that its objects are kept; for files, days that an earlier version is kept."""
    return {
        vault_layout.database_tier("daily"): retention.database_daily_days,
        vault_layout.database_tier("weekly"): retention.database_weekly_days,
        vault_layout.database_tier("monthly"): retention.database_monthly_days,
        vault_layout.STATE: retention.state_days,
        vault_layout.EVIDENCE: retention.evidence_days,
        vault_layout.FILES: retention.files_days,
        vault_layout.MANIFESTS: retention.files_days,
    }


def _lifecycle(kept: VaultRules) -> list[s3.BucketLifecycleConfigurationRuleArgsDict]:
    """
    Expire each tier by its prefix; this is the only thing that ever deletes a backup.

    A version that was hidden early stays as long as its lock, which is longer than any mistake goes unseen.
    """
    tiers = _tiers(kept.retention)
    files_days = tiers.pop(vault_layout.FILES)
    rules: list[s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": prefix.strip("/").replace("/", "-"),
            "status": "Enabled",
            "filter": {"prefix": prefix},
            "expiration": {"days": days},
            "noncurrent_version_expiration": {"noncurrent_days": kept.lock_days},
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


def key_policy(account: str, *, guards: Sequence[str], replication_role_arn: str | None = None) -> str:
    """Return the policy of a vault's key; `guards` are the ARNs of who may take the key away."""
    statements: list[dict[str, Any]] = [
        {
            # Without this the key could become unmanageable; IAM policies decide who may do what.
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
        deny_others("OnlyBreakGlass", KEY_ACTIONS, "*", guards),
        {
            "Sid": "FullWindow",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "kms:ScheduleKeyDeletion",
            "Resource": "*",
            "Condition": {
                "NumericLessThan": {"kms:ScheduleKeyDeletionPendingWindowInDays": str(DELETION_WINDOW_DAYS)}
            },
        },
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


def bucket_policy(bucket_arn: str, *, guards: Sequence[str], replication_role_arn: str | None = None) -> str:
    """Return the policy of a vault's bucket; `guards` are the ARNs of who may loosen it."""
    everything = [bucket_arn, f"{bucket_arn}/*"]
    objects = f"{bucket_arn}/*"

    def deny(sid: str, action: str, resource: str | list[str], condition: Any) -> dict[str, Any]:
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
        # From an archive a backup comes back after hours.
        deny(
            "NoArchive",
            "s3:PutObject",
            objects,
            {"Null": {_STORAGE_CLASS: "false"}, "StringNotEquals": {_STORAGE_CLASS: "STANDARD"}},
        ),
        deny_others("OnlyBreakGlass", [*OBJECT_ACTIONS, *BUCKET_ACTIONS], everything, guards),
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

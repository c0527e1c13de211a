"""The roles that may use the vaults: four for GitHub Actions, without a long-lived key."""

import json
from collections.abc import Sequence
from typing import Any, Final

import pulumi
from pulumi_aws import iam

from components.settings import BackupSettings, PlatformSettings
from components.settings.platform import OIDC_ISSUER
from components.vault import WRITER_SUFFIX, Vault
from core import vault_layout

ISSUER: Final = OIDC_ISSUER.removeprefix("https://")
"""GitHub's OIDC issuer (GitHub Docs, "Configuring OpenID Connect in Amazon Web Services")."""

_SESSION_SECONDS: Final = 2 * 3600
_OTHERS: Final = ("vault-replicator", WRITER_SUFFIX, "backup-restorer")
"""Roles that neither plan nor deploy."""

_LOOK_AT_BUCKETS: Final = (
    "s3:GetAccelerateConfiguration",
    *(
        f"s3:GetBucket{part}"
        for part in (
            "Acl",
            "CORS",
            "Location",
            "Logging",
            "ObjectLockConfiguration",
            "OwnershipControls",
            "Policy",
            "PublicAccessBlock",
            "RequestPayment",
            "Tagging",
            "Versioning",
            "Website",
        )
    ),
    "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration",
    "s3:GetReplicationConfiguration",
    "s3:ListBucket",
)
_LOOK_AT_KEYS: Final = (
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListResourceTags",
)
_LOOK_AT_ROLES: Final = (
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
)
"""Actions with which AWS's provider reads this stack's resources; none of them reads an object."""


class Identity(pulumi.ComponentResource):
    """The OIDC provider and its roles: writer, restorer, planner (reads), deployer (configures)."""

    TYPE: Final = "bulwark:index:Identity"

    writer: iam.Role
    restorer: iam.Role
    planner: iam.Role
    deployer: iam.Role

    def __init__(
        self,
        name: str,
        args: BackupSettings,
        *,
        platform: PlatformSettings,
        vaults: Sequence[Vault],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, None, opts)
        github = iam.OpenIdConnectProvider(
            f"{name}-github",
            url=OIDC_ISSUER,
            client_id_lists=["sts.amazonaws.com"],
            opts=pulumi.ResourceOptions(parent=self),
        )

        def declare_role(suffix: str, environment: str, does: str, policy: str) -> iam.Role:
            role = iam.Role(
                f"{name}-{suffix}",
                name=f"{platform.name}-{suffix}",
                description=does,
                max_session_duration=_SESSION_SECONDS,
                assume_role_policy=_trust(
                    f"arn:aws:iam::{args.account}:oidc-provider/{ISSUER}", platform.subject(environment)
                ),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[github]),
            )
            iam.RolePolicy(
                f"{name}-{suffix}-policy",
                name=suffix,
                role=role.name,
                policy=policy,
                opts=pulumi.ResourceOptions(parent=self),
            )
            return role

        self.writer = declare_role(
            WRITER_SUFFIX,
            args.backup_environment,
            "Adds backups; can neither delete nor overwrite",
            _writer(vaults[0]),
        )
        self.restorer = declare_role(
            "backup-restorer",
            args.restore_environment,
            "Reads backups; can write nothing",
            _restorer(vaults),
        )
        self.planner = declare_role(
            "planner",
            args.plan_environment,
            "Looks at this stack; can change nothing",
            _planner(vaults, account=args.account, platform=platform.name),
        )
        self.deployer = declare_role(
            "deployer",
            args.deploy_environment,
            "Deploys this stack",
            _deployer(vaults, account=args.account, platform=platform.name),
        )
        self.register_outputs({"writerArn": self.writer.arn, "restorerArn": self.restorer.arn})


def _trust(provider_arn: str, subject: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _allow(sid: str, actions: list[str], resources: Any, **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources, **more}


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def only_key_of(vault: Vault) -> dict[str, Any]:
    """
    Return the condition that leaves the vault's key alone of all keys, and S3 alone to use it.

    A key's ARN is not known before it exists, so a policy that names it can't be judged on a first preview;
    its alias is (AWS KMS, "Use aliases to control access to KMS keys").
    """
    return {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": [vault.key_alias]},
        "StringEquals": {"kms:ViaService": f"s3.{vault.region}.amazonaws.com"},
    }


def _writer(vault: Vault) -> str:
    bucket_arn = vault.arn
    written_once = (
        vault_layout.DATABASE,
        vault_layout.STATE,
        vault_layout.EVIDENCE,
        vault_layout.MANIFESTS,
    )
    once = [f"{bucket_arn}/{prefix}*" for prefix in written_once]
    tag, value = vault_layout.DELETED_AT_SOURCE_TAG
    new_only = {"Null": {"s3:if-none-match": "false"}}
    part = {"Bool": {"s3:ObjectCreationOperation": "false"}}
    return _document(
        # A key is written once: S3 refuses a PutObject without If-None-Match (AWS, "Enforce conditional
        # writes"). Parts of a multipart upload carry no such header; completing it does.
        _allow("AddOnce", ["s3:PutObject"], once, Condition=new_only),
        _allow("AddParts", ["s3:PutObject"], once, Condition=part),
        # A changed file becomes a new version; the lock keeps the old one.
        _allow("AddFiles", ["s3:PutObject"], f"{bucket_arn}/{vault_layout.FILES}*"),
        # A copy whose original was deleted gets the one tag that the lifecycle knows, and no other.
        _allow(
            "MarkGone",
            ["s3:PutObjectVersionTagging"],
            f"{bucket_arn}/{vault_layout.FILES}*",
            Condition={
                "StringEquals": {f"s3:RequestObjectTag/{tag}": value},
                "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": [tag]},
            },
        ),
        _allow("GiveUp", ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], f"{bucket_arn}/*"),
        _allow(
            "Look",
            [
                "s3:GetBucketLocation",
                "s3:GetBucketObjectLockConfiguration",
                "s3:ListBucket",
                "s3:ListBucketMultipartUploads",
                "s3:ListBucketVersions",
            ],
            bucket_arn,
        ),
        # The lock of an object that was just written; its size and version come with a listing.
        _allow("Confirm", ["s3:GetObjectRetention"], f"{bucket_arn}/*"),
        # Manifests and records of earlier runs, but no data: these credentials read no backup.
        _allow(
            "Recall",
            ["s3:GetObject", "s3:GetObjectVersion"],
            [
                *(
                    f"{bucket_arn}/{prefix}*/{name}"
                    for prefix in (vault_layout.DATABASE, vault_layout.STATE)
                    for name in (vault_layout.MANIFEST, vault_layout.attestation(vault_layout.MANIFEST))
                ),
                f"{bucket_arn}/{vault_layout.EVIDENCE}*",
                f"{bucket_arn}/{vault_layout.MANIFESTS}*",
                f"{bucket_arn}/{vault_layout.ISSUER_KEYS}*",
            ],
        ),
        _allow(
            "Encrypt", ["kms:Decrypt", "kms:GenerateDataKey"], vault.keys_arn, Condition=only_key_of(vault)
        ),
    )


def _restorer(vaults: Sequence[Vault]) -> str:
    bucket_arns = [vault.arn for vault in vaults]
    return _document(
        _allow(
            "Look",
            [
                "s3:GetBucketLocation",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetBucketVersioning",
                "s3:ListBucket",
                "s3:ListBucketVersions",
            ],
            list(bucket_arns),
        ),
        _allow(
            "Read",
            ["s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion"],
            [f"{arn}/*" for arn in bucket_arns],
        ),
        *(
            _allow(f"Decrypt{number}", ["kms:Decrypt"], vault.keys_arn, Condition=only_key_of(vault))
            for number, vault in enumerate(vaults, 1)
        ),
    )


def _buckets(vaults: Sequence[Vault], platform: str) -> list[str]:
    """Return the ARNs of the vaults and of their access logs."""
    arns = [vault.arn for vault in vaults]
    return [*arns, *(arn.replace(f"{platform}-vault-", f"{platform}-access-log-") for arn in arns)]


def _planner(vaults: Sequence[Vault], *, account: str, platform: str) -> str:
    roles = f"arn:aws:iam::{account}:role/{platform}"
    return _document(
        _allow("LookAtBuckets", [*_LOOK_AT_BUCKETS], _buckets(vaults, platform)),
        _allow(
            "LookAtKeys",
            [*_LOOK_AT_KEYS],
            [vault.keys_arn for vault in vaults],
            Condition={"StringEquals": {"aws:ResourceTag/Project": platform}},
        ),
        _allow("FindKeys", ["kms:ListAliases"], "*"),
        _allow(
            "LookAtRoles",
            [*_LOOK_AT_ROLES],
            [f"{roles}-{name}" for name in (*_OTHERS, "planner", "deployer")],
        ),
        _allow(
            "LookAtIssuer",
            ["iam:GetOpenIDConnectProvider"],
            f"arn:aws:iam::{account}:oidc-provider/{ISSUER}",
        ),
        *_records(vaults[0]),
    )


def _deployer(vaults: Sequence[Vault], *, account: str, platform: str) -> str:
    roles = f"arn:aws:iam::{account}:role/{platform}"
    return _document(
        _allow(
            "ConfigureBuckets",
            [
                "s3:CreateBucket",
                *_LOOK_AT_BUCKETS,
                "s3:PutBucketLogging",
                "s3:PutBucketObjectLockConfiguration",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:PutReplicationConfiguration",
            ],
            _buckets(vaults, platform),
        ),
        # By their tag, as a new key has no alias yet. These permissions can give the tag to no other key.
        _allow(
            "ConfigureKeys",
            [
                "kms:CreateAlias",
                "kms:EnableKeyRotation",
                *_LOOK_AT_KEYS,
                "kms:PutKeyPolicy",
                "kms:TagResource",
                "kms:UpdateKeyDescription",
            ],
            [vault.keys_arn for vault in vaults],
            Condition={"StringEquals": {"aws:ResourceTag/Project": platform}},
        ),
        # These two actions have no resource before it exists, so that none can be named.
        _allow("FindKeys", ["kms:CreateKey", "kms:ListAliases"], "*"),
        # Not kms:UpdateAlias: moving a vault's alias to another key would move its permissions there.
        _allow("NameKeys", ["kms:CreateAlias"], f"arn:aws:kms:*:{account}:alias/{platform}-vault-*"),
        _allow(
            "KnowItself", ["iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies"], f"{roles}-deployer"
        ),
        # Not the deployer's own role: a deployment could give itself any permission.
        _allow(
            "ConfigureRoles",
            [
                "iam:CreateRole",
                "iam:DeleteRolePolicy",
                *_LOOK_AT_ROLES,
                "iam:PassRole",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            [f"{roles}-{name}" for name in (*_OTHERS, "planner")],
        ),
        _allow(
            "ConfigureIssuer",
            [
                "iam:CreateOpenIDConnectProvider",
                "iam:GetOpenIDConnectProvider",
                "iam:TagOpenIDConnectProvider",
            ],
            f"arn:aws:iam::{account}:oidc-provider/{ISSUER}",
        ),
        *_records(vaults[0]),
        *_issuer_keys(vaults[0]),
    )


def _records(vault: Vault) -> list[dict[str, Any]]:
    """Return the statements that let a deployment read what is backed up and proven, and no backup."""
    manifests = [
        f"{vault_layout.DATABASE}*/{vault_layout.MANIFEST}",
        f"{vault_layout.STATE}*/{vault_layout.MANIFEST}",
        f"{vault_layout.FILE_MANIFESTS}*/{vault_layout.MANIFEST}",
    ]
    keys = [
        *manifests,
        *map(vault_layout.attestation, manifests),
        f"{vault_layout.EVIDENCE}*",
        f"{vault_layout.ISSUER_KEYS}*",
    ]
    prefixes = [
        vault_layout.DATABASE,
        vault_layout.STATE,
        vault_layout.FILE_MANIFESTS,
        vault_layout.EVIDENCE,
        vault_layout.ISSUER_KEYS,
    ]
    return [
        _allow(
            "FindRecords",
            ["s3:ListBucketVersions"],
            vault.arn,
            Condition={"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}},
        ),
        _allow(
            "ReadRecords", ["s3:GetObject", "s3:GetObjectVersion"], [f"{vault.arn}/{key}" for key in keys]
        ),
        _allow("DecryptRecords", ["kms:Decrypt"], vault.keys_arn, Condition=only_key_of(vault)),
    ]


def _issuer_keys(vault: Vault) -> list[dict[str, Any]]:
    """Return the statements that let a deployment record the issuer's keys, each once."""
    keys = f"{vault.arn}/{vault_layout.ISSUER_KEYS}*"
    return [
        _allow("RecordKeys", ["s3:PutObject"], keys, Condition={"Null": {"s3:if-none-match": "false"}}),
        _allow("ConfirmKeys", ["s3:GetObjectRetention"], keys),
        _allow("EncryptKeys", ["kms:GenerateDataKey"], vault.keys_arn, Condition=only_key_of(vault)),
    ]

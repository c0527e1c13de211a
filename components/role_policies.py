"""What each role of the stack may do at AWS, as documents that are known before anything exists."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from components.alarm_names import ANY_REGION, AlarmNames
from components.document_names import document_name, documents_key_alias
from components.github_oidc import OIDC_ISSUER
from components.guard import (
    ALARM_ACTIONS,
    BOUNDED,
    BUCKET_ACTIONS,
    COPIER,
    DEPLOYER,
    DRILLER,
    KEY_ACTIONS,
    PLANNER,
    REPLICA_BOUNDED,
    REPLICA_DRILLER,
    REPLICA_READER,
    REPLICA_RESTORER,
    REPLICATOR,
    RESTORER,
    STATE_DRILLER,
    STATE_WRITER,
    SUBSCRIPTION_ACTIONS,
    WRITER,
    boundary_arn,
    role_arn,
)
from components.vault_names import VaultNames
from core import vault_layout

ISSUER: Final = OIDC_ISSUER.removeprefix("https://")
"""GitHub's OIDC issuer (GitHub Docs, "Configuring OpenID Connect in Amazon Web Services")."""

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
    # The provider asks for tags by it first, and falls back on the text of a refusal
    # (hashicorp/terraform-provider-aws#45251, #45784).
    "s3:ListTagsForResource",
)
_LOOK_AT_KEYS: Final = (
    "kms:DescribeKey",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListResourceTags",
)
_LOOK_AT_ALARMS: Final = (
    "cloudtrail:GetEventSelectors",
    "cloudtrail:GetTrailStatus",
    "cloudtrail:ListTags",
    "events:DescribeRule",
    "events:List*",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:ListTagsForResource",
)
_LOOK_AT_ROLES: Final = (
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
)
"""Actions with which AWS's provider reads this stack's resources; none of them reads an object."""


_DOCUMENT_OF_ONE: Final = re.compile(r"(:secret:[^/\"]+/jobs/)[^*\"]+")
"""The name of one role's document, in a policy."""


def _allow(sid: str, actions: list[str], resources: Any, **more: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources, **more}


def _document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def only_key_of(vault: VaultNames) -> dict[str, Any]:
    """
    Return the condition that leaves the vault's key alone of all keys, and S3 alone to use it.

    A key's ARN is not known before it exists, so a policy that names it can't be judged on a first preview;
    its alias is (AWS KMS, "Use aliases to control access to KMS keys").
    """
    return {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": [vault.key_alias]},
        "StringEquals": {"kms:ViaService": f"s3.{vault.region}.amazonaws.com"},
    }


def writer_policy(vault: VaultNames) -> str:
    """Return what backs up the database and the files, and records what was proven and drilled."""
    bucket_arn = vault.arn
    once = [
        f"{bucket_arn}/{prefix}*"
        for prefix in (vault_layout.DATABASE, vault_layout.EVIDENCE, vault_layout.MANIFESTS)
    ]
    files = f"{bucket_arn}/{vault_layout.FILES}*"
    tag, value = vault_layout.DELETED_AT_SOURCE_TAG
    return _document(
        *_add_once(once),
        # A changed file becomes a new version; the lock keeps the old one.
        _allow("AddFiles", ["s3:PutObject"], files),
        # A copy whose original was deleted gets the one tag that the lifecycle knows, and no other.
        _allow(
            "MarkGone",
            ["s3:PutObjectVersionTagging"],
            files,
            Condition={
                "StringEquals": {f"s3:RequestObjectTag/{tag}": value},
                "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": [tag]},
            },
        ),
        # A backup gives up the uploads of a killed one, which had other credentials of this role.
        _give_up([*once, files]),
        _look_at_own_writes(vault),
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
        _encrypt(vault),
        *_use_documents("Document", f"{document_name(vault.platform, WRITER)}-??????", vault),
    )


def state_writer_policy(vault: VaultNames) -> str:
    """Return what adds backups of the stack's state, and reads none."""
    state = [f"{vault.arn}/{vault_layout.STATE}*"]
    return _document(
        *_add_once(state),
        _give_up(state),
        _look_at_own_writes(vault),
        _allow("Confirm", ["s3:GetObjectRetention"], state),
        _encrypt(vault),
    )


def restorer_policy(vaults: Sequence[VaultNames]) -> str:
    """Return what reads every backup."""
    return _document(*_read_backups(vaults, ("",)))


def driller_policy(vaults: Sequence[VaultNames]) -> str:
    """Return what reads backups of the database and the files, and asks what a thief of a role may do."""
    platform, account = vaults[0].platform, vaults[0].account
    return _document(
        *_read_for_drills(vaults),
        _find_keys(),
        # It tells what each role may do, and does nothing.
        _allow("Simulate", ["iam:SimulatePrincipalPolicy"], role_arn(platform, account, "*")),
        *_use_documents("Document", f"{document_name(vaults[0].platform, DRILLER)}-??????", vaults[0]),
    )


def _read_for_drills(vaults: Sequence[VaultNames]) -> list[dict[str, Any]]:
    return _read_backups(
        vaults,
        (
            vault_layout.DATABASE,
            vault_layout.FILES,
            vault_layout.MANIFESTS,
            vault_layout.EVIDENCE,
            vault_layout.ISSUER_KEYS,
        ),
    )


def state_driller_policy(vault: VaultNames) -> str:
    """Return what reads backups of the state, to rebuild the stack from one."""
    return _document(
        *_read_backups([vault], (vault_layout.STATE, vault_layout.EVIDENCE, vault_layout.ISSUER_KEYS))
    )


def copier_policy(vault: VaultNames) -> str:
    """Return what reads every backup of the primary vault, to copy it elsewhere."""
    return _document(
        *_read_backups([vault], ("",)),
        *_use_documents("Document", f"{document_name(vault.platform, COPIER)}-??????", vault),
    )


def planner_policy(
    vaults: Sequence[VaultNames], *, account: str, platform: str, trail: str | None = None
) -> str:
    """Return what reads all settings; `trail` is the ARN of one that the stack names and does not declare."""
    return _document(
        *_look(_of_account(vaults, account), account=account, platform=platform),
        *_look_at_documents(vaults[0]),
        *_enter_replica(vaults),
        *_list_account(trail),
        *_records(vaults[0]),
        *(statement for vault in _of_account(vaults[1:], account) for statement in _see_copies(vault)),
        *_use_documents("Documents", document_name(platform, "*"), vaults[0]),
    )


def deployer_policy(vaults: Sequence[VaultNames]) -> str:
    """
    Return what deploys the platform's stack, of which one thing is at AWS.

    Whoever can change a role, a key or a vault is an administrator in two calls. The one thing that it writes
    there is the value of a role's document, so that a credential that was rotated reaches the jobs.
    """
    vault = vaults[0]
    return _document(
        *_records(vault),
        *_issuer_keys(vault),
        *_use_documents("Documents", document_name(vault.platform, "*"), vault, writes=True),
        *_enter_replica(vaults),
    )


def replicator_policy(source: VaultNames, replica: VaultNames) -> str:
    return _document(
        _allow("ReadSource", ["s3:GetReplicationConfiguration", "s3:ListBucket"], source.arn),
        _allow(
            "ReadVersions",
            [
                "s3:GetObjectLegalHold",
                "s3:GetObjectRetention",
                "s3:GetObjectVersionAcl",
                "s3:GetObjectVersionForReplication",
                "s3:GetObjectVersionTagging",
            ],
            f"{source.arn}/*",
        ),
        _allow(
            "WriteReplica",
            ["s3:ObjectOwnerOverrideToBucketOwner", "s3:ReplicateObject", "s3:ReplicateTags"],
            f"{replica.arn}/*",
        ),
        _allow("Decrypt", ["kms:Decrypt"], source.keys_arn, Condition=only_key_of(source)),
        _allow(
            "Encrypt",
            ["kms:Encrypt", "kms:GenerateDataKey"],
            replica.keys_arn,
            Condition=only_key_of(replica),
        ),
    )


def break_glass_policy(vaults: Sequence[VaultNames], *, account: str, platform: str) -> str:
    """
    Return what changes the vaults of the primary account, their keys and the bounded roles, but no backup.

    Its own role and the boundary it can't change.
    """
    vaults = _of_account(vaults, account)
    return _document(
        *_look(vaults, account=account, platform=platform),
        *_look_at_documents(vaults[0]),
        *_configure(vaults, BOUNDED, account=account, platform=platform),
        _allow(
            "NameKeyOfDocuments",
            ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
            f"arn:aws:kms:{vaults[0].region}:{account}:{documents_key_alias(platform)}",
        ),
        _allow(
            "PassReplicator",
            ["iam:PassRole"],
            role_arn(platform, account, REPLICATOR),
            Condition={"StringEquals": {"iam:PassedToService": "s3.amazonaws.com"}},
        ),
        *_records(vaults[0]),
        *_issuer_keys(vaults[0]),
    )


def replica_break_glass_policy(replica: VaultNames) -> str:
    """Return the same for the account of the replica, where that is another one."""
    account, platform = replica.account, replica.platform
    return _document(
        *_look([replica], account=account, platform=platform),
        *_configure([replica], REPLICA_BOUNDED, account=account, platform=platform),
    )


def _configure(
    vaults: Sequence[VaultNames], bounded: Sequence[str], *, account: str, platform: str
) -> list[dict[str, Any]]:
    """Return the statements that let a role change vaults, their keys and the bounded roles."""
    ours = {"StringEquals": {"aws:ResourceTag/Project": platform}}
    # The action of making a key has no resource before it exists, so that none can be named.
    made_ours = {"StringEquals": {"aws:RequestTag/Project": platform}}
    keys = [vault.keys_arn for vault in vaults]
    roles = [role_arn(platform, account, name) for name in bounded]
    within = {"StringEquals": {"iam:PermissionsBoundary": boundary_arn(platform, account)}}
    return [
        _allow(
            "ConfigureBuckets",
            ["s3:CreateBucket", *BUCKET_ACTIONS, "s3:PutBucketTagging", "s3:TagResource", "s3:UntagResource"],
            _buckets(vaults),
        ),
        _allow(
            "ConfigureKeys",
            [
                *KEY_ACTIONS,
                "kms:CancelKeyDeletion",
                "kms:CreateAlias",
                "kms:EnableKey",
                "kms:EnableKeyRotation",
                "kms:TagResource",
                "kms:UpdateKeyDescription",
            ],
            keys,
            Condition=ours,
        ),
        _allow("MakeKeys", ["kms:CreateKey"], "*", Condition=made_ours),
        # A key that is being made has no tag yet. KMS demands that this be restricted to no particular keys
        # (AWS KMS, "Controlling access to tags").
        _allow(
            "TagNewKeys",
            ["kms:TagResource"],
            keys,
            Condition={**made_ours, "Null": {"aws:ResourceTag/Project": "true"}},
        ),
        _allow(
            "NameKeys",
            ["kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"],
            [f"arn:aws:kms:{vault.region}:{account}:{vault.key_alias}" for vault in vaults],
        ),
        _allow(
            "ConfigureRoles",
            [
                "iam:CreateRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
            ],
            roles,
            Condition=within,
        ),
        _allow(
            "DescribeRoles",
            ["iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"],
            roles,
        ),
        _allow(
            "ConfigureAlarms",
            [
                *ALARM_ACTIONS,
                "cloudtrail:AddTags",
                "cloudtrail:CreateTrail",
                "cloudtrail:StartLogging",
                "events:EnableRule",
                "events:TagResource",
                "sns:CreateTopic",
                "sns:Subscribe",
                "sns:TagResource",
            ],
            _alarms(account=account, platform=platform),
        ),
        _allow("Unsubscribe", [*SUBSCRIPTION_ACTIONS], "*"),
    ]


def list_policies(
    vaults: Sequence[VaultNames], *, account: str, platform: str, trail: str | None = None
) -> dict[str, str]:
    """
    Return the document of each bounded role of the primary account.

    The first vault is the one that is written to. The other may be in another account: there a role of its
    own reads it, because those of this account end with it. `trail` is the ARN of a trail that the stack
    names, and does not declare.
    """
    own = _of_account(vaults, account)
    return {
        REPLICATOR: replicator_policy(*vaults),
        WRITER: writer_policy(vaults[0]),
        STATE_WRITER: state_writer_policy(vaults[0]),
        RESTORER: restorer_policy(own),
        DRILLER: driller_policy(own),
        STATE_DRILLER: state_driller_policy(vaults[0]),
        COPIER: copier_policy(vaults[0]),
        PLANNER: planner_policy(vaults, account=account, platform=platform, trail=trail),
        DEPLOYER: deployer_policy(vaults),
    }


def list_replica_policies(replica: VaultNames, *, trail: str | None = None) -> dict[str, str]:
    """Return the same for the replica's account, where that is another one."""
    look = _look([replica], account=replica.account, platform=replica.platform)
    return {
        REPLICA_RESTORER: restorer_policy([replica]),
        REPLICA_DRILLER: _document(*_read_for_drills([replica]), _find_keys()),
        REPLICA_READER: _document(*look, *_list_account(trail), *_see_copies(replica)),
    }


def _of_account(vaults: Sequence[VaultNames], account: str) -> list[VaultNames]:
    return [vault for vault in vaults if vault.account == account]


def boundary_policy(documents: Iterable[str]) -> str:
    """
    Return the most that the bounded roles may do, whatever policy somebody gives them: the sum of their own.

    Conditions on keys stay, as they say which keys these are. Of the roles' documents it is any.
    """
    actions: dict[str, set[str]] = {}
    resources: dict[str, set[str]] = {}
    conditions: dict[str, dict[str, Any]] = {}
    for document in documents:
        for statement in json.loads(_DOCUMENT_OF_ONE.sub(r"\1*", document))["Statement"]:
            service = statement["Action"][0].partition(":")[0]
            condition = (
                {"Condition": statement["Condition"]} if service == "kms" and "Condition" in statement else {}
            )
            named = (
                [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
            )
            group = json.dumps([service, condition, "*" in named])
            conditions[group] = condition
            actions.setdefault(group, set()).update(statement["Action"])
            resources.setdefault(group, set()).update(map(_whole_bucket, named))
    return _document(
        *(
            _allow(f"Most{number}", sorted(actions[group]), sorted(resources[group]), **conditions[group])
            for number, group in enumerate(sorted(actions))
        )
    )


def _add_once(objects: Sequence[str]) -> list[dict[str, Any]]:
    """
    Return the statements that let each key be written once.

    S3 refuses a PutObject without If-None-Match (AWS, "Enforce conditional writes"). Parts of a multipart
    upload carry no such header; completing it does.
    """
    return [
        _allow("AddOnce", ["s3:PutObject"], list(objects), Condition={"Null": {"s3:if-none-match": "false"}}),
        _allow(
            "AddParts",
            ["s3:PutObject"],
            list(objects),
            Condition={"Bool": {"s3:ObjectCreationOperation": "false"}},
        ),
    ]


def _give_up(objects: Sequence[str]) -> dict[str, Any]:
    return _allow("GiveUp", ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], list(objects))


def _look_at_own_writes(vault: VaultNames) -> dict[str, Any]:
    return _allow(
        "Look",
        [
            "s3:GetBucketLocation",
            "s3:GetBucketObjectLockConfiguration",
            "s3:ListBucket",
            "s3:ListBucketMultipartUploads",
            "s3:ListBucketVersions",
        ],
        vault.arn,
    )


def _encrypt(vault: VaultNames) -> dict[str, Any]:
    return _allow(
        "Encrypt", ["kms:Decrypt", "kms:GenerateDataKey"], vault.keys_arn, Condition=only_key_of(vault)
    )


def _read_backups(vaults: Sequence[VaultNames], prefixes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the statements that let a role read what is below the prefixes; "" is everything."""
    return [
        _allow(
            "Look",
            [
                "s3:GetBucketLocation",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetBucketVersioning",
                "s3:ListBucket",
                "s3:ListBucketVersions",
            ],
            [vault.arn for vault in vaults],
        ),
        _allow(
            "Read",
            ["s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectVersion"],
            [f"{vault.arn}/{prefix}*" for vault in vaults for prefix in prefixes],
        ),
        *(
            _allow(f"Decrypt{number}", ["kms:Decrypt"], vault.keys_arn, Condition=only_key_of(vault))
            for number, vault in enumerate(vaults, 1)
        ),
    ]


def _whole_bucket(arn: str) -> str:
    """Return the ARN of all keys of a bucket for that of some; any other ARN as it is."""
    return f"{arn.partition('/')[0]}/*" if arn.startswith("arn:aws:s3:::") and "/" in arn else arn


def _buckets(vaults: Sequence[VaultNames]) -> list[str]:
    """Return the ARNs of the vaults, of their access logs and of the records of their accounts' trails."""
    homes = {vault.account: vault for vault in reversed(vaults)}
    return [
        *(vault.arn for vault in vaults),
        *(f"arn:aws:s3:::{vault.log_bucket}" for vault in vaults),
        *(f"arn:aws:s3:::{home.trail_bucket}" for home in homes.values()),
    ]


def _alarms(*, account: str, platform: str) -> list[str]:
    """Return patterns of the ARNs of the alarms and the trail; a subscription's begins with its topic's."""
    names = AlarmNames(platform, account, ANY_REGION)
    return [f"{names.topic_arn}*", names.rule_arn(f"{names.topic}-*"), names.trail_arn]


def _enter_replica(vaults: Sequence[VaultNames]) -> list[dict[str, Any]]:
    """Return the statement that lets a role look into the replica's account, where that is another one."""
    source, replica = vaults
    if replica.account == source.account:
        return []
    reader = role_arn(replica.platform, replica.account, REPLICA_READER)
    return [_allow("LookAtReplica", ["sts:AssumeRole"], reader)]


def _look(vaults: Sequence[VaultNames], *, account: str, platform: str) -> list[dict[str, Any]]:
    """Return the statements that let AWS's provider read this stack's resources in an account."""
    return [
        _allow("LookAtBuckets", [*_LOOK_AT_BUCKETS], _buckets(vaults)),
        _allow(
            "LookAtKeys",
            [*_LOOK_AT_KEYS],
            [vault.keys_arn for vault in vaults],
            Condition={"StringEquals": {"aws:ResourceTag/Project": platform}},
        ),
        _find_keys(),
        _allow(
            "LookAtRoles",
            [*_LOOK_AT_ROLES],
            role_arn(platform, account, "*"),
        ),
        _allow("LookAtAlarms", [*_LOOK_AT_ALARMS], _alarms(account=account, platform=platform)),
        _allow("FindTrails", ["cloudtrail:DescribeTrails", "sns:GetSubscriptionAttributes"], "*"),
        _allow("LookAtBoundary", ["iam:GetPolicy", "iam:GetPolicyVersion"], boundary_arn(platform, account)),
        _allow(
            "LookAtIssuer",
            ["iam:GetOpenIDConnectProvider"],
            f"arn:aws:iam::{account}:oidc-provider/{ISSUER}",
        ),
    ]


def _find_keys() -> dict[str, Any]:
    return _allow("FindKeys", ["kms:ListAliases"], "*")


def _list_account(trail: str | None) -> list[dict[str, Any]]:
    """
    Return the statements that let `audit --live` see who and what else is in the account: names alone.

    It looks at the trail as well, where that is another's.
    """
    read_trail = ["cloudtrail:GetEventSelectors", "cloudtrail:GetTrailStatus"]
    return [
        *([_allow("LookAtTrail", read_trail, trail)] if trail else []),
        _allow("FindRules", ["events:ListRuleNamesByTarget"], "*"),
        _allow("ListBuckets", ["s3:ListAllMyBuckets"], "*"),
        _allow(
            "ListIdentities",
            [
                "iam:GenerateCredentialReport",
                "iam:GetCredentialReport",
                "iam:ListOpenIDConnectProviders",
                "iam:ListRoles",
            ],
            "*",
        ),
    ]


def _look_at_documents(vault: VaultNames) -> list[dict[str, Any]]:
    """Return the statement that lets AWS's provider read the roles' secrets, but for their values."""
    name = document_name(vault.platform, "*")
    return [
        _allow(
            "LookAtDocuments",
            ["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"],
            f"arn:aws:secretsmanager:{vault.region}:{vault.account}:secret:{name}",
        )
    ]


_MANIFEST_PREFIXES: Final = (vault_layout.DATABASE, vault_layout.STATE, vault_layout.FILE_MANIFESTS)
_MANIFESTS: Final = tuple(f"{prefix}*/{vault_layout.MANIFEST}" for prefix in _MANIFEST_PREFIXES)


def _records(vault: VaultNames) -> list[dict[str, Any]]:
    """Return the statements that let a deployment read what is backed up and proven, and no backup."""
    keys = [
        *_MANIFESTS,
        *map(vault_layout.attestation, _MANIFESTS),
        f"{vault_layout.EVIDENCE}*",
        f"{vault_layout.ISSUER_KEYS}*",
    ]
    return [
        _list_versions(
            "FindRecords", vault, (*_MANIFEST_PREFIXES, vault_layout.EVIDENCE, vault_layout.ISSUER_KEYS)
        ),
        _allow(
            "ReadRecords", ["s3:GetObject", "s3:GetObjectVersion"], [f"{vault.arn}/{key}" for key in keys]
        ),
        _allow("DecryptRecords", ["kms:Decrypt"], vault.keys_arn, Condition=only_key_of(vault)),
    ]


def _see_copies(replica: VaultNames) -> list[dict[str, Any]]:
    """Return the statements that show which backups a replica has and how they are locked; none is read."""
    manifests = [f"{replica.arn}/{key}" for key in _MANIFESTS]
    return [
        _list_versions("FindCopies", replica, _MANIFEST_PREFIXES),
        _allow("SeeLocks", ["s3:GetObjectRetention"], manifests),
    ]


def _list_versions(sid: str, vault: VaultNames, prefixes: Sequence[str]) -> dict[str, Any]:
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    return _allow(sid, ["s3:ListBucketVersions"], vault.arn, Condition=condition)


def _use_documents(sid: str, names: str, vault: VaultNames, *, writes: bool = False) -> list[dict[str, Any]]:
    """
    Return the statements that let a role read documents, and write their values.

    Args:
        sid: End of the statements' ids.
        names: Pattern of the documents' names. AWS ends a secret's ARN with six characters of its own.
        vault: The primary vault, whose account and region the documents are in.
        writes: Whether values may be written as well.
    """
    arn = f"arn:aws:secretsmanager:{vault.region}:{vault.account}:secret:{names}"
    condition = {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": [documents_key_alias(vault.platform)]},
        "StringEquals": {"kms:ViaService": f"secretsmanager.{vault.region}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:SecretARN": arn},
    }
    values, keys = ["secretsmanager:GetSecretValue"], ["kms:Decrypt"]
    if writes:
        values += ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"]
        keys += ["kms:GenerateDataKey"]
    return [
        _allow(f"Use{sid}", values, arn),
        _allow(f"Decrypt{sid}", keys, vault.keys_arn, Condition=condition),
    ]


def _issuer_keys(vault: VaultNames) -> list[dict[str, Any]]:
    """Return the statements that let a deployment record the issuer's keys, each once."""
    keys = f"{vault.arn}/{vault_layout.ISSUER_KEYS}*"
    return [
        _allow("RecordKeys", ["s3:PutObject"], keys, Condition={"Null": {"s3:if-none-match": "false"}}),
        _allow("ConfirmKeys", ["s3:GetObjectRetention"], keys),
        _allow("EncryptKeys", ["kms:GenerateDataKey"], vault.keys_arn, Condition=only_key_of(vault)),
    ]

"""What nobody but the break-glass role may do to a vault and its key, and the statements that say so."""

from collections.abc import Sequence
from typing import Any, Final

BREAK_GLASS: Final = "break-glass"
"""The role is called `<platform>-break-glass`, in every account that has a vault."""

REPLICATOR: Final = "vault-replicator"
WRITER: Final = "backup-writer"
STATE_WRITER: Final = "state-writer"
RESTORER: Final = "backup-restorer"
DRILLER: Final = "driller"
STATE_DRILLER: Final = "state-driller"
COPIER: Final = "copier"
PLANNER: Final = "planner"
DEPLOYER: Final = "deployer"
BOUNDED: Final = (
    REPLICATOR,
    WRITER,
    STATE_WRITER,
    RESTORER,
    DRILLER,
    STATE_DRILLER,
    COPIER,
    PLANNER,
    DEPLOYER,
)
"""The other roles are called `<platform>-` and one of these; each has the permissions boundary."""

REPLICA_RESTORER: Final = "replica-restorer"
REPLICA_DRILLER: Final = "replica-driller"
REPLICA_READER: Final = "replica-reader"
REPLICA_BOUNDED: Final = (REPLICA_RESTORER, REPLICA_DRILLER, REPLICA_READER)
"""The same for the account of the replica, where that is another one."""

SESSION_SECONDS: Final = 2 * 3600
"""How long a session of a job's role may last."""

BOUNDARY: Final = "boundary"
"""It is called `<platform>-boundary`."""

DELETION_WINDOW_DAYS: Final = 30
"""The most that KMS allows (AWS KMS API, ScheduleKeyDeletion, PendingWindowInDays)."""

KEY_ACTIONS: Final = (
    "kms:CreateGrant",
    "kms:DeleteAlias",
    "kms:DeleteImportedKeyMaterial",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:ScheduleKeyDeletion",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdatePrimaryRegion",
)
"""Actions that take a key away, or give it to somebody (Service Authorization Reference, AWS KMS)."""

BUCKET_ACTIONS: Final = (
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:DeleteBucketWebsite",
    "s3:PutAccelerateConfiguration",
    "s3:PutBucketAcl",
    "s3:PutBucketCORS",
    "s3:PutBucketLogging",
    "s3:PutBucketNotification",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketRequestPayment",
    "s3:PutBucketVersioning",
    "s3:PutBucketWebsite",
    "s3:PutEncryptionConfiguration",
    "s3:PutIntelligentTieringConfiguration",
    "s3:PutInventoryConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
)
"""Actions that change how a vault keeps, locks, shows or copies its objects (the same, Amazon S3)."""

OBJECT_ACTIONS: Final = (
    "s3:BypassGovernanceRetention",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutObjectAcl",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
    "s3:PutObjectVersionAcl",
    # Another key for an object, which can be taken away in place of the vault's. No lock prevents it.
    "s3:UpdateObjectEncryption",
)
"""Actions that take a backup away, or open it."""

ALARM_ACTIONS: Final = (
    "cloudtrail:DeleteTrail",
    "cloudtrail:PutEventSelectors",
    "cloudtrail:StopLogging",
    "cloudtrail:UpdateTrail",
    "events:DeleteRule",
    "events:DisableRule",
    "events:PutRule",
    "events:PutTargets",
    "events:RemoveTargets",
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
)
"""Actions that turn off an alarm, or the trail that it hears of (the same, CloudTrail, EventBridge, SNS)."""

SUBSCRIPTION_ACTIONS: Final = ("sns:SetSubscriptionAttributes", "sns:Unsubscribe")
"""As these, and a policy can name no resource of them but `*` (the same, Amazon SNS)."""


def role_arn(platform: str, account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{platform}-{name}"


def boundary_arn(platform: str, account: str) -> str:
    return f"arn:aws:iam::{account}:policy/{platform}-{BOUNDARY}"


def list_guards(platform: str, account: str, *, protect: bool) -> list[str]:
    """
    Return the ARNs of whom a vault's denials leave out: the break-glass role of its account.

    A stack that protects nothing can be taken down: there the account's root user may as well.
    """
    break_glass = role_arn(platform, account, BREAK_GLASS)
    return [break_glass] if protect else [break_glass, f"arn:aws:iam::{account}:root"]


def deny_others(sid: str, actions: Sequence[str], resources: Any, guards: Sequence[str]) -> dict[str, Any]:
    """
    Return the statement that denies actions to everybody but the guards.

    It names them by a condition. A principal's name in a policy turns into its id once the role is gone, and
    a role that is made again under the name would not be let in (IAM, "AWS JSON policy elements: Principal").
    """
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": resources,
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": list(guards)}},
    }

"""
What production's roles may do at AWS: each operation of the services that it uses, on each target.

The documents are those of the recorded preview of production, in its two accounts. The twin's authorization
answers, and no service runs.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
from aws_calls import Call, find_refusal, list_operations, prepare
from moto.iam.models import iam_backends
from moto.kms.models import Key, kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends

from twin.aws import authorization
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate

pytestmark = pytest.mark.shares("aws-roles")

RECORDING: Final = Path(__file__).parents[1] / "policy" / "production.json"
ACCOUNT: Final = "123456789012"
PLATFORM: Final = "example"
THERE: Final = "210987654321"
"""The account of the replica."""

VAULT, REPLICA = f"{PLATFORM}-vault-{ACCOUNT}-eu-west-1", f"{PLATFORM}-vault-{THERE}-eu-north-1"
REPLICA_LOG: Final = f"{PLATFORM}-access-log-{THERE}-eu-north-1"
LOG, OTHER = f"{PLATFORM}-access-log-{ACCOUNT}-eu-west-1", "somebody-elses-bucket"
DOCUMENTS: Final = {
    f"{role}-document": f"{PLATFORM}/jobs/{role}" for role in ("backup-writer", "driller", "copier")
}
"""Name of a target -> a role's document."""

DOCUMENT, SECRET = DOCUMENTS["backup-writer-document"], "somebody-elses-secret"
DUMP: Final = "database/daily/1/dump.pgc.zst"
KEYS: Final = {
    "dump": DUMP,
    "state": "state/1/state.json.zst",
    "file": "files/documents/a.pdf",
    "manifest": "database/daily/1/manifest.json",
    "evidence": "evidence/drills/a.json",
    "issuer-keys": "trust/issuer-keys/a.json",
}
"""Name of a target -> a key of the vault."""

WRITER, RESTORER, PLANNER, DEPLOYER = "backup-writer", "backup-restorer", "planner", "deployer"
STATE_WRITER, DRILLER, STATE_DRILLER, COPIER = "state-writer", "driller", "state-driller", "copier"
REPLICATOR, BREAK_GLASS, SOMEBODY = "vault-replicator", "break-glass", "somebody"
"""`somebody` is a role of each account whose policy allows everything, such as an administrator's."""

REPLICA_RESTORER, REPLICA_DRILLER = "replica-restorer", "replica-driller"
REPLICA_READER: Final = "replica-reader"

EVERYTHING: Final[dict[str, Any]] = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}
_NOT_ON_THE_TWIN: Final = {
    # Each object of a batch is authorized by itself, when it is deleted.
    "DeleteObjects",
    # Newer than the twin's S3, which takes them for the operation without the parameter.
    *(f"{verb}BucketAbac" for verb in ("Get", "Put")),
    *(f"{verb}BucketMetadataConfiguration" for verb in ("Create", "Delete", "Get")),
    *(f"{verb}BucketMetadataTableConfiguration" for verb in ("Create", "Delete", "Get")),
    *(f"UpdateBucketMetadata{kind}TableConfiguration" for kind in ("Annotation", "Inventory", "Journal")),
    *(f"{verb}ObjectAnnotation" for verb in ("Delete", "Get", "Put")),
    "CreateSession",
    "GetObjectTorrent",
    "ListObjectAnnotations",
    "RenameObject",
    "UpdateObjectEncryption",
}


@cache
def _recorded() -> dict[str, dict[str, Any]]:
    return {toy["name"]: toy.get("inputs", {}) for toy in json.loads(RECORDING.read_text())}


@pytest.fixture(scope="module")
def account() -> Iterator[dict[str, str]]:
    """Give the keys' ARNs of two accounts with production's roles, keys and buckets, in this process."""
    recorded, s3 = _recorded(), s3_backends[ACCOUNT]["aws"]
    _make_roles(recorded)
    ids: dict[str, str] = {}
    for vault, bucket, account, region in (
        ("backups-vault", VAULT, ACCOUNT, "eu-west-1"),
        ("backups-replica", REPLICA, THERE, "eu-north-1"),
    ):
        key, buckets = _make_key(vault, account, region), s3_backends[account]["aws"]
        ids[bucket] = key.arn
        buckets.create_bucket(bucket, region)
        buckets.put_bucket_policy(bucket, recorded[f"{vault}-policy"]["policy"].encode())
        by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key.arn}
        buckets.buckets[bucket].encryption = {"Rule": {"ApplyServerSideEncryptionByDefault": by_default}}
        for path in KEYS.values():
            buckets.put_object(bucket, path, b"x", encryption="aws:kms", kms_key_id=key.arn)
    ids["other"] = (
        kms_backends[ACCOUNT]["eu-west-1"]
        .create_key("", "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", [], False)
        .arn
    )
    for bucket, owner, region, vault in (
        (LOG, ACCOUNT, "eu-west-1", "backups-vault"),
        (REPLICA_LOG, THERE, "eu-north-1", "backups-replica"),
    ):
        logs = s3_backends[owner]["aws"]
        logs.create_bucket(bucket, region)
        logs.put_bucket_policy(bucket, recorded[f"{vault}-access-log-policy"]["policy"].encode())
        logs.put_object(bucket, DUMP, b"x")
    s3.create_bucket(OTHER, "eu-west-1")
    s3.put_object(OTHER, DUMP, b"x")
    secrets = secretsmanager_backends[ACCOUNT]["eu-west-1"]
    key = _make_key("backups-documents", ACCOUNT, "eu-west-1")
    ids[DOCUMENT] = key.arn
    for name in (*DOCUMENTS.values(), SECRET):
        secrets.create_secret(name, "x", None, None, None, key.arn, None, [], force_overwrite=False)
    for document in DOCUMENTS.values():
        role = document.rpartition("/")[2]
        secrets.put_resource_policy(document, recorded[f"backups-documents-{role}"]["policy"])
    alarms = recorded["backups-alarms-eu-west-1-topic"]
    sns_backends[ACCOUNT]["eu-west-1"].create_topic(alarms["name"], {"Policy": alarms["policy"]})
    yield ids
    for backends in (iam_backends, s3_backends, kms_backends, secretsmanager_backends, sns_backends):
        backends.reset()


def _make_roles(recorded: dict[str, dict[str, Any]]) -> None:
    for account, administration in ((ACCOUNT, "backups"), (THERE, "backups-replica")):
        boundary = recorded[f"{administration}-administration-boundary"]["policy"]
        iam = iam_backends[account]["aws"]
        iam.create_policy("", "/", boundary, f"{PLATFORM}-boundary", [])
        trust = {**EVERYTHING["Statement"], "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
        iam.create_role(f"{PLATFORM}-{SOMEBODY}", json.dumps({"Statement": trust}), "/", None, "", [], "3600")
        iam.put_role_policy(f"{PLATFORM}-{SOMEBODY}", "everything", json.dumps(EVERYTHING))
    for name, inputs in recorded.items():
        if "assumeRolePolicy" in inputs:
            iam = iam_backends[THERE if name.startswith("backups-replica-") else ACCOUNT]["aws"]
            iam.create_role(
                inputs["name"],
                inputs["assumeRolePolicy"],
                "/",
                inputs.get("permissionsBoundary"),
                "",
                [],
                "7200",
            )
            policy = recorded[f"{name}-policy"]
            iam.put_role_policy(inputs["name"], policy["name"], policy["policy"])


def _make_key(owner: str, account: str, region: str) -> Key:
    kms, tags = kms_backends[account][region], [{"TagKey": "Project", "TagValue": PLATFORM}]
    policy = _recorded()[f"{owner}-key"]["policy"]
    key = kms.create_key(policy, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "", tags, False)
    kms.create_alias(key.id, _recorded()[f"{owner}-key-alias"]["name"])
    return key


def _calls(ids: dict[str, str]) -> Iterator[Call]:
    """Yield every call; a call's name is its operation, perhaps how it is made, and its target."""
    for operation in list_operations("s3"):
        if operation not in _NOT_ON_THE_TWIN:
            yield from _s3_calls(operation)
    yield from _s3_variants()
    for operation in list_operations("kms"):
        for target, region, key in (
            ("vault-key", "eu-west-1", ids[VAULT]),
            ("replica-key", "eu-north-1", ids[REPLICA]),
            ("backups-documents-key", "eu-west-1", ids[DOCUMENT]),
            ("other-key", "eu-west-1", ids["other"]),
        ):
            alias = "jobs" if target == "backups-documents-key" else f"vault-{region}"
            yield prepare(
                "kms",
                operation,
                f"{operation} {target}",
                region,
                KeyId=key,
                TargetKeyId=key,
                SourceKeyId=key,
                DestinationKeyId=key,
                AliasName=f"alias/{PLATFORM}-{alias}",
                CiphertextBlob=key.rpartition("/")[2].encode(),
                PolicyName="default",
                PendingWindowInDays=30,
            )
    yield from _kms_variants(ids)
    yield from _secret_calls(ids)
    yield from _alarm_calls()
    yield from _iam_calls()
    yield from _sts_calls()


def _iam_calls() -> Iterator[Call]:
    for operation in list_operations("iam"):
        for target in (WRITER, BREAK_GLASS, "other", REPLICA_RESTORER):
            account = THERE if target == REPLICA_RESTORER else ACCOUNT
            boundary = f"arn:aws:iam::{account}:policy/{PLATFORM}-boundary"
            yield prepare(
                "iam",
                operation,
                f"{operation} {target}",
                RoleName=f"{PLATFORM}-{target}",
                PolicyArn=boundary,
                PolicyName="more",
                PermissionsBoundary=boundary if operation != "CreateRole" else None,
                PolicySourceArn=f"arn:aws:iam::{account}:role/{PLATFORM}-{target}",
                OpenIDConnectProviderArn=(
                    f"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com"
                ),
            )
    for target, role, account in (
        ("bounded", PLANNER, ACCOUNT),
        ("bounded-there", REPLICA_READER, THERE),
    ):
        boundary = f"arn:aws:iam::{account}:policy/{PLATFORM}-boundary"
        bounded: dict[str, Any] = {"RoleName": f"{PLATFORM}-{role}", "PermissionsBoundary": boundary}
        yield prepare("iam", "CreateRole", f"CreateRole {target}", **bounded)


def _sts_calls() -> Iterator[Call]:
    assumed = {
        **dict.fromkeys((WRITER, DEPLOYER, BREAK_GLASS), ACCOUNT),
        **dict.fromkeys((REPLICA_RESTORER, REPLICA_READER), THERE),
    }
    for operation in ("AssumeRole", "GetCallerIdentity", "GetSessionToken", "GetFederationToken"):
        for target, account in assumed.items():
            arn = f"arn:aws:iam::{account}:role/{PLATFORM}-{target}"
            yield prepare("sts", operation, f"{operation} {target}", RoleArn=arn, RoleSessionName="more")
    for target in (BREAK_GLASS, SOMEBODY):
        arn = f"arn:aws:iam::{THERE}:role/{PLATFORM}-{target}"
        yield prepare("sts", "AssumeRole", f"AssumeRole {target}-there", RoleArn=arn, RoleSessionName="x")


def _s3_calls(operation: str) -> Iterator[Call]:
    given: dict[str, Any] = {
        "CopySource": f"{VAULT}/{DUMP}",
        "ReplicationConfiguration": _replicate_as(REPLICATOR),
    }
    objects = [
        *((name, VAULT, key) for name, key in KEYS.items()),
        *(
            (name, bucket, DUMP)
            for name, bucket in (
                ("replica", REPLICA),
                ("replica-log", REPLICA_LOG),
                ("log", LOG),
                ("other", OTHER),
            )
        ),
    ]
    for target, bucket, key in objects:
        call = prepare("s3", operation, f"{operation} {target}", Bucket=bucket, Key=key, **given)
        if key in call.url:
            yield call
        elif target not in KEYS or target == "dump":
            name = f"{operation} {'vault' if target == 'dump' else target}"
            yield prepare("s3", operation, name, Bucket=bucket, **given)


def _replicate_as(role: str) -> dict[str, Any]:
    return {"Role": f"arn:aws:iam::{ACCOUNT}:role/{PLATFORM}-{role}", "Rules": []}


def _s3_variants() -> Iterator[Call]:
    def put(how: str, target: str, **given: Any) -> Call:
        given |= {"Bucket": VAULT, "Key": KEYS[target], "Body": b"x"}
        return prepare("s3", "PutObject", f"PutObject {how} {target}", **given)

    yield prepare(
        "s3",
        "PutBucketReplication",
        "PutBucketReplication by-another-role vault",
        Bucket=VAULT,
        ReplicationConfiguration=_replicate_as(SOMEBODY),
    )
    once: dict[str, Any] = {"IfNoneMatch": "*"}
    for target in KEYS:
        yield put("once", target, **once)
        yield put("archived", target, **once, StorageClass="GLACIER")
        yield put("standard", target, **once, StorageClass="STANDARD")
        yield put("otherwise-encrypted", target, **once, ServerSideEncryption="AES256")
        yield put("own-key", target, **once, SSECustomerAlgorithm="AES256", SSECustomerKey="0" * 32)
        yield put("public", target, **once, ACL="public-read")
        yield put("locked", target, **once, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=0)
        yield put("held", target, **once, ObjectLockLegalHoldStatus="ON")
        yield put("tagged", target, **once, Tagging="a=b")
        for how, tag in (
            ("gone", {"Key": "bulwark-gone", "Value": "yes"}),
            ("free", {"Key": "a", "Value": "b"}),
        ):
            yield prepare(
                "s3",
                "PutObjectTagging",
                f"PutObjectTagging {how} {target}",
                Bucket=VAULT,
                Key=KEYS[target],
                VersionId="1",
                Tagging={"TagSet": [tag]},
            )
        for operation in (
            "DeleteObject",
            "GetObject",
            "GetObjectRetention",
            "PutObjectRetention",
            "GetObjectAcl",
        ):
            yield prepare(
                "s3",
                operation,
                f"{operation} version {target}",
                Bucket=VAULT,
                Key=KEYS[target],
                VersionId="1",
                BypassGovernanceRetention=True,
            )
        prefix = KEYS[target].rpartition("/")[0]
        yield prepare(
            "s3", "ListObjectVersions", f"ListObjectVersions prefix {target}", Bucket=VAULT, Prefix=prefix
        )


def _kms_variants(ids: dict[str, str]) -> Iterator[Call]:
    key = ids[VAULT]
    ours, others = ([{"TagKey": "Project", "TagValue": name}] for name in (PLATFORM, "another"))
    yield prepare("kms", "CreateKey", "CreateKey ours", Tags=ours)
    yield prepare("kms", "CreateKey", "CreateKey others", Tags=others)
    yield prepare("kms", "TagResource", "TagResource ours other-key", KeyId=ids["other"], Tags=ours)
    yield prepare("kms", "TagResource", "TagResource others vault-key", KeyId=key, Tags=others)
    yield prepare(
        "kms", "ScheduleKeyDeletion", "ScheduleKeyDeletion soon vault-key", KeyId=key, PendingWindowInDays=7
    )
    kept = _recorded()["backups-vault-key"]["policy"]
    yield prepare(
        "kms",
        "PutKeyPolicy",
        "PutKeyPolicy kept vault-key",
        KeyId=key,
        Policy=kept,
        BypassPolicyLockoutSafetyCheck=True,
    )


def _secret_calls(ids: dict[str, str]) -> Iterator[Call]:
    for operation in list_operations("secretsmanager"):
        for target, secret in (*DOCUMENTS.items(), ("other-secret", SECRET)):
            given: dict[str, Any] = {"SecretId": secret, "Name": secret, "SecretString": "x"}
            yield prepare("secretsmanager", operation, f"{operation} {target}", **given)
    yield prepare(
        "secretsmanager",
        "UpdateSecret",
        "UpdateSecret another-key backup-writer-document",
        SecretId=DOCUMENT,
        KmsKeyId=ids["other"],
    )


def _alarm_calls() -> Iterator[Call]:
    for service, target, kind, name in (
        ("events", "rule", "rule/", f"{PLATFORM}-alarms-losses"),
        ("events", "other-rule", "rule/", "somebody-elses"),
        ("sns", "topic", "", f"{PLATFORM}-alarms"),
        ("sns", "other-topic", "", "somebody-elses"),
        ("cloudtrail", "trail", "trail/", f"{PLATFORM}-trail"),
        ("cloudtrail", "other-trail", "trail/", "somebody-elses"),
    ):
        arn = f"arn:aws:{service}:eu-west-1:{ACCOUNT}:{kind}{name}"
        given: dict[str, Any] = {
            "Name": name,
            "Rule": name,
            "TrailName": name,
            "TopicArn": arn,
            "SubscriptionArn": f"{arn}:1234abcd",
            "ResourceArn": arn,
            "ResourceARN": arn,
            "ResourceId": arn,
            "ResourceIdList": [arn],
        }
        for operation in list_operations(service):
            yield prepare(service, operation, f"{operation} {target}", **given)


class Allowed:
    """What each role may do, asked once: no call changes anything."""

    def __init__(self, calls: list[Call]) -> None:
        self._calls = calls
        self._known: dict[tuple[str, str], set[str]] = {}

    def to(self, role: str, account: str = ACCOUNT) -> set[str]:
        """Return the names of the calls that a session of a role may make."""
        if (role, account) not in self._known:
            self._known[role, account] = _ask(role, self._calls, account)
        return self._known[role, account]


def _ask(role: str, calls: list[Call], account: str) -> set[str]:
    arn = f"arn:aws:iam::{account}:role/{PLATFORM}-{role}"
    principal = Principal(
        "AWS", arn, account, arn.replace(":iam:", ":sts:").replace("role/", "assumed-role/")
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authorization, "identify", lambda *_: principal)
        return {call.name for call in calls if not find_refusal(call)}


@pytest.fixture(scope="module")
def calls(account: dict[str, str]) -> list[Call]:
    """Give every call, once each."""
    return list({call.name: call for call in _calls(account)}.values())


@pytest.fixture(scope="module")
def allowed(calls: list[Call]) -> Allowed:
    return Allowed(calls)


# Target -> the operations on it that a role may make.
_LOOK_AT_BUCKETS: Final = (
    "GetBucketAccelerateConfiguration GetBucketAcl GetBucketCors GetBucketEncryption GetBucketLifecycle "
    "GetBucketLifecycleConfiguration GetBucketLocation GetBucketLogging GetBucketOwnershipControls "
    "GetBucketPolicy GetBucketReplication GetBucketRequestPayment GetBucketTagging GetBucketVersioning "
    "GetBucketWebsite GetObjectLockConfiguration GetPublicAccessBlock HeadBucket ListObjects "
    "ListObjectsV2"
)
_LOOK_AT_KEYS: Final = "DescribeKey GetKeyPolicy GetKeyRotationStatus ListGrants ListResourceTags"
_LOOK_AT_ROLES: Final = "GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies"
_LOOK: Final = {
    "vault log": _LOOK_AT_BUCKETS,
    "vault-key backups-documents-key": _LOOK_AT_KEYS,
    "vault-key backups-documents-key other-key": "ListAliases",
    " ".join(DOCUMENTS): "DescribeSecret GetResourcePolicy",
    "backup-writer break-glass other replica-restorer": _LOOK_AT_ROLES,
    "backup-writer break-glass other": "GetOpenIDConnectProvider GetPolicy GetPolicyVersion",
    "rule": "DescribeRule ListTagsForResource ListTargetsByRule",
    "topic": "GetTopicAttributes ListSubscriptionsByTopic ListTagsForResource",
    "topic other-topic": "GetSubscriptionAttributes",
    "trail": "GetEventSelectors GetTrailStatus ListTags",
    "trail other-trail": "DescribeTrails",
}
_RECORDS: Final = {
    "manifest evidence issuer-keys": "GetObject GetObject/version HeadObject",
    "dump state manifest evidence": "ListObjectVersions/prefix",
}
_LIST_ACCOUNT: Final = {
    "vault replica log replica-log other": "ListBuckets ListDirectoryBuckets",
    "backup-writer break-glass other replica-restorer": (
        "GenerateCredentialReport GetCredentialReport ListOpenIDConnectProviders ListRoles"
    ),
    "rule other-rule": "ListRuleNamesByTarget",
}
_LOOK_THERE: Final = {
    "replica replica-log": _LOOK_AT_BUCKETS,
    "replica-key": f"{_LOOK_AT_KEYS} ListAliases",
    "backup-writer break-glass other replica-restorer": _LOOK_AT_ROLES,
    "replica-restorer": "GetOpenIDConnectProvider GetPolicy GetPolicyVersion",
    # By its name a rule or a trail is one of the caller's own account, and a topic's ARN names the other.
    "rule": "DescribeRule ListTargetsByRule",
    "topic other-topic": "GetSubscriptionAttributes",
    "trail": "GetEventSelectors GetTrailStatus",
    "trail other-trail": "DescribeTrails",
}
_RECORD_KEYS: Final = {
    "issuer-keys": "GetObjectRetention GetObjectRetention/version PutObject/once PutObject/standard"
}
_READ_DOCUMENTS: Final = {" ".join(DOCUMENTS): "GetSecretValue"}
_WRITE_DOCUMENTS: Final = {" ".join(DOCUMENTS): "PutSecretValue UpdateSecretVersionStage"}
_CONFIGURE_BUCKETS: Final = (
    "CreateBucket DeleteBucket DeleteBucketCors DeleteBucketEncryption "
    "DeleteBucketIntelligentTieringConfiguration DeleteBucketInventoryConfiguration "
    "DeleteBucketLifecycle DeleteBucketOwnershipControls DeleteBucketPolicy DeleteBucketReplication "
    "DeleteBucketTagging "
    "DeleteBucketWebsite DeletePublicAccessBlock PutBucketAccelerateConfiguration PutBucketAcl "
    "PutBucketCors PutBucketEncryption PutBucketIntelligentTieringConfiguration "
    "PutBucketInventoryConfiguration PutBucketLifecycle PutBucketLifecycleConfiguration PutBucketLogging "
    "PutBucketNotification PutBucketNotificationConfiguration PutBucketOwnershipControls PutBucketPolicy "
    "PutBucketReplication PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite "
    "PutObjectLockConfiguration PutPublicAccessBlock"
)
_CONFIGURE_KEYS: Final = (
    "CreateAlias CreateGrant DeleteAlias DeleteImportedKeyMaterial DisableKey DisableKeyRotation "
    "EnableKey EnableKeyRotation ReplicateKey ScheduleKeyDeletion TagResource UntagResource UpdateAlias "
    "UpdateKeyDescription UpdatePrimaryRegion"
)
_CONFIGURE_ROLES: Final = (
    "DeleteRolePolicy DetachRolePolicy PutRolePermissionsBoundary PutRolePolicy TagRole UntagRole "
    "UpdateAssumeRolePolicy UpdateRole"
)
_CONFIGURE: Final = {
    "vault log": _CONFIGURE_BUCKETS,
    "vault-key backups-documents-key": _CONFIGURE_KEYS,
    "vault-key": "PutKeyPolicy/kept TagResource/others",
    # The alias is the vault's: the call names no other key.
    "other-key": "DeleteAlias TagResource/ours",
    "ours": "CreateKey",
    "bounded": "CreateRole",
    "rule": "DeleteRule DisableRule EnableRule PutRule PutTargets RemoveTargets TagResource",
    "topic": (
        "AddPermission CreateTopic DeleteTopic RemovePermission SetTopicAttributes Subscribe TagResource"
    ),
    # A policy can name no resource of these.
    "topic other-topic": "SetSubscriptionAttributes Unsubscribe",
    "trail": "AddTags CreateTrail DeleteTrail PutEventSelectors StartLogging StopLogging UpdateTrail",
    "backup-writer": _CONFIGURE_ROLES,
}
_WRITTEN: Final = "dump manifest evidence"
_ADD: Final = (
    "AbortMultipartUpload CreateMultipartUpload ListParts UploadPart PutObject/once PutObject/standard"
)
_LOOK_AT_WRITES: Final = (
    "GetBucketLocation GetObjectLockConfiguration HeadBucket ListMultipartUploads ListObjectVersions "
    "ListObjects ListObjectsV2"
)
_LOOK_AT_BACKUPS: Final = (
    "GetBucketLocation GetBucketVersioning GetObjectLockConfiguration HeadBucket ListObjectVersions "
    "ListObjects ListObjectsV2"
)
_LISTED: Final = f"{_WRITTEN} state file issuer-keys"
_READ: Final = "GetObject GetObject/version GetObjectRetention GetObjectRetention/version HeadObject"
_CONFIGURE_THERE: Final = {
    "replica replica-log": _CONFIGURE_BUCKETS.replace("PutBucketReplication ", ""),
    "replica-key": _CONFIGURE_KEYS,
    "bounded-there": "CreateRole",
    "replica-restorer": _CONFIGURE_ROLES,
    "rule": "DeleteRule DisableRule EnableRule PutRule PutTargets RemoveTargets",
    "topic": "CreateTopic",
    "topic other-topic": "SetSubscriptionAttributes Unsubscribe",
    "trail": "CreateTrail DeleteTrail PutEventSelectors StartLogging StopLogging UpdateTrail",
}
_ENTER: Final = {REPLICA_READER: "AssumeRole"}
MAY: Final[dict[str, tuple[dict[str, str], ...]]] = {
    WRITER: (
        {
            f"{_WRITTEN} file": _ADD,
            _LISTED: "GetObjectRetention GetObjectRetention/version ListObjectVersions/prefix",
            # A changed file is a new version; the lock keeps the old one.
            "file": "CompleteMultipartUpload PutObject PutObjectTagging/gone",
            "manifest evidence issuer-keys": "GetObject GetObject/version HeadObject",
            "vault": _LOOK_AT_WRITES,
            "backup-writer-document": "GetSecretValue",
        },
    ),
    STATE_WRITER: (
        {
            "state": f"{_ADD} GetObjectRetention GetObjectRetention/version",
            _LISTED: "ListObjectVersions/prefix",
            "vault": _LOOK_AT_WRITES,
        },
    ),
    RESTORER: (
        {
            _LISTED: f"{_READ} ListObjectVersions/prefix",
            "vault": _LOOK_AT_BACKUPS,
        },
    ),
    DRILLER: (
        {
            f"{_WRITTEN} file issuer-keys": _READ,
            _LISTED: "ListObjectVersions/prefix",
            "vault": _LOOK_AT_BACKUPS,
            "driller-document": "GetSecretValue",
            "backup-writer break-glass other": "SimulatePrincipalPolicy",
            "vault-key backups-documents-key other-key": "ListAliases",
        },
    ),
    STATE_DRILLER: (
        {
            "state evidence issuer-keys": _READ,
            _LISTED: "ListObjectVersions/prefix",
            "vault": _LOOK_AT_BACKUPS,
        },
    ),
    COPIER: (
        {
            _LISTED: f"{_READ} ListObjectVersions/prefix",
            "vault": _LOOK_AT_BACKUPS,
            "copier-document": "GetSecretValue",
        },
    ),
    PLANNER: (_LOOK, _RECORDS, _LIST_ACCOUNT, _READ_DOCUMENTS, _ENTER),
    DEPLOYER: (_RECORDS, _RECORD_KEYS, _READ_DOCUMENTS, _WRITE_DOCUMENTS, _ENTER),
    REPLICATOR: (
        {
            _LISTED: (
                "GetObjectAcl/version GetObjectLegalHold GetObjectRetention GetObjectRetention/version"
            ),
            "vault": "GetBucketReplication HeadBucket ListObjects ListObjectsV2",
        },
    ),
    BREAK_GLASS: (_LOOK, _RECORDS, _RECORD_KEYS, _CONFIGURE),
}
"""Role -> what it may do. Everything else is refused."""

MAY_THERE: Final[dict[str, tuple[dict[str, str], ...]]] = {
    REPLICA_RESTORER: ({"replica": f"{_LOOK_AT_BACKUPS} GetObject GetObjectRetention HeadObject"},),
    REPLICA_DRILLER: (
        {
            "replica": f"{_LOOK_AT_BACKUPS} GetObject GetObjectRetention HeadObject",
            "replica-key": "ListAliases",
        },
    ),
    REPLICA_READER: (_LOOK_THERE, _LIST_ACCOUNT),
    BREAK_GLASS: (_LOOK_THERE, _CONFIGURE_THERE),
}
"""The same of the replica's account."""

ANYBODY: Final = {
    f"GetCallerIdentity {target}"
    for target in (WRITER, DEPLOYER, BREAK_GLASS, REPLICA_RESTORER, REPLICA_READER)
}


def _expand(tables: tuple[dict[str, str], ...]) -> set[str]:
    return {
        f"{operation.replace('/', ' ')} {target}"
        for table in tables
        for targets, operations in table.items()
        for target in targets.split()
        for operation in operations.split()
    }


@pytest.mark.parametrize("role", MAY)
def test_a_role_may_make_the_calls_of_its_table_and_no_others(
    calls: list[Call], allowed: Allowed, role: str
) -> None:
    assert len(calls) >= 1_000
    assert allowed.to(role) == _expand(MAY[role]) | ANYBODY


@pytest.mark.parametrize("role", MAY_THERE)
def test_a_role_of_the_replicas_account_may_make_the_calls_of_its_table_and_no_others(
    allowed: Allowed, role: str
) -> None:
    assert allowed.to(role, THERE) == _expand(MAY_THERE[role]) | ANYBODY


_ASSUMED_HERE: Final = {f"AssumeRole {name}" for name in (WRITER, DEPLOYER, BREAK_GLASS)}
_HARMLESS: Final = {
    "CreateAlias",
    "CreateBucket",
    "DeleteBucketTagging",
    "EnableKey",
    "EnableKeyRotation",
    "PutBucketTagging",
    "TagResource",
    "UpdateKeyDescription",
}
"""What an administrator may do to a vault or a key of the account: it takes away and opens nothing."""


@pytest.mark.parametrize(
    ("owner", "configure", "guarded"),
    [
        (ACCOUNT, _CONFIGURE, {"vault", "log", "vault-key", "backups-documents-key"}),
        (THERE, _CONFIGURE_THERE, {"replica", "replica-key"}),
    ],
)
def test_an_administrator_of_an_account_is_refused_what_loosens_a_vault_or_takes_a_key_away(
    allowed: Allowed, owner: str, configure: dict[str, str], guarded: set[str]
) -> None:
    may = allowed.to(SOMEBODY, owner)
    loosening = {
        call
        for call in _expand((configure,))
        if call.rpartition(" ")[2] in guarded and call.partition(" ")[0] not in _HARMLESS
    }
    assert len(loosening) > 35
    assert may & loosening == set()
    objects = ("DeleteObject", "DeleteObject version", "PutObjectRetention version", "PutObjectAcl")
    for operation in objects:
        assert may.isdisjoint(f"{operation} {target}" for target in (*KEYS, "replica"))
    assert {"AssumeRole break-glass", "AssumeRole break-glass-there"}.isdisjoint(may)
    assert "ScheduleKeyDeletion soon vault-key" not in may


def test_an_administrator_keeps_the_topic_of_the_alarms_and_is_not_refused_everything(
    allowed: Allowed,
) -> None:
    may = allowed.to(SOMEBODY)
    assert may.isdisjoint(
        f"{operation} topic"
        for operation in ("AddPermission", "DeleteTopic", "RemovePermission", "SetTopicAttributes")
    )
    assert {"DeleteBucket other", "DisableKey other-key", "PutRolePolicy backup-writer"} <= may


_OF_OWN_ACCOUNT: Final = ("CreateBucket", "ListAliases", "ListBuckets", "ListDirectoryBuckets")
"""Operations that are about the caller's own account, whatever they name."""


def _name_things(calls: list[Call], targets: set[str], keys: list[str]) -> set[str]:
    """Return the calls that name buckets of these targets, or one of the keys by its ARN."""
    return {
        call.name
        for call in calls
        if call.name.partition(" ")[0] not in _OF_OWN_ACCOUNT
        and (
            (call.service == "s3" and call.name.rpartition(" ")[2] in targets)
            or (call.service == "kms" and any(arn.encode() in call.body for arn in keys))
        )
    }


@pytest.mark.parametrize("role", [*MAY, SOMEBODY])
def test_no_credential_of_the_primary_account_does_anything_to_the_replica(
    account: dict[str, str], calls: list[Call], allowed: Allowed, role: str
) -> None:
    """Not even its administrator's."""
    there = _name_things(calls, {"replica", "replica-log"}, [account[REPLICA]])
    assert len(there) > 190
    may = allowed.to(role)
    assert may & there == set()
    entered = {call for call in may if call.startswith("AssumeRole ") and call not in _ASSUMED_HERE}
    assert entered == ({f"AssumeRole {REPLICA_READER}"} if role in {PLANNER, DEPLOYER} else set())


@pytest.mark.parametrize("role", [*MAY_THERE, SOMEBODY])
def test_no_credential_of_the_replicas_account_does_anything_to_the_primary_vault(
    account: dict[str, str], calls: list[Call], allowed: Allowed, role: str
) -> None:
    here = _name_things(calls, {*KEYS, "vault", "log"}, [account[VAULT], account[DOCUMENT]])
    assert len(here) > 450
    may = allowed.to(role, THERE)
    assert may & here == set()
    assert may.isdisjoint(_ASSUMED_HERE)


def test_a_policy_of_everything_gives_a_bounded_role_no_more_than_the_roles_have(calls: list[Call]) -> None:
    iam = iam_backends[ACCOUNT]["aws"]
    most = set[str]().union(*(_expand(MAY[role]) for role in MAY if role != BREAK_GLASS)) | ANYBODY
    for role in (WRITER, DEPLOYER):
        iam.put_role_policy(f"{PLATFORM}-{role}", "evil", json.dumps(EVERYTHING))
        more = _ask(role, calls, ACCOUNT) - most
        iam.delete_role_policy(f"{PLATFORM}-{role}", "evil")
        # A boundary has no conditions on what is written: that is all that the policy adds.
        assert {call.partition(" ")[0] for call in more} <= {
            "CompleteMultipartUpload",
            "CreateMultipartUpload",
            "AbortMultipartUpload",
            "ListMultipartUploads",
            "ListObjectVersions",
            "ListParts",
            "PutObject",
            "PutObjectTagging",
            "UploadPart",
            "GetObject",
            "GetObjectRetention",
            "GetObjectLegalHold",
            "GetObjectAcl",
            "HeadObject",
            "CopyObject",
            "UploadPartCopy",
        }


@pytest.mark.parametrize(
    ("factor", "decision"),
    [
        ({}, Decision.NEUTRAL),
        ({"present": "false"}, Decision.NEUTRAL),
        ({"present": "true"}, Decision.NEUTRAL),
        ({"present": "true", "age": "900"}, Decision.NEUTRAL),
        ({"present": "true", "age": "30"}, Decision.DELEGATED),
    ],
)
def test_break_glass_is_taken_on_with_a_second_factor_of_the_last_minutes_alone(
    factor: dict[str, str], decision: Decision
) -> None:
    context = {f"aws:multifactorauth{name}": value for name, value in factor.items()}
    context["aws:requestedregion"] = "eu-west-1"
    arn = f"arn:aws:iam::{ACCOUNT}:role/{PLATFORM}-{BREAK_GLASS}"
    person = Principal("AWS", f"arn:aws:iam::{ACCOUNT}:user/person", ACCOUNT)
    trust = _recorded()["backups-administration-break-glass"]["assumeRolePolicy"]
    assert evaluate(trust, RequiredPermission("sts:AssumeRole", arn, context), person) is decision


@pytest.mark.parametrize(
    ("owner", "region", "decision"),
    [
        *((ACCOUNT, region, Decision.DELEGATED) for region in ("eu-west-1", "us-east-1")),
        *((THERE, region, Decision.DELEGATED) for region in ("eu-north-1", "us-east-1")),
        (ACCOUNT, "eu-north-1", Decision.NEUTRAL),
        (THERE, "eu-west-1", Decision.NEUTRAL),
    ],
)
def test_break_glass_is_taken_on_where_alarms_are(owner: str, region: str, decision: Decision) -> None:
    context = {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "30"}
    permission = RequiredPermission("sts:AssumeRole", "*", {**context, "aws:requestedregion": region})
    person = Principal("AWS", f"arn:aws:iam::{owner}:user/person", owner)
    vaults = "backups" if owner == ACCOUNT else "backups-replica"
    trust = _recorded()[f"{vaults}-administration-break-glass"]["assumeRolePolicy"]
    assert evaluate(trust, permission, person) is decision

"""
What each role may do to the production vaults: all roles try every call, under production's policies.

`Call.allowed` names the roles that may. Other roles are refused, with the name of the missing permission.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import role_clients
from botocore.exceptions import ClientError
from deployment import Deployment
from role_clients import ACCOUNT, THERE, AwsIdentity

from recovery.vault.client import Exists, Forbidden
from recovery.vault.vault import VaultClient
from twin.aws.issuer import issue_token

pytestmark = pytest.mark.shares("production")

VAULT, REPLICA = f"example-vault-{ACCOUNT}-eu-west-1", f"example-vault-{THERE}-eu-north-1"
LOG, OTHER = f"example-access-log-{ACCOUNT}-eu-west-1", "somebody-elses-bucket"
DRILLS = "evidence/drills/"
DUMP, FILE = f"database/daily/{uuid.uuid4()}/dump.pgc.zst", "files/documents/seed.pdf"
MANIFEST, STATE_MANIFEST = DUMP.replace("dump.pgc.zst", "manifest.json"), "state/seed/manifest.json"
ONCE = {"IfNoneMatch": "*"}
WRITER, RESTORER, PLANNER, DEPLOYER = "backup-writer", "backup-restorer", "planner", "deployer"
REPLICA_RESTORER = "replica-restorer"


@dataclass(frozen=True)
class Situation:
    """The administrator, the identity that tries a call, and the dump in the vault."""

    admin: AwsIdentity
    caller: AwsIdentity
    version: str
    """Version of the dump in the vault."""

    @property
    def s3(self) -> Any:
        return self.caller.client("s3")

    @property
    def replica_s3(self) -> Any:
        return self.caller.client("s3", "eu-north-1")

    @property
    def kms(self) -> Any:
        return self.caller.client("kms")

    @property
    def iam(self) -> Any:
        return self.caller.client("iam")

    @property
    def dump(self) -> dict[str, str]:
        return {"Bucket": VAULT, "Key": DUMP, "VersionId": self.version}

    def new(self, prefix: str) -> dict[str, Any]:
        """Return a new key, with a body for it."""
        return {"Bucket": VAULT, "Key": f"{prefix}/{uuid.uuid4()}", "Body": b"x"}

    def upload(self, key: str) -> dict[str, Any]:
        """Begin an upload of one part as the administrator; return the arguments that complete it."""
        s3 = self.admin.client("s3")
        upload = {"Bucket": VAULT, "Key": key}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
        return {**upload, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}


@dataclass(frozen=True)
class Call:
    """One call, the permission that it needs (or one of several, by `|`), and the roles that have it."""

    what: str
    needs: str
    do: Callable[[Situation], Any]
    allowed: tuple[str, ...] = ()


def put_unchanged(read: str, write: str, *parts: str) -> Callable[[Situation], Any]:
    """Return a call that puts a part of the vault's configuration unchanged."""

    def put(given: Situation) -> Any:
        found = getattr(given.admin.client("s3"), read)(Bucket=VAULT)
        return getattr(given.s3, write)(Bucket=VAULT, **{part: found[part] for part in parts})

    return put


def upload_in_parts(given: Situation) -> None:
    upload = {"Bucket": VAULT, "Key": f"database/daily/{uuid.uuid4()}"}
    upload["UploadId"] = given.s3.create_multipart_upload(**upload)["UploadId"]
    part = given.s3.upload_part(**upload, PartNumber=1, Body=b"x")
    assert given.s3.list_parts(**upload)["Parts"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    given.s3.complete_multipart_upload(**upload, MultipartUpload=parts, **ONCE)


def delete_batch(given: Situation, **version: str) -> None:
    """Delete as a batch, and raise its error: S3 answers 200 even when it refuses all objects."""
    batch = {"Objects": [{"Key": DUMP, **version}]}
    for error in given.s3.delete_objects(Bucket=VAULT, Delete=batch, BypassGovernanceRetention=True)[
        "Errors"
    ]:
        raise ClientError({"Error": {"Code": error["Code"], "Message": "in the batch"}}, "DeleteObjects")


def key_id(given: Situation, region: str = "eu-west-1") -> str:
    admin = role_clients.administrator(given.admin.home, THERE if region == "eu-north-1" else ACCOUNT)
    found = admin.client("kms", region).list_aliases()["Aliases"]
    name = f"alias/example-vault-{region}"
    key = next(one["TargetKeyId"] for one in found if one["AliasName"] == name)
    return key if region == "eu-west-1" else f"arn:aws:kms:{region}:{THERE}:key/{key}"


def read_document(given: Situation) -> str:
    client = given.caller.client("secretsmanager")
    return client.get_secret_value(SecretId="example/jobs/backup-writer")["SecretString"]


WRITES = [
    Call(
        "adds a dump",
        "s3:PutObject",
        lambda it: it.s3.put_object(**it.new("database/daily"), **ONCE),
        (WRITER,),
    ),
    Call("adds a dump in parts", "s3:PutObject", upload_in_parts, (WRITER,)),
    Call("adds state", "s3:PutObject", lambda it: it.s3.put_object(**it.new("state"), **ONCE)),
    Call(
        "adds evidence", "s3:PutObject", lambda it: it.s3.put_object(**it.new("evidence"), **ONCE), (WRITER,)
    ),
    Call("adds a file", "s3:PutObject", lambda it: it.s3.put_object(**it.new("files")), (WRITER,)),
    Call("adds elsewhere", "s3:PutObject", lambda it: it.s3.put_object(**it.new("elsewhere"), **ONCE)),
    Call(
        "adds to the replica",
        "s3:PutObject",
        lambda it: it.replica_s3.put_object(Bucket=REPLICA, Key=DUMP, **ONCE),
    ),
    Call(
        "writes to the access log",
        "s3:PutObject",
        lambda it: it.s3.put_object(Bucket=LOG, Key="x", Body=b"x", **ONCE),
    ),
    Call("overwrites a dump", "s3:PutObject", lambda it: it.s3.put_object(Bucket=VAULT, Key=DUMP, Body=b"x")),
    Call(
        "overwrites evidence",
        "s3:PutObject",
        lambda it: it.s3.put_object(Bucket=VAULT, Key="evidence/seed", Body=b"x"),
    ),
    Call(
        "overwrites state",
        "s3:PutObject",
        lambda it: it.s3.put_object(Bucket=VAULT, Key="state/seed", Body=b"x"),
    ),
    Call(
        "overwrites a dump in parts",
        "s3:PutObject",
        lambda it: it.s3.complete_multipart_upload(**it.upload(DUMP)),
    ),
    Call(
        "copies over a dump",
        "s3:PutObject|s3:GetObject",
        lambda it: it.s3.copy_object(Bucket=VAULT, Key=DUMP, CopySource={"Bucket": VAULT, "Key": FILE}),
    ),
    Call(
        "copies in what it may not read",
        "s3:GetObject",
        lambda it: it.s3.copy_object(Bucket=VAULT, Key=FILE, CopySource={"Bucket": OTHER, "Key": "a"}),
    ),
    Call(
        "chooses another encryption",
        "s3:PutObject",
        lambda it: it.s3.put_object(**it.new("database/daily"), **ONCE, ServerSideEncryption="AES256"),
    ),
    Call(
        "chooses another lock",
        "s3:PutObjectRetention",
        lambda it: it.s3.put_object(
            **it.new("files"), ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate="2090-01-01T00:00:00Z"
        ),
    ),
    Call(
        "puts a backup into an archive",
        "s3:PutObject",
        lambda it: it.s3.put_object(**it.new("database/daily"), **ONCE, StorageClass="DEEP_ARCHIVE"),
    ),
    Call(
        "gives up an upload",
        "s3:AbortMultipartUpload",
        lambda it: it.s3.abort_multipart_upload(
            **{key: value for key, value in it.upload("files/x").items() if key != "MultipartUpload"}
        ),
        (WRITER,),
    ),
]
READS = [
    Call(
        "reads the writer's document",
        "secretsmanager:GetSecretValue",
        read_document,
        (WRITER, PLANNER, DEPLOYER),
    ),
    Call(
        "lets others read it",
        "secretsmanager:DeleteResourcePolicy",
        lambda it: it.caller.client("secretsmanager").delete_resource_policy(
            SecretId="example/jobs/backup-writer"
        ),
    ),
    Call(
        "deletes the document",
        "secretsmanager:DeleteSecret",
        lambda it: it.caller.client("secretsmanager").delete_secret(SecretId="example/jobs/backup-writer"),
    ),
    Call(
        "encrypts it with another key",
        "secretsmanager:UpdateSecret",
        lambda it: it.caller.client("secretsmanager").update_secret(
            SecretId="example/jobs/backup-writer", KmsKeyId="alias/example-vault-eu-west-1"
        ),
    ),
    Call(
        "reads a dump",
        "s3:GetObject",
        lambda it: it.s3.get_object(Bucket=VAULT, Key=DUMP),
        (RESTORER,),
    ),
    Call("reads a version", "s3:GetObjectVersion", lambda it: it.s3.get_object(**it.dump), (RESTORER,)),
    Call("reads a file", "s3:GetObject", lambda it: it.s3.get_object(Bucket=VAULT, Key=FILE), (RESTORER,)),
    Call(
        "reads the state",
        "s3:GetObject",
        lambda it: it.s3.get_object(Bucket=VAULT, Key="state/seed"),
        (RESTORER,),
    ),
    Call(
        "copies a dump to where it may read",
        "s3:GetObject|s3:PutObject",
        lambda it: it.s3.copy_object(
            Bucket=VAULT, Key=f"evidence/{uuid.uuid4()}", CopySource={"Bucket": VAULT, "Key": DUMP}
        ),
    ),
    Call(
        "reads a manifest",
        "s3:GetObject",
        lambda it: it.s3.get_object(Bucket=VAULT, Key=MANIFEST),
        (WRITER, RESTORER, PLANNER, DEPLOYER),
    ),
    Call(
        "reads the manifest of a state",
        "s3:GetObject",
        lambda it: it.s3.get_object(Bucket=VAULT, Key=STATE_MANIFEST),
        (WRITER, RESTORER, PLANNER, DEPLOYER),
    ),
    Call(
        "sees a lock",
        "s3:GetObjectRetention",
        lambda it: it.s3.get_object_retention(**it.dump),
        (WRITER, RESTORER),
    ),
    Call(
        "lists",
        "s3:ListBucket",
        lambda it: it.s3.list_objects_v2(Bucket=VAULT),
        (WRITER, RESTORER, PLANNER),
    ),
    Call(
        "lists versions",
        "s3:ListBucketVersions",
        lambda it: it.s3.list_object_versions(Bucket=VAULT),
        (WRITER, RESTORER),
    ),
    Call(
        "lists uploads",
        "s3:ListBucketMultipartUploads",
        lambda it: it.s3.list_multipart_uploads(Bucket=VAULT),
        (WRITER,),
    ),
    Call(
        "reads the replica",
        "s3:GetObject",
        lambda it: it.replica_s3.get_object(Bucket=REPLICA, Key=DUMP),
        (REPLICA_RESTORER,),
    ),
    Call(
        "lists the replica",
        "s3:ListBucketVersions",
        lambda it: it.replica_s3.list_object_versions(Bucket=REPLICA),
        (REPLICA_RESTORER,),
    ),
    Call(
        "reads a drill's evidence",
        "s3:GetObject",
        lambda it: it.s3.get_object(Bucket=VAULT, Key=f"{DRILLS}seed"),
        (WRITER, RESTORER, PLANNER, DEPLOYER),
    ),
    Call(
        "reads other evidence",
        "s3:GetObject",
        lambda it: it.s3.get_object(Bucket=VAULT, Key="evidence/seed"),
        (WRITER, RESTORER, PLANNER, DEPLOYER),
    ),
    Call(
        "lists the evidence of drills",
        "s3:ListBucketVersions",
        lambda it: it.s3.list_object_versions(Bucket=VAULT, Prefix=DRILLS),
        (WRITER, RESTORER, PLANNER, DEPLOYER),
    ),
    Call("reads the access log", "s3:GetObject", lambda it: it.s3.get_object(Bucket=LOG, Key="seed")),
    Call("reads another bucket", "s3:GetObject", lambda it: it.s3.get_object(Bucket=OTHER, Key="a")),
    Call("lists another bucket", "s3:ListBucket", lambda it: it.s3.list_objects_v2(Bucket=OTHER)),
    Call("lists all buckets", "s3:ListAllMyBuckets", lambda it: it.s3.list_buckets(), (PLANNER,)),
    Call(
        "asks for a missing object", "s3:GetObject", lambda it: it.s3.get_object(Bucket=OTHER, Key="missing")
    ),
]
REMOVES = [
    Call("hides a dump", "s3:DeleteObject", lambda it: it.s3.delete_object(Bucket=VAULT, Key=DUMP)),
    Call("hides a file", "s3:DeleteObject", lambda it: it.s3.delete_object(Bucket=VAULT, Key=FILE)),
    Call("deletes a version", "s3:DeleteObjectVersion", lambda it: it.s3.delete_object(**it.dump)),
    Call(
        "deletes a version, bypassing its lock",
        "s3:DeleteObjectVersion",
        lambda it: it.s3.delete_object(**it.dump, BypassGovernanceRetention=True),
    ),
    Call("hides a batch", "in the batch", delete_batch),
    Call("deletes a batch of versions", "in the batch", lambda it: delete_batch(it, VersionId=it.version)),
    Call(
        "shortens a lock",
        "s3:PutObjectRetention",
        lambda it: it.s3.put_object_retention(
            **it.dump, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2026-01-01T00:00:00Z"}
        ),
    ),
    Call(
        "prolongs a lock for ever",
        "s3:PutObjectRetention",
        lambda it: it.s3.put_object_retention(
            **it.dump, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": "2090-01-01T00:00:00Z"}
        ),
    ),
    Call(
        "holds",
        "s3:PutObjectLegalHold",
        lambda it: it.s3.put_object_legal_hold(**it.dump, LegalHold={"Status": "ON"}),
    ),
    Call(
        "opens to the public",
        "s3:PutObjectVersionAcl",
        lambda it: it.s3.put_object_acl(**it.dump, ACL="public-read"),
    ),
    Call("deletes the bucket", "s3:DeleteBucket", lambda it: it.s3.delete_bucket(Bucket=VAULT)),
]
CONFIGURES = [
    Call(
        "changes the policy",
        "s3:PutBucketPolicy",
        put_unchanged("get_bucket_policy", "put_bucket_policy", "Policy"),
    ),
    Call("deletes the policy", "s3:DeleteBucketPolicy", lambda it: it.s3.delete_bucket_policy(Bucket=VAULT)),
    Call(
        "changes what expires",
        "s3:PutLifecycleConfiguration",
        lambda it: it.s3.put_bucket_lifecycle_configuration(
            Bucket=VAULT,
            LifecycleConfiguration={
                "Rules": it.admin.client("s3").get_bucket_lifecycle_configuration(Bucket=VAULT)["Rules"]
            },
        ),
    ),
    Call(
        "changes the default lock",
        "s3:PutBucketObjectLockConfiguration",
        put_unchanged(
            "get_object_lock_configuration", "put_object_lock_configuration", "ObjectLockConfiguration"
        ),
    ),
    Call(
        "changes versioning",
        "s3:PutBucketVersioning",
        lambda it: it.s3.put_bucket_versioning(Bucket=VAULT, VersioningConfiguration={"Status": "Enabled"}),
    ),
    Call(
        "changes replication",
        "s3:PutReplicationConfiguration",
        put_unchanged("get_bucket_replication", "put_bucket_replication", "ReplicationConfiguration"),
    ),
    Call(
        "changes the encryption",
        "s3:PutEncryptionConfiguration",
        put_unchanged("get_bucket_encryption", "put_bucket_encryption", "ServerSideEncryptionConfiguration"),
    ),
    Call("changes ACLs", "s3:PutBucketAcl", lambda it: it.s3.put_bucket_acl(Bucket=VAULT, ACL="public-read")),
    Call(
        "opens the bucket",
        "s3:PutBucketPublicAccessBlock",
        put_unchanged("get_public_access_block", "put_public_access_block", "PublicAccessBlockConfiguration"),
    ),
    Call("makes a bucket", "s3:CreateBucket", lambda it: it.s3.create_bucket(Bucket="another-one")),
]
KEYS = [
    Call(
        "looks at the key",
        "kms:DescribeKey",
        lambda it: it.kms.describe_key(KeyId=key_id(it)),
        (PLANNER,),
    ),
    Call(
        "uses the other vault's key",
        "kms:GenerateDataKey",
        lambda it: it.caller.client("kms", "eu-north-1").generate_data_key(
            KeyId=key_id(it, "eu-north-1"), KeySpec="AES_256"
        ),
    ),
    Call(
        "uses the key by itself",
        "kms:GenerateDataKey",
        lambda it: it.kms.generate_data_key(KeyId=key_id(it), KeySpec="AES_256"),
    ),
    Call(
        "opens something else that the key has sealed",
        "kms:Decrypt",
        lambda it: it.kms.decrypt(
            CiphertextBlob=it.admin.client("kms").encrypt(KeyId=key_id(it), Plaintext=b"x")["CiphertextBlob"]
        ),
    ),
    Call("uses any other key", "kms:Encrypt", lambda it: it.kms.encrypt(KeyId="alias/other", Plaintext=b"x")),
    Call(
        "deletes the key",
        "kms:ScheduleKeyDeletion",
        lambda it: it.kms.schedule_key_deletion(KeyId=key_id(it)),
    ),
    Call("disables the key", "kms:DisableKey", lambda it: it.kms.disable_key(KeyId=key_id(it))),
    Call(
        "moves the alias",
        "kms:UpdateAlias",
        lambda it: it.kms.update_alias(AliasName="alias/example-vault-eu-west-1", TargetKeyId="alias/other"),
    ),
    Call(
        "lets others use the key",
        "kms:CreateGrant",
        lambda it: it.kms.create_grant(KeyId=key_id(it), GranteePrincipal=ACCOUNT, Operations=["Decrypt"]),
    ),
]
IDENTITIES = [
    Call(
        "changes the writer",
        "iam:UpdateRole",
        lambda it: it.iam.update_role(RoleName="example-backup-writer", MaxSessionDuration=7200),
    ),
    Call(
        "changes the deployer",
        "iam:PutRolePolicy",
        lambda it: it.iam.put_role_policy(
            RoleName="example-deployer", PolicyName="more", PolicyDocument="{}"
        ),
    ),
    Call(
        "looks at the deployer",
        "iam:GetRole",
        lambda it: it.iam.get_role(RoleName="example-deployer"),
        (PLANNER,),
    ),
    Call(
        "makes somebody an administrator",
        "iam:AttachRolePolicy",
        lambda it: it.iam.attach_role_policy(
            RoleName="example-backup-writer", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
        ),
    ),
    Call("lists all roles", "iam:ListRoles", lambda it: it.iam.list_roles(), (PLANNER,)),
    Call(
        "sees who has a key",
        "iam:GenerateCredentialReport",
        lambda it: it.iam.generate_credential_report(),
        (PLANNER,),
    ),
    Call("makes a user", "iam:CreateUser", lambda it: it.iam.create_user(UserName="mallory")),
    Call("makes a key", "iam:CreateAccessKey", lambda it: it.iam.create_access_key(UserName="mallory")),
    Call(
        "takes on another role",
        "sts:AssumeRole",
        lambda it: it.caller.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/example-deployer", RoleSessionName="more"
        ),
    ),
]
CALLS = WRITES + READS + REMOVES + CONFIGURES + KEYS + IDENTITIES
ROLES = (WRITER, RESTORER, PLANNER, DEPLOYER, REPLICA_RESTORER)


@pytest.fixture(scope="module")
def admin(production: Deployment) -> Iterator[AwsIdentity]:
    """Give the administrator, after creating the objects that the calls use."""
    admin = role_clients.administrator(production.installation.home)
    s3 = admin.client("s3")
    for key in (DUMP, MANIFEST, STATE_MANIFEST, FILE, "evidence/seed", f"{DRILLS}seed", "state/seed"):
        s3.put_object(Bucket=VAULT, Key=key, Body=b"seed")
    there = role_clients.administrator(admin.home, THERE)
    there.client("s3", "eu-north-1").put_object(Bucket=REPLICA, Key=DUMP, Body=b"seed")
    s3.put_object(Bucket=LOG, Key="seed", Body=b"seed")
    s3.create_bucket(Bucket=OTHER, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket=OTHER, Key="a", Body=b"seed")
    kms = admin.client("kms")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/other", TargetKeyId=other)
    yield admin
    kms.delete_alias(AliasName="alias/other")
    s3.delete_object(Bucket=OTHER, Key="a")
    s3.delete_bucket(Bucket=OTHER)


@pytest.fixture(scope="module")
def roles(admin: AwsIdentity) -> dict[str, AwsIdentity]:
    return {name: role_clients.assume_role(admin.home, name) for name in ROLES}


@pytest.fixture(scope="module")
def version(admin: AwsIdentity) -> str:
    return admin.client("s3").head_object(Bucket=VAULT, Key=DUMP)["VersionId"]


@pytest.mark.parametrize("who", ROLES)
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.what)
def test_a_role_may_make_the_calls_that_name_it_and_no_others(
    admin: AwsIdentity, roles: dict[str, AwsIdentity], version: str, call: Call, who: str
) -> None:
    given = Situation(admin, roles[who], version)
    if who in call.allowed:
        call.do(given)
        return
    with pytest.raises(ClientError, match=f"AccessDenied.*(?:{call.needs})"):
        call.do(given)


def test_the_refused_calls_changed_nothing(admin: AwsIdentity, version: str) -> None:
    s3 = admin.client("s3")
    found = s3.list_object_versions(Bucket=VAULT, Prefix=DUMP)
    assert [one["VersionId"] for one in found["Versions"]] == [version]
    assert "DeleteMarkers" not in found
    assert s3.head_object(Bucket=VAULT, Key=DUMP)["ObjectLockMode"] == "COMPLIANCE"


@pytest.mark.parametrize("size", [10, 3 << 20, 12 << 20])
def test_the_writers_permissions_are_enough_to_store_a_dump(roles: dict[str, AwsIdentity], size: int) -> None:
    vault = VaultClient(roles[WRITER].client("s3"), VAULT, part_bytes=5 << 20)
    key, block = f"database/daily/{uuid.uuid4()}/dump.pgc.zst", bytes(1 << 20)
    stored = vault.store(key, (block[: min(len(block), size - at)] for at in range(0, size, len(block))))
    assert (stored.bytes, stored.lock_mode) == (size, "COMPLIANCE")
    assert stored.locked_until
    with pytest.raises(Exists):
        vault.put(key, b"another")
    with pytest.raises(Forbidden):
        vault.head(key, stored.version)
    read = VaultClient(roles[RESTORER].client("s3"), VAULT).read(key, stored.version, sha256=stored.sha256)
    assert sum(map(len, read)) == size


def test_the_writer_overwrites_no_existing_key(roles: dict[str, AwsIdentity], version: str) -> None:
    s3 = roles[WRITER].client("s3")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=VAULT, Key=DUMP, Body=b"x", **ONCE)
    source = {"Bucket": VAULT, "Key": "evidence/seed"}
    with pytest.raises(ClientError, match="NotImplemented"):
        s3.copy_object(Bucket=VAULT, Key=DUMP, CopySource=source, **ONCE)
    listed = s3.list_object_versions(Bucket=VAULT, Prefix=DUMP)["Versions"]
    assert [one["VersionId"] for one in listed] == [version]


@pytest.mark.parametrize(
    ("repository", "environment", "audience", "answer"),
    [
        ("example@123456/other@456789", "backup", "sts.amazonaws.com", "AccessDenied"),
        # The names again, by somebody who took them over.
        ("example@123456/platform@456790", "backup", "sts.amazonaws.com", "AccessDenied"),
        ("example@123457/platform@456789", "backup", "sts.amazonaws.com", "AccessDenied"),
        ("example/platform", "backup", "sts.amazonaws.com", "AccessDenied"),
        (role_clients.REPOSITORY, "restore", "sts.amazonaws.com", "AccessDenied"),
        (role_clients.REPOSITORY, "backup", "https://github.com/example", "InvalidIdentityToken"),
    ],
)
def test_a_role_is_assumed_from_its_repository_and_environment_alone(
    admin: AwsIdentity, repository: str, environment: str, audience: str, answer: str
) -> None:
    subject = role_clients.subject(environment, repository)
    token = issue_token(admin.home, subject=subject, audience=audience)
    with pytest.raises(ClientError, match=answer):
        role_clients.assume_role(admin.home, WRITER, token=token)


def test_a_role_trusts_no_token_that_was_changed_and_not_even_the_administrator(admin: AwsIdentity) -> None:
    head, _, signature = issue_token(admin.home, subject=role_clients.subject("restore")).split(".")
    body = issue_token(admin.home, subject=role_clients.subject("backup")).split(".")[1]
    with pytest.raises(ClientError, match="InvalidIdentityToken"):
        role_clients.assume_role(admin.home, WRITER, token=f"{head}.{body}.{signature}")
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        admin.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/example-{WRITER}", RoleSessionName="more"
        )


def test_a_session_lasts_no_longer_than_its_role_allows(admin: AwsIdentity) -> None:
    role_clients.assume_role(admin.home, WRITER, DurationSeconds=7200)
    with pytest.raises(ClientError, match="900 to 7200"):
        role_clients.assume_role(admin.home, WRITER, DurationSeconds=7201)


def test_break_glass_asks_for_the_second_factor_and_not_even_it_deletes_a_key_soon(
    admin: AwsIdentity,
) -> None:
    sts, role = admin.client("sts"), f"arn:aws:iam::{ACCOUNT}:role/example-break-glass"
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=role, RoleSessionName="person")
    given = Situation(admin, role_clients.break_glass(admin.home), "")
    put_unchanged("get_bucket_replication", "put_bucket_replication", "ReplicationConfiguration")(given)
    policy = {"KeyId": key_id(given), "PolicyName": "default"}
    kept = given.kms.get_key_policy(**policy)["Policy"]
    given.kms.put_key_policy(**policy, Policy=kept, BypassPolicyLockoutSafetyCheck=True)
    own = {"RoleName": "example-break-glass"}
    refused: list[Callable[[], Any]] = [
        lambda: given.kms.schedule_key_deletion(KeyId=key_id(given), PendingWindowInDays=7),
        lambda: given.s3.get_object(Bucket=VAULT, Key=DUMP),
        lambda: given.iam.update_assume_role_policy(**own, PolicyDocument="{}"),
        lambda: given.iam.put_role_policy(**own, PolicyName="a", PolicyDocument="{}"),
        lambda: given.iam.delete_role_permissions_boundary(RoleName="example-backup-writer"),
    ]
    for call in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_the_accounts_administrator_takes_no_key_away_and_changes_no_vault(admin: AwsIdentity) -> None:
    given = Situation(admin, admin, "")
    refused: list[Callable[[], Any]] = [
        lambda: given.kms.schedule_key_deletion(KeyId=key_id(given)),
        lambda: given.kms.disable_key(KeyId=key_id(given)),
        lambda: given.s3.put_bucket_versioning(Bucket=VAULT, VersioningConfiguration={"Status": "Suspended"}),
        lambda: given.s3.delete_object(Bucket=VAULT, Key=DUMP),
    ]
    for call in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()

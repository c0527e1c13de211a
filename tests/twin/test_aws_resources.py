"""Each AWS resource type's life: made, changed, drifted, imported, deleted, against the real service."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from aws_twin import Engine, Resource, Service, running

from twin.aws.provider.creations import RefusedError
from twin.provider.server import PropertyChange, StandInError
from twin.provider.values import UNKNOWN

BUCKET = "aws:s3/bucket:Bucket"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
PUBLIC = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
OWNERSHIP = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
LOGGING = "aws:s3/bucketLogging:BucketLogging"
KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
ROLE = "aws:iam/role:Role"
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"

ENABLED = {"status": "Enabled"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str = "s3.amazonaws.com") -> str:
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    with running(tmp_path_factory.mktemp("twin")) as service:
        yield service


@pytest.fixture(scope="module")
def engine(service: Service) -> Engine:
    assert service.process.poll() is None
    return Engine()


@pytest.fixture(scope="module")
def s3(service: Service) -> Any:
    return service.client("s3")


def bucket(engine: Engine, name: str, *, lock: bool = False, **inputs: Any) -> Resource:
    return engine.up(BUCKET, name, bucket=name, **({"objectLockEnabled": True} if lock else {}), **inputs)


def test_a_bucket_has_the_outputs_of_the_real_provider(engine: Engine) -> None:
    made = bucket(engine, "outputs-bucket", tags={"Team": "ops"})
    assert made.identifier == "outputs-bucket"
    assert made.state == {
        "id": "outputs-bucket",
        "arn": "arn:aws:s3:::outputs-bucket",
        "bucket": "outputs-bucket",
        "bucketDomainName": "outputs-bucket.s3.amazonaws.com",
        "bucketRegionalDomainName": "outputs-bucket.s3.us-east-1.amazonaws.com",
        "bucketRegion": "us-east-1",
        "bucketNamespace": "global",
        "hostedZoneId": "Z3AQBSTGFYJSTF",
        "forceDestroy": False,
        "objectLockEnabled": False,
        "region": "us-east-1",
        "tags": {"Team": "ops"},
        "tagsAll": {"Team": "ops"},
    }


def test_a_bucket_changes_in_place_or_is_replaced(engine: Engine) -> None:
    made = bucket(engine, "changing-bucket", tags={"a": "1"})
    made.update(bucket="changing-bucket", tags={"b": "2"}, forceDestroy=True)
    assert made.state["tagsAll"] == {"b": "2"}
    same = {"tags": {"b": "2"}, "forceDestroy": True}
    assert made.changes(bucket="other-bucket", **same) == {"bucket": PropertyChange.REPLACE}
    locked = made.changes(bucket="changing-bucket", objectLockEnabled=True, **same)
    assert locked == {"objectLockEnabled": PropertyChange.REPLACE}
    made.update(bucket="changing-bucket")
    made.delete()
    assert made.is_gone()
    made.delete()


def test_a_bucket_without_a_name_gets_one_that_stays(engine: Engine) -> None:
    made = engine.up(BUCKET, "My-Vault")
    assert made.identifier.startswith("my-vault-")
    assert made.changes() == {}


def test_a_bucket_name_is_unique(engine: Engine) -> None:
    elsewhere = Engine(region="eu-west-1")
    for owner in (engine, elsewhere):
        made = bucket(owner, f"unique-{owner.stand_in.account.region}")
        again = Resource(made.kind, BUCKET, "another-resource")
        again.check({"bucket": made.identifier})
        with pytest.raises(RefusedError, match="BucketAlreadyOwnedByYou"):
            again.create()
    other = Engine(assumeRoles='[{"roleArn": "arn:aws:iam::210987654321:role/replica"}]')
    with pytest.raises(RefusedError, match="BucketAlreadyExists"):
        bucket(other, "unique-eu-west-1")


def test_a_full_bucket_is_not_deleted_and_its_locks_are_named(engine: Engine, s3: Any) -> None:
    made = bucket(engine, "locked-bucket", lock=True)
    retention = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": "2099-01-02T03:04:05Z"}
    s3.put_object(Bucket="locked-bucket", Key="dump", Body=b"x", **retention)
    s3.put_object(Bucket="locked-bucket", Key="loose", Body=b"x")
    with pytest.raises(
        StandInError,
        match=r"BucketNotEmpty: .*2 object versions; locked: dump \(COMPLIANCE until 2099-01-02 03:04:05",
    ):
        made.delete()
    made.update(bucket="locked-bucket", objectLockEnabled=True, forceDestroy=True)
    with pytest.raises(StandInError, match=r"AccessDenied: 1 of 2 .* dump \(COMPLIANCE until 2099-01-02"):
        made.delete()
    assert not made.is_gone()


def test_a_bucket_without_lock_that_holds_something_stays_and_says_so(engine: Engine, s3: Any) -> None:
    made = bucket(engine, "logs-bucket")
    s3.put_object(Bucket="logs-bucket", Key="a-log", Body=b"GET")
    with pytest.raises(StandInError, match=r"BucketNotEmpty: it has 1 object versions\. Set forceDestroy"):
        made.delete()
    assert s3.head_object(Bucket="logs-bucket", Key="a-log")["ContentLength"] == 3


def test_force_destroy_takes_versions_markers_governance_and_legal_holds(engine: Engine, s3: Any) -> None:
    made = bucket(engine, "forced-bucket", lock=True, forceDestroy=True)
    retention = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-02T03:04:05Z"}
    s3.put_object(Bucket="forced-bucket", Key="a", Body=b"x", **retention)
    s3.put_object(Bucket="forced-bucket", Key="b", Body=b"x", ObjectLockLegalHoldStatus="ON")
    s3.put_object(Bucket="forced-bucket", Key="c", Body=b"x")
    s3.delete_object(Bucket="forced-bucket", Key="c")
    made.delete()
    assert made.is_gone()


def test_a_bucket_deleted_behind_the_stack_is_gone_with_its_settings(engine: Engine, s3: Any) -> None:
    made = bucket(engine, "vanishing-bucket")
    setting = engine.up(VERSIONING, bucket=made.identifier, versioningConfiguration=ENABLED)
    s3.delete_bucket(Bucket="vanishing-bucket")
    assert made.is_gone()
    assert setting.is_gone()
    setting.delete()


def test_an_existing_bucket_is_imported_without_a_change(engine: Engine, s3: Any) -> None:
    s3.create_bucket(Bucket="adopted-bucket", ObjectLockEnabledForBucket=True)
    made = engine.imported(BUCKET, "adopted-bucket")
    assert made.changes(bucket="adopted-bucket", objectLockEnabled=True, forceDestroy=False) == {}


def test_versioning(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "versioning-bucket").identifier
    made = engine.up(VERSIONING, bucket=name, versioningConfiguration=ENABLED)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    made.refresh()
    assert made.drift() == {"versioningConfiguration": PropertyChange.UPDATE}
    assert made.found_inputs["versioningConfiguration"] == {"status": "Suspended"}
    made.update(bucket=name, versioningConfiguration={"status": "Enabled"})
    assert made.changes(bucket="another-bucket", versioningConfiguration=ENABLED) == {
        "bucket": PropertyChange.REPLACE
    }
    with pytest.raises(StandInError, match="cannot be updated from 'Enabled' to 'Disabled'"):
        made.changes(bucket=name, versioningConfiguration={"status": "Disabled"})
    assert engine.imported(VERSIONING, name).changes(bucket=name, versioningConfiguration=ENABLED) == {}
    made.delete()
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"


def test_versioning_cannot_be_suspended_under_object_lock(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "lock-holds-versioning", lock=True).identifier
    made = engine.up(VERSIONING, bucket=name, versioningConfiguration=ENABLED)
    with pytest.raises(RefusedError, match="InvalidBucketState"):
        made.update(bucket=name, versioningConfiguration={"status": "Suspended"})
    made.delete()
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


def test_object_lock(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "lock-bucket", lock=True).identifier
    made = engine.up(LOCK, bucket=name, rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 35}})
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    made.update(bucket=name, rule={"defaultRetention": {"mode": "COMPLIANCE", "years": 1}})
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    made.refresh()
    assert made.drift() == {"rule": PropertyChange.UPDATE}
    made.delete()
    assert not made.is_gone()  # the lock is for ever; only the default retention goes
    unversioned = bucket(engine, "no-lock-bucket").identifier
    with pytest.raises(RefusedError, match="InvalidBucketState: Versioning must be 'Enabled'"):
        engine.up(LOCK, bucket=unversioned, rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 1}})


def test_encryption(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "encrypted-bucket").identifier

    def rules(key: str) -> list[dict[str, Any]]:
        default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}
        return [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}]

    made = engine.up(ENCRYPTION, bucket=name, rules=rules("arn:aws:kms:us-east-1:123456789012:key/a"))
    made.update(bucket=name, rules=rules("arn:aws:kms:us-east-1:123456789012:key/b"))
    s3.delete_bucket_encryption(Bucket=name)
    made.refresh()
    assert made.drift() == {"rules": PropertyChange.UPDATE}
    own_keys = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    assert made.changes(bucket=name, rules=own_keys) == {}
    made.delete()


def test_public_access_block(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "private-bucket").identifier
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    made = engine.up(PUBLIC, bucket=name, **dict.fromkeys(flags, True))
    s3.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True}
    )
    made.refresh()
    assert made.drift() == {
        "blockPublicPolicy": PropertyChange.UPDATE,
        "restrictPublicBuckets": PropertyChange.UPDATE,
    }
    made.update(bucket=name, **dict.fromkeys(flags, True))
    s3.delete_public_access_block(Bucket=name)
    assert made.is_gone()
    made.delete()


def test_ownership_controls(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "owned-bucket").identifier
    made = engine.up(OWNERSHIP, bucket=name, rule={"objectOwnership": "BucketOwnerEnforced"})
    s3.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    made.refresh()
    assert made.drift() == {"rule": PropertyChange.UPDATE}
    made.delete()
    assert made.is_gone()


def tls_only(name: str, **more: Any) -> dict[str, Any]:
    return {
        "Sid": "OnlyTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*"],
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        **more,
    }


def test_a_bucket_policy_that_says_the_same_is_no_change(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "policy-bucket").identifier
    made = engine.up(POLICY, bucket=name, policy=document(tls_only(name)))
    reworded = tls_only(
        name,
        Principal={"AWS": ["*"]},
        Action="s3:*",
        Resource=[f"arn:aws:s3:::{name}/*", f"arn:aws:s3:::{name}"],
        Condition={"Bool": {"aws:SecureTransport": False}},
    )
    assert made.changes(bucket=name, policy=document(dict(reversed(reworded.items())))) == {}
    widened = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    widened["Resource"] = f"arn:aws:s3:::{name}/*"
    s3.put_bucket_policy(Bucket=name, Policy=document(tls_only(name), widened))
    made.refresh()
    assert made.drift() == {"policy": PropertyChange.UPDATE}
    made.update(bucket=name, policy=document(tls_only(name)))
    s3.delete_bucket_policy(Bucket=name)
    assert made.is_gone()


def test_a_bucket_policy_that_s3_would_refuse_is_refused(engine: Engine) -> None:
    name = bucket(engine, "refusing-bucket").identifier
    engine.up(PUBLIC, bucket=name, blockPublicPolicy=True)
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    public["Resource"] = f"arn:aws:s3:::{name}/*"
    with pytest.raises(RefusedError, match="AccessDenied: public policies are blocked"):
        engine.up(POLICY, bucket=name, policy=document(public))
    nobody = {**public, "Principal": {"AWS": "arn:aws:iam::123456789012:role/nobody"}}
    with pytest.raises(RefusedError, match=r"MalformedPolicy: Invalid principal in policy: .*nobody"):
        engine.up(POLICY, bucket=name, policy=document(nobody))


def lifecycle_rules() -> list[dict[str, Any]]:
    return [
        {
            "id": "daily",
            "status": "Enabled",
            "filter": {"prefix": "daily/"},
            "expiration": {"days": 35},
            "noncurrentVersionExpiration": {"noncurrentDays": 35, "newerNoncurrentVersions": 2},
        },
        {
            "id": "large",
            "status": "Disabled",
            "filter": {"and": {"prefix": "x", "tags": {"a": "1", "b": "2"}, "objectSizeGreaterThan": 7}},
            "transitions": [{"days": 30, "storageClass": "STANDARD_IA"}],
        },
        {
            "id": "clean-up",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "expiration": {"expiredObjectDeleteMarker": True},
            "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
        },
        {"id": "once", "status": "Enabled", "filter": {}, "expiration": {"date": "2030-01-01T00:00:00Z"}},
    ]


def test_lifecycle(engine: Engine, s3: Any) -> None:
    name = bucket(engine, "lifecycle-bucket").identifier
    made = engine.up(LIFECYCLE, bucket=name, rules=lifecycle_rules())
    assert made.state["transitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    longer = lifecycle_rules()
    longer[0]["expiration"]["days"] = 36
    made.update(bucket=name, rules=longer)
    short = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [short]})
    made.refresh()
    assert made.drift() == {"rules": PropertyChange.UPDATE}
    made.update(bucket=name, rules=lifecycle_rules())
    s3.delete_bucket_lifecycle(Bucket=name)
    assert made.is_gone()


def replication_rule(destination: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "everything",
        "status": "Enabled",
        "priority": 1,
        "filter": {"prefix": ""},
        "deleteMarkerReplication": {"status": "Disabled"},
        "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
        "destination": {
            "bucket": f"arn:aws:s3:::{destination}",
            "storageClass": "STANDARD_IA",
            "encryptionConfiguration": {"replicaKmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/a"},
            "replicationTime": {"status": "Enabled", "time": {"minutes": 15}},
            "metrics": {"status": "Enabled", "eventThreshold": {"minutes": 15}},
        },
        **more,
    }


def test_replication_between_regions(engine: Engine, s3: Any) -> None:
    source = bucket(engine, "replication-source", lock=True).identifier
    target = bucket(Engine(region="eu-west-1"), "replication-target", lock=True).identifier
    role = "arn:aws:iam::123456789012:role/replicator"
    made = engine.up(REPLICATION, bucket=source, role=role, rules=[replication_rule(target)])
    made.update(
        bucket=source,
        role=role,
        rules=[replication_rule(target, deleteMarkerReplication={"status": "Enabled"})],
    )
    s3.delete_bucket_replication(Bucket=source)
    assert made.is_gone()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("refused-source", "Destination bucket cannot be the same as the source"),
        ("refused-nowhere", "Destination bucket must exist"),
        ("refused-unversioned", "Destination bucket must have versioning enabled"),
        ("refused-unlocked", "Destination bucket must have Object Lock enabled"),
    ],
)
def test_replication_into_an_unfit_bucket_is_refused(
    engine: Engine, s3: Any, target: str, message: str
) -> None:
    s3.create_bucket(Bucket="refused-source", ObjectLockEnabledForBucket=True)
    for name in ("refused-unversioned", "refused-unlocked"):
        s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket="refused-unlocked", VersioningConfiguration={"Status": "Enabled"})
    role = "arn:aws:iam::123456789012:role/replicator"
    with pytest.raises(RefusedError, match=f"InvalidRequest: {message}"):
        engine.up(REPLICATION, bucket="refused-source", role=role, rules=[replication_rule(target)])


def test_replication_needs_a_versioned_source(engine: Engine) -> None:
    name = bucket(engine, "replication-unversioned").identifier
    role = "arn:aws:iam::123456789012:role/replicator"
    with pytest.raises(RefusedError, match="Versioning must be 'Enabled' on the bucket"):
        engine.up(REPLICATION, bucket=name, role=role, rules=[replication_rule("x" * 5)])


def test_access_logging(engine: Engine, s3: Any) -> None:
    watched, target = bucket(engine, "watched-bucket").identifier, bucket(engine, "log-bucket").identifier
    with pytest.raises(RefusedError, match="InvalidTargetBucketForLogging"):
        engine.up(LOGGING, bucket=watched, targetBucket=target, targetPrefix="vault/")
    delivery = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{watched}"}},
    }
    engine.up(POLICY, bucket=target, policy=document(tls_only(target), delivery))
    made = engine.up(LOGGING, bucket=watched, targetBucket=target, targetPrefix="vault/")
    made.update(
        bucket=watched,
        targetBucket=target,
        targetPrefix="vault/",
        targetObjectKeyFormat={"partitionedPrefix": {"partitionDateSource": "EventTime"}},
    )
    s3.put_bucket_logging(Bucket=watched, BucketLoggingStatus={})
    assert made.is_gone()
    locked = bucket(engine, "locked-log-bucket", lock=True).identifier
    engine.up(LOCK, bucket=locked, rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 1}})
    with pytest.raises(RefusedError, match="has a default retention"):
        engine.up(LOGGING, bucket=watched, targetBucket=locked, targetPrefix="")


def key_policy(*more: dict[str, Any]) -> str:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    administers = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return document(administers, *more)


def test_a_key(service: Service, engine: Engine) -> None:
    kms = service.client("kms")
    inputs = {
        "description": "vault",
        "enableKeyRotation": True,
        "rotationPeriodInDays": 180,
        "deletionWindowInDays": 7,
        "policy": key_policy(),
        "tags": {"Team": "ops"},
    }
    made = engine.up(KEY, **inputs)
    assert made.state["keyId"] == made.identifier
    assert made.state["arn"] == f"arn:aws:kms:us-east-1:123456789012:key/{made.identifier}"
    assert made.state["tagsAll"] == {"Team": "ops"}
    made.update(**{**inputs, "rotationPeriodInDays": 90, "description": "", "tags": {"Team": "dev"}})
    made.update(**{**inputs, "isEnabled": False})
    made.update(**inputs)
    assert made.changes(**inputs, multiRegion=True) == {"multiRegion": PropertyChange.REPLACE}
    kms.disable_key_rotation(KeyId=made.identifier)
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    kms.put_key_policy(KeyId=made.identifier, PolicyName="default", Policy=document(anyone))
    made.refresh()
    assert made.drift() == {
        "enableKeyRotation": PropertyChange.UPDATE,
        "policy": PropertyChange.UPDATE,
        "rotationPeriodInDays": PropertyChange.UPDATE,
    }
    imported = engine.imported(KEY, made.identifier)
    assert imported.changes(description="vault", policy=document(anyone), tags={"Team": "ops"}) == {}
    made.delete()
    described = kms.describe_key(KeyId=made.identifier)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert made.is_gone()
    made.delete()


def test_a_key_policy_that_kms_would_refuse_is_refused(engine: Engine) -> None:
    nobody = {"AWS": "arn:aws:iam::123456789012:role/nobody"}
    uses = {"Effect": "Allow", "Principal": nobody, "Action": "kms:Encrypt", "Resource": "*"}
    with pytest.raises(RefusedError, match=r"Invalid principal in policy: .*role/nobody"):
        engine.up(KEY, policy=key_policy(uses))
    root = {**uses, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    with pytest.raises(RefusedError, match="will not allow you to update the key policy"):
        engine.up(KEY, policy=document(root))


def test_an_alias(engine: Engine) -> None:
    first, second = engine.up(KEY, "first"), engine.up(KEY, "second", deletionWindowInDays=7)
    made = engine.up(ALIAS, name="alias/vault", targetKeyId=first.state["keyId"])
    assert made.identifier == "alias/vault"
    assert made.state["arn"] == "arn:aws:kms:us-east-1:123456789012:alias/vault"
    assert made.state["targetKeyArn"] == first.state["arn"]
    assert made.changes(name="alias/vault", targetKeyId=first.state["arn"]) == {}
    made.update(name="alias/vault", targetKeyId=second.state["keyId"])
    assert made.state["targetKeyArn"] == second.state["arn"]
    assert made.changes(name="alias/other", targetKeyId=second.state["keyId"]) == {
        "name": PropertyChange.REPLACE
    }
    with pytest.raises(RefusedError, match="AlreadyExistsException"):
        engine.up(ALIAS, "twice", name="alias/vault", targetKeyId=first.state["keyId"])
    with pytest.raises(RefusedError, match="NotFoundException"):
        engine.up(ALIAS, "astray", name="alias/astray", targetKeyId="7b6f2e5c-0000-4000-8000-000000000000")
    second.delete()
    with pytest.raises(RefusedError, match="pending deletion"):
        engine.up(ALIAS, "late", name="alias/late", targetKeyId=second.state["keyId"])
    made.delete()
    assert made.is_gone()


def test_a_role(service: Service, engine: Engine) -> None:
    iam = service.client("iam")
    inputs = {"name": "writer", "assumeRolePolicy": trust(), "maxSessionDuration": 7200}
    made = engine.up(ROLE, **inputs, description="adds", tags={"Team": "ops"})
    assert made.identifier == "writer"
    assert made.state["arn"] == "arn:aws:iam::123456789012:role/writer"
    assert made.state["uniqueId"].startswith("AROA")
    made.update(**{**inputs, "assumeRolePolicy": trust("ec2.amazonaws.com")}, tags={"Team": "dev"})
    made.update(**inputs)
    assert made.changes(**{**inputs, "name": "reader"}) == {"name": PropertyChange.REPLACE}
    iam.update_assume_role_policy(RoleName="writer", PolicyDocument=trust("lambda.amazonaws.com"))
    iam.update_role(RoleName="writer", MaxSessionDuration=3600)
    made.refresh()
    assert made.drift() == {
        "assumeRolePolicy": PropertyChange.UPDATE,
        "maxSessionDuration": PropertyChange.UPDATE,
    }
    with pytest.raises(RefusedError, match="EntityAlreadyExists"):
        engine.up(ROLE, "twice", **inputs)
    allows = document({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    iam.put_role_policy(RoleName="writer", PolicyName="extra", PolicyDocument=allows)
    with pytest.raises(RefusedError, match="DeleteConflict"):
        made.delete()
    iam.delete_role_policy(RoleName="writer", PolicyName="extra")
    made.delete()
    assert made.is_gone()


def test_a_role_policy(service: Service, engine: Engine) -> None:
    engine.up(ROLE, "holder", name="holder", assumeRolePolicy=trust())

    def allows(action: str) -> str:
        return document({"Effect": "Allow", "Action": [action], "Resource": "*"})

    inputs = {"name": "writes", "role": "holder"}
    made = engine.up(ROLE_POLICY, **inputs, policy=allows("s3:PutObject"))
    assert made.identifier == "holder:writes"
    made.update(**inputs, policy=allows("s3:GetObject"))
    iam = service.client("iam")
    iam.put_role_policy(RoleName="holder", PolicyName="writes", PolicyDocument=allows("s3:*"))
    made.refresh()
    assert made.drift() == {"policy": PropertyChange.UPDATE}
    imported = engine.imported(ROLE_POLICY, "holder:writes")
    assert imported.changes(**inputs, policy=allows("s3:*")) == {}
    made.delete()
    assert made.is_gone()


def test_an_oidc_provider(engine: Engine) -> None:
    url = "https://token.actions.githubusercontent.com"
    made = engine.up(OIDC, url=url, clientIdLists=["sts.amazonaws.com"], tags={"Team": "ops"})
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    assert (made.identifier, made.state["arn"]) == (arn, arn)
    made.update(url=url, clientIdLists=["other", "sts.amazonaws.com"], thumbprintLists=["a" * 40])
    assert made.changes(url="https://example.com", clientIdLists=["sts.amazonaws.com", "other"]) == {
        "url": PropertyChange.REPLACE
    }
    with pytest.raises(RefusedError, match="EntityAlreadyExists"):
        engine.up(OIDC, "twice", url=url, clientIdLists=["sts.amazonaws.com"])
    made.delete()
    assert made.is_gone()


def test_default_tags_are_added_and_a_change_of_them_is_an_update(engine: Engine) -> None:
    tagging = Engine(defaultTags='{"tags": {"Project": "bulwark", "Team": "ops"}}')
    made = tagging.up(BUCKET, bucket="tagged-bucket", tags={"Team": "dev"})
    assert made.state["tags"] == {"Team": "dev"}
    assert made.state["tagsAll"] == {"Project": "bulwark", "Team": "dev"}
    made.kind = engine.stand_in.kind(BUCKET)
    assert made.changes(bucket="tagged-bucket", tags={"Team": "dev"}) == {
        "tags": PropertyChange.UPDATE,
        "tagsAll": PropertyChange.UPDATE,
    }


def test_a_resource_can_name_a_region_of_its_own(service: Service, engine: Engine) -> None:
    made = bucket(engine, "frankfurt-bucket", region="eu-central-1")
    assert made.state["bucketRegionalDomainName"] == "frankfurt-bucket.s3.eu-central-1.amazonaws.com"
    assert made.changes(bucket="frankfurt-bucket") == {"region": PropertyChange.REPLACE}
    key = engine.up(KEY, region="eu-central-1")
    assert ":eu-central-1:" in key.state["arn"]
    assert service.client("kms", "eu-central-1").describe_key(KeyId=key.identifier)


@pytest.mark.usefixtures("service")
def test_another_account_is_reached_through_its_role() -> None:
    other = Engine(assumeRoles='[{"roleArn": "arn:aws:iam::210987654321:role/replica"}]')
    key = other.up(KEY)
    assert key.state["arn"].startswith("arn:aws:kms:us-east-1:210987654321:key/")
    identity = other.stand_in.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
    assert identity["accountId"] == "210987654321"
    with pytest.raises(StandInError, match="AWS account ID not allowed: 123456789012"):
        Engine(allowedAccountIds='["210987654321"]')


def test_a_preview_foretells_what_is_known_and_asks_nobody(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(engine.stand_in.account), "client", None)
    kind = engine.stand_in.kind(BUCKET)
    planned = kind.plan({}, {"bucket": "planned", "tags": {"a": UNKNOWN}})
    assert planned["arn"] is UNKNOWN
    assert planned["tagsAll"] is UNKNOWN
    assert (planned["bucket"], planned["region"]) == ("planned", "us-east-1")
    policy = engine.stand_in.kind(POLICY)
    assert policy.check("p", {"bucket": "planned", "policy": UNKNOWN}, {})[1] == []


@pytest.mark.parametrize(
    ("token", "inputs"),
    [
        (BUCKET, {"bucket": "repeated-bucket"}),
        (KEY, {"description": "repeated"}),
        (ROLE, {"name": "repeated", "assumeRolePolicy": trust()}),
        (OIDC, {"url": "https://repeated.example", "clientIdLists": ["a"]}),
    ],
)
def test_an_interrupted_creation_is_taken_up_once_and_only_by_its_own_resource(
    engine: Engine, token: str, inputs: dict[str, Any]
) -> None:
    made = Resource(engine.stand_in.kind(token), token, "repeated")
    made.check(inputs)
    made.act()
    first, _ = made.kind.create(made.inputs)  # its answer never reached the engine
    again, _ = made.kind.create(made.inputs)
    assert again == first
    made.kind.read(first, {}, {})  # now the engine knows
    if token == KEY:
        assert made.kind.create(made.inputs)[0] != first
    else:
        with pytest.raises(RefusedError, match="Already"):
            made.kind.create(made.inputs)


def test_a_service_that_is_down_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("BULWARK_TWIN", str(tmp_path))
    lonely = Engine()
    with pytest.raises(StandInError, match=r"does not answer at http://127.0.0.1:\d+; `./bulwark up`"):
        lonely.stand_in.kind(KEY).create({})

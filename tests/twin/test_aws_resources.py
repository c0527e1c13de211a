"""The life of each AWS resource type against the twin's service: created, updated, imported, deleted."""

import json
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aws_twin import Engine, Resource, Service, running_service

from twin.aws.provider.creations import AwsCallError
from twin.provider.server import PropertyChange, StandInError
from twin.provider.values import UNKNOWN

pytestmark = pytest.mark.shares("aws-resources")

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
MANAGED_POLICY = "aws:iam/policy:Policy"
INLINE_LIST = "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive"
ATTACHED_LIST = "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive"
OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
SECRET = "aws:secretsmanager/secret:Secret"
SECRET_VERSION = "aws:secretsmanager/secretVersion:SecretVersion"

ENABLED = {"status": "Enabled"}
THERE = {"profile": "there", "allowedAccountIds": '["210987654321"]'}
"""The provider of the twin's second account."""


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str = "s3.amazonaws.com") -> str:
    return document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    with running_service(tmp_path_factory.mktemp("twin")) as service:
        yield service


@pytest.fixture(scope="module")
def engine(service: Service) -> Engine:
    assert service.process.poll() is None
    return Engine()


@pytest.fixture(scope="module")
def s3(service: Service) -> Any:
    return service.client("s3")


def create_bucket(engine: Engine, name: str, *, lock: bool = False, **inputs: Any) -> Resource:
    return engine.up(BUCKET, name, bucket=name, **({"objectLockEnabled": True} if lock else {}), **inputs)


def test_a_bucket_has_the_outputs_of_the_real_provider(engine: Engine) -> None:
    resource = create_bucket(engine, "outputs-bucket", tags={"Team": "ops"})
    assert resource.identifier == "outputs-bucket"
    assert resource.state == {
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
        "versioning": {"enabled": False, "mfaDelete": False},
    }


def test_a_bucket_shows_the_settings_beside_it_after_a_refresh_and_none_is_a_change(engine: Engine) -> None:
    """The inputs stay the program's: one that took over the rules would delete them (pulumi-aws#6244)."""
    resource = create_bucket(engine, "seen-bucket", lock=True)
    assert resource.state["objectLockConfiguration"] == {"objectLockEnabled": "Enabled"}
    rule = {
        "id": "expire",
        "status": "Enabled",
        "filter": {"prefix": "logs/"},
        "expiration": {"days": 3},
        "noncurrentVersionExpiration": {"noncurrentDays": 5},
    }
    engine.up(LIFECYCLE, "seen-lifecycle", bucket="seen-bucket", rules=[rule])
    engine.up(
        VERSIONING, "seen-versioning", bucket="seen-bucket", versioningConfiguration={"status": "Enabled"}
    )
    wanted = {"bucket": "seen-bucket", "objectLockEnabled": True}
    resource.refresh()
    assert resource.found_inputs == wanted
    assert resource.state["versioning"]["enabled"] is True
    assert resource.state["lifecycleRules"] == [
        {
            "id": "expire",
            "enabled": True,
            "prefix": "logs/",
            "expiration": {"days": 3},
            "noncurrentVersionExpiration": {"days": 5},
        }
    ]
    assert resource.changes(**wanted) == {}


def test_a_bucket_changes_in_place_or_is_replaced(engine: Engine) -> None:
    resource = create_bucket(engine, "changing-bucket", tags={"a": "1"})
    resource.update(bucket="changing-bucket", tags={"b": "2"}, forceDestroy=True)
    assert resource.state["tagsAll"] == {"b": "2"}
    same = {"tags": {"b": "2"}, "forceDestroy": True}
    assert resource.changes(bucket="other-bucket", **same) == {"bucket": PropertyChange.REPLACE}
    locked = resource.changes(bucket="changing-bucket", objectLockEnabled=True, **same)
    assert locked == {"objectLockEnabled": PropertyChange.REPLACE}
    resource.update(bucket="changing-bucket")
    resource.delete()
    assert resource.is_gone()
    resource.delete()


def test_a_bucket_without_a_name_gets_one_that_stays(engine: Engine) -> None:
    resource = engine.up(BUCKET, "My-Vault")
    assert resource.identifier.startswith("my-vault-")
    assert resource.changes() == {}


def test_a_bucket_name_is_unique(engine: Engine) -> None:
    elsewhere = Engine(region="eu-west-1")
    for owner in (engine, elsewhere):
        resource = create_bucket(owner, f"unique-{owner.stand_in.account.region}")
        again = Resource(resource.resource_type, BUCKET, "another-resource")
        again.check({"bucket": resource.identifier})
        with pytest.raises(AwsCallError, match="BucketAlreadyOwnedByYou"):
            again.create()
    other = Engine(**THERE)
    with pytest.raises(AwsCallError, match="BucketAlreadyExists"):
        create_bucket(other, "unique-eu-west-1")


def test_a_full_bucket_is_not_deleted_and_its_locks_are_named(engine: Engine, s3: Any) -> None:
    resource = create_bucket(engine, "locked-bucket", lock=True)
    retention = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": "2099-01-02T03:04:05Z"}
    s3.put_object(Bucket="locked-bucket", Key="dump", Body=b"x", **retention)
    s3.put_object(Bucket="locked-bucket", Key="loose", Body=b"x")
    with pytest.raises(
        StandInError,
        match=r"BucketNotEmpty: .*2 object versions; locked: dump \(COMPLIANCE until 2099-01-02 03:04:05",
    ):
        resource.delete()
    resource.update(bucket="locked-bucket", objectLockEnabled=True, forceDestroy=True)
    with pytest.raises(StandInError, match=r"AccessDenied: 1 of 2 .* dump \(COMPLIANCE until 2099-01-02"):
        resource.delete()
    assert not resource.is_gone()


def test_a_bucket_without_lock_that_holds_something_stays_and_says_so(engine: Engine, s3: Any) -> None:
    resource = create_bucket(engine, "logs-bucket")
    s3.put_object(Bucket="logs-bucket", Key="a-log", Body=b"GET")
    with pytest.raises(StandInError, match=r"BucketNotEmpty: it has 1 object versions\. Set forceDestroy"):
        resource.delete()
    assert s3.head_object(Bucket="logs-bucket", Key="a-log")["ContentLength"] == 3


def test_force_destroy_takes_versions_markers_governance_and_legal_holds(engine: Engine, s3: Any) -> None:
    resource = create_bucket(engine, "forced-bucket", lock=True, forceDestroy=True)
    retention = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-02T03:04:05Z"}
    s3.put_object(Bucket="forced-bucket", Key="a", Body=b"x", **retention)
    s3.put_object(Bucket="forced-bucket", Key="b", Body=b"x", ObjectLockLegalHoldStatus="ON")
    s3.put_object(Bucket="forced-bucket", Key="c", Body=b"x")
    s3.delete_object(Bucket="forced-bucket", Key="c")
    resource.delete()
    assert resource.is_gone()


def test_a_bucket_deleted_behind_the_stack_is_gone_with_its_settings(engine: Engine, s3: Any) -> None:
    resource = create_bucket(engine, "vanishing-bucket")
    setting = engine.up(VERSIONING, bucket=resource.identifier, versioningConfiguration=ENABLED)
    s3.delete_bucket(Bucket="vanishing-bucket")
    assert resource.is_gone()
    assert setting.is_gone()
    setting.delete()


def test_an_existing_bucket_is_imported_without_a_change(engine: Engine, s3: Any) -> None:
    s3.create_bucket(Bucket="adopted-bucket", ObjectLockEnabledForBucket=True)
    resource = engine.import_resource(BUCKET, "adopted-bucket")
    assert resource.changes(bucket="adopted-bucket", objectLockEnabled=True, forceDestroy=False) == {}


def test_bucket_versioning_is_updated_imported_and_suspended_and_its_drift_is_seen(
    engine: Engine, s3: Any
) -> None:
    name = create_bucket(engine, "versioning-bucket").identifier
    resource = engine.up(VERSIONING, bucket=name, versioningConfiguration=ENABLED)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    resource.refresh()
    assert resource.drift() == {"versioningConfiguration": PropertyChange.UPDATE}
    assert resource.found_inputs["versioningConfiguration"] == {"status": "Suspended"}
    resource.update(bucket=name, versioningConfiguration={"status": "Enabled"})
    assert resource.changes(bucket="another-bucket", versioningConfiguration=ENABLED) == {
        "bucket": PropertyChange.REPLACE
    }
    with pytest.raises(StandInError, match="cannot be updated from 'Enabled' to 'Disabled'"):
        resource.changes(bucket=name, versioningConfiguration={"status": "Disabled"})
    assert (
        engine.import_resource(VERSIONING, name).changes(bucket=name, versioningConfiguration=ENABLED) == {}
    )
    resource.delete()
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"


def test_settings_of_a_bucket_that_are_made_at_once_conflict_and_are_repeated(
    service: Service, engine: Engine
) -> None:
    create_bucket(engine, "busy-bucket")
    before = service.log.read_text().count(" 409 ")

    def suspend(*_: int) -> None:
        Resource(engine.stand_in.resource_type(VERSIONING), VERSIONING, "busy").resource_type.create(
            {"bucket": "busy-bucket", "versioningConfiguration": {"status": "Suspended"}}
        )

    deadline = time.monotonic() + 20
    with ThreadPoolExecutor(8) as pool:
        while service.log.read_text().count(" 409 ") == before:
            assert time.monotonic() < deadline
            list(pool.map(suspend, range(8)))


def test_versioning_cannot_be_suspended_under_object_lock(engine: Engine, s3: Any) -> None:
    name = create_bucket(engine, "lock-holds-versioning", lock=True).identifier
    resource = engine.up(VERSIONING, bucket=name, versioningConfiguration=ENABLED)
    with pytest.raises(AwsCallError, match="InvalidBucketState"):
        resource.update(bucket=name, versioningConfiguration={"status": "Suspended"})
    resource.delete()
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


def test_object_lock_is_updated_and_kept_and_its_drift_is_seen(engine: Engine, s3: Any) -> None:
    name = create_bucket(engine, "lock-bucket", lock=True).identifier
    resource = engine.up(LOCK, bucket=name, rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 35}})
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    resource.update(bucket=name, rule={"defaultRetention": {"mode": "COMPLIANCE", "years": 1}})
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
    resource.refresh()
    assert resource.drift() == {"rule": PropertyChange.UPDATE}
    resource.delete()
    assert not resource.is_gone()  # the lock is for ever; only the default retention goes
    unversioned = create_bucket(engine, "no-lock-bucket").identifier
    with pytest.raises(AwsCallError, match="InvalidBucketState: Versioning must be 'Enabled'"):
        engine.up(LOCK, bucket=unversioned, rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 1}})


def test_bucket_encryption_is_updated_and_its_drift_is_seen(engine: Engine, s3: Any) -> None:
    name = create_bucket(engine, "encrypted-bucket").identifier

    def rules(key: str) -> list[dict[str, Any]]:
        default = {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}
        return [{"applyServerSideEncryptionByDefault": default, "bucketKeyEnabled": True}]

    resource = engine.up(ENCRYPTION, bucket=name, rules=rules("arn:aws:kms:us-east-1:123456789012:key/a"))
    resource.update(bucket=name, rules=rules("arn:aws:kms:us-east-1:123456789012:key/b"))
    s3.delete_bucket_encryption(Bucket=name)
    resource.refresh()
    assert resource.drift() == {"rules": PropertyChange.UPDATE}
    own_keys = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    assert resource.changes(bucket=name, rules=own_keys) == {}
    resource.delete()


def test_a_public_access_block_is_updated_and_its_drift_is_seen(engine: Engine, s3: Any) -> None:
    name = create_bucket(engine, "private-bucket").identifier
    flags = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    resource = engine.up(PUBLIC, bucket=name, **dict.fromkeys(flags, True))
    s3.put_public_access_block(
        Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True}
    )
    resource.refresh()
    assert resource.drift() == {
        "blockPublicPolicy": PropertyChange.UPDATE,
        "restrictPublicBuckets": PropertyChange.UPDATE,
    }
    resource.update(bucket=name, **dict.fromkeys(flags, True))
    s3.delete_public_access_block(Bucket=name)
    assert resource.is_gone()
    resource.delete()


def test_ownership_controls_are_deleted_and_their_drift_is_seen(engine: Engine, s3: Any) -> None:
    name = create_bucket(engine, "owned-bucket").identifier
    resource = engine.up(OWNERSHIP, bucket=name, rule={"objectOwnership": "BucketOwnerEnforced"})
    s3.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    )
    resource.refresh()
    assert resource.drift() == {"rule": PropertyChange.UPDATE}
    resource.delete()
    assert resource.is_gone()


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


def test_a_bucket_policy_that_means_the_same_is_no_change(engine: Engine, s3: Any) -> None:
    name = create_bucket(engine, "policy-bucket").identifier
    resource = engine.up(POLICY, bucket=name, policy=document(tls_only(name)))
    reworded = tls_only(
        name,
        Principal={"AWS": ["*"]},
        Action="s3:*",
        Resource=[f"arn:aws:s3:::{name}/*", f"arn:aws:s3:::{name}"],
        Condition={"Bool": {"aws:SecureTransport": False}},
    )
    assert resource.changes(bucket=name, policy=document(dict(reversed(reworded.items())))) == {}
    widened = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    widened["Resource"] = f"arn:aws:s3:::{name}/*"
    s3.put_bucket_policy(Bucket=name, Policy=document(tls_only(name), widened))
    resource.refresh()
    assert resource.drift() == {"policy": PropertyChange.UPDATE}
    resource.update(bucket=name, policy=document(tls_only(name)))
    s3.delete_bucket_policy(Bucket=name)
    assert resource.is_gone()


def test_a_bucket_policy_that_s3_would_refuse_is_refused(engine: Engine) -> None:
    name = create_bucket(engine, "refusing-bucket").identifier
    engine.up(PUBLIC, bucket=name, blockPublicPolicy=True)
    public = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    public["Resource"] = f"arn:aws:s3:::{name}/*"
    with pytest.raises(AwsCallError, match="AccessDenied: public policies are blocked"):
        engine.up(POLICY, bucket=name, policy=document(public))
    nobody = {**public, "Principal": {"AWS": "arn:aws:iam::123456789012:role/nobody"}}
    with pytest.raises(AwsCallError, match=r"MalformedPolicy: Invalid principal in policy: .*nobody"):
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


def test_a_bucket_lifecycle_is_updated_and_its_drift_is_seen(engine: Engine, s3: Any) -> None:
    name = create_bucket(engine, "lifecycle-bucket").identifier
    resource = engine.up(LIFECYCLE, bucket=name, rules=lifecycle_rules())
    assert resource.state["transitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    longer = lifecycle_rules()
    longer[0]["expiration"]["days"] = 36
    resource.update(bucket=name, rules=longer)
    short = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [short]})
    resource.refresh()
    assert resource.drift() == {"rules": PropertyChange.UPDATE}
    resource.update(bucket=name, rules=lifecycle_rules())
    s3.delete_bucket_lifecycle(Bucket=name)
    assert resource.is_gone()


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


def test_replication_between_regions_is_updated_and_its_removal_is_seen(engine: Engine, s3: Any) -> None:
    source = create_bucket(engine, "replication-source", lock=True).identifier
    target = create_bucket(Engine(region="eu-west-1"), "replication-target", lock=True).identifier
    role = "arn:aws:iam::123456789012:role/replicator"
    resource = engine.up(REPLICATION, bucket=source, role=role, rules=[replication_rule(target)])
    resource.update(
        bucket=source,
        role=role,
        rules=[replication_rule(target, deleteMarkerReplication={"status": "Enabled"})],
    )
    s3.delete_bucket_replication(Bucket=source)
    assert resource.is_gone()


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
    with pytest.raises(AwsCallError, match=f"InvalidRequest: {message}"):
        engine.up(REPLICATION, bucket="refused-source", role=role, rules=[replication_rule(target)])


def test_replication_needs_a_versioned_source(engine: Engine) -> None:
    name = create_bucket(engine, "replication-unversioned").identifier
    role = "arn:aws:iam::123456789012:role/replicator"
    with pytest.raises(AwsCallError, match="Versioning must be 'Enabled' on the bucket"):
        engine.up(REPLICATION, bucket=name, role=role, rules=[replication_rule("x" * 5)])


def test_access_logging_needs_a_target_that_allows_it_and_its_removal_is_seen(
    engine: Engine, s3: Any
) -> None:
    watched, target = (
        create_bucket(engine, "watched-bucket").identifier,
        create_bucket(engine, "log-bucket").identifier,
    )
    with pytest.raises(AwsCallError, match="InvalidTargetBucketForLogging"):
        engine.up(LOGGING, bucket=watched, targetBucket=target, targetPrefix="vault/")
    delivery = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{target}/*",
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{watched}"}},
    }
    engine.up(POLICY, bucket=target, policy=document(tls_only(target), delivery))
    resource = engine.up(LOGGING, bucket=watched, targetBucket=target, targetPrefix="vault/")
    resource.update(
        bucket=watched,
        targetBucket=target,
        targetPrefix="vault/",
        targetObjectKeyFormat={"partitionedPrefix": {"partitionDateSource": "EventTime"}},
    )
    s3.put_bucket_logging(Bucket=watched, BucketLoggingStatus={})
    assert resource.is_gone()
    locked = create_bucket(engine, "locked-log-bucket", lock=True).identifier
    engine.up(LOCK, bucket=locked, rule={"defaultRetention": {"mode": "GOVERNANCE", "days": 1}})
    with pytest.raises(AwsCallError, match="has a default retention"):
        engine.up(LOGGING, bucket=watched, targetBucket=locked, targetPrefix="")


def key_policy(*more: dict[str, Any]) -> str:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    administers = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return document(administers, *more)


def test_a_kms_key_is_created_updated_imported_and_deleted(service: Service, engine: Engine) -> None:
    kms = service.client("kms")
    inputs = {
        "description": "vault",
        "enableKeyRotation": True,
        "rotationPeriodInDays": 180,
        "deletionWindowInDays": 7,
        "policy": key_policy(),
        "tags": {"Team": "ops"},
    }
    resource = engine.up(KEY, **inputs)
    assert resource.state["keyId"] == resource.identifier
    assert resource.state["arn"] == f"arn:aws:kms:us-east-1:123456789012:key/{resource.identifier}"
    assert resource.state["tagsAll"] == {"Team": "ops"}
    resource.update(**{**inputs, "rotationPeriodInDays": 90, "description": "", "tags": {"Team": "dev"}})
    resource.update(**{**inputs, "isEnabled": False})
    resource.update(**inputs)
    assert resource.changes(**inputs, multiRegion=True) == {"multiRegion": PropertyChange.REPLACE}
    kms.disable_key_rotation(KeyId=resource.identifier)
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    kms.put_key_policy(KeyId=resource.identifier, PolicyName="default", Policy=document(anyone))
    resource.refresh()
    assert resource.drift() == {
        "enableKeyRotation": PropertyChange.UPDATE,
        "policy": PropertyChange.UPDATE,
        "rotationPeriodInDays": PropertyChange.UPDATE,
    }
    imported = engine.import_resource(KEY, resource.identifier)
    assert imported.changes(description="vault", policy=document(anyone), tags={"Team": "ops"}) == {}
    resource.delete()
    described = kms.describe_key(KeyId=resource.identifier)["KeyMetadata"]
    assert described["KeyState"] == "PendingDeletion"
    assert resource.is_gone()
    resource.delete()


def test_a_key_policy_that_kms_would_refuse_is_refused(engine: Engine) -> None:
    nobody = {"AWS": "arn:aws:iam::123456789012:role/nobody"}
    uses = {"Effect": "Allow", "Principal": nobody, "Action": "kms:Encrypt", "Resource": "*"}
    with pytest.raises(AwsCallError, match=r"Invalid principal in policy: .*role/nobody"):
        engine.up(KEY, policy=key_policy(uses))
    root = {**uses, "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    with pytest.raises(AwsCallError, match="will not allow you to update the key policy"):
        engine.up(KEY, policy=document(root))


def test_a_kms_alias_is_created_moved_and_deleted(engine: Engine) -> None:
    first, second = engine.up(KEY, "first"), engine.up(KEY, "second", deletionWindowInDays=7)
    resource = engine.up(ALIAS, name="alias/vault", targetKeyId=first.state["keyId"])
    assert resource.identifier == "alias/vault"
    assert resource.state["arn"] == "arn:aws:kms:us-east-1:123456789012:alias/vault"
    assert resource.state["targetKeyArn"] == first.state["arn"]
    assert resource.changes(name="alias/vault", targetKeyId=first.state["arn"]) == {}
    resource.update(name="alias/vault", targetKeyId=second.state["keyId"])
    assert resource.state["targetKeyArn"] == second.state["arn"]
    assert resource.changes(name="alias/other", targetKeyId=second.state["keyId"]) == {
        "name": PropertyChange.REPLACE
    }
    with pytest.raises(AwsCallError, match="AlreadyExistsException"):
        engine.up(ALIAS, "twice", name="alias/vault", targetKeyId=first.state["keyId"])
    with pytest.raises(AwsCallError, match="NotFoundException"):
        engine.up(ALIAS, "astray", name="alias/astray", targetKeyId="7b6f2e5c-0000-4000-8000-000000000000")
    second.delete()
    with pytest.raises(AwsCallError, match="pending deletion"):
        engine.up(ALIAS, "late", name="alias/late", targetKeyId=second.state["keyId"])
    resource.delete()
    assert resource.is_gone()


def test_an_iam_role_is_created_updated_and_deleted(service: Service, engine: Engine) -> None:
    iam = service.client("iam")
    inputs = {"name": "writer", "assumeRolePolicy": trust(), "maxSessionDuration": 7200}
    resource = engine.up(ROLE, **inputs, description="adds", tags={"Team": "ops"})
    assert resource.identifier == "writer"
    assert resource.state["arn"] == "arn:aws:iam::123456789012:role/writer"
    assert resource.state["uniqueId"].startswith("AROA")
    resource.update(**{**inputs, "assumeRolePolicy": trust("ec2.amazonaws.com")}, tags={"Team": "dev"})
    resource.update(**inputs)
    assert resource.changes(**{**inputs, "name": "reader"}) == {"name": PropertyChange.REPLACE}
    iam.update_assume_role_policy(RoleName="writer", PolicyDocument=trust("lambda.amazonaws.com"))
    iam.update_role(RoleName="writer", MaxSessionDuration=3600)
    resource.refresh()
    assert resource.drift() == {
        "assumeRolePolicy": PropertyChange.UPDATE,
        "maxSessionDuration": PropertyChange.UPDATE,
    }
    with pytest.raises(AwsCallError, match="EntityAlreadyExists"):
        engine.up(ROLE, "twice", **inputs)
    allows = document({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    iam.put_role_policy(RoleName="writer", PolicyName="extra", PolicyDocument=allows)
    with pytest.raises(AwsCallError, match="DeleteConflict"):
        resource.delete()
    iam.delete_role_policy(RoleName="writer", PolicyName="extra")
    resource.delete()
    assert resource.is_gone()


def test_a_role_policy_is_created_updated_imported_and_deleted(service: Service, engine: Engine) -> None:
    engine.up(ROLE, "holder", name="holder", assumeRolePolicy=trust())

    def allows(action: str) -> str:
        return document({"Effect": "Allow", "Action": [action], "Resource": "*"})

    inputs = {"name": "writes", "role": "holder"}
    resource = engine.up(ROLE_POLICY, **inputs, policy=allows("s3:PutObject"))
    assert resource.identifier == "holder:writes"
    resource.update(**inputs, policy=allows("s3:GetObject"))
    iam = service.client("iam")
    iam.put_role_policy(RoleName="holder", PolicyName="writes", PolicyDocument=allows("s3:*"))
    resource.refresh()
    assert resource.drift() == {"policy": PropertyChange.UPDATE}
    imported = engine.import_resource(ROLE_POLICY, "holder:writes")
    assert imported.changes(**inputs, policy=allows("s3:*")) == {}
    resource.delete()
    assert resource.is_gone()


def allow_reading(*buckets: str) -> str:
    names = [f"arn:aws:s3:::{bucket}" for bucket in buckets]
    return document({"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": names})


def test_a_managed_policy_is_updated_by_a_new_version_of_at_most_five(
    service: Service, engine: Engine
) -> None:
    iam = service.client("iam")
    resource = engine.up(MANAGED_POLICY, name="most", policy=allow_reading("a"), tags={"Team": "ops"})
    arn = "arn:aws:iam::123456789012:policy/most"
    assert (resource.identifier, resource.state["arn"]) == (arn, arn)
    for bucket in "bcdefg":
        resource.update(name="most", policy=allow_reading("a", bucket))
    assert len(iam.list_policy_versions(PolicyArn=arn)["Versions"]) == 5
    assert json.loads(resource.state["policy"]) == json.loads(allow_reading("a", "g"))
    assert resource.changes(name="more", policy=allow_reading("a", "g")) == {"name": PropertyChange.REPLACE}
    iam.delete_policy_version(PolicyArn=arn, VersionId="v3")
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=allow_reading("z"), SetAsDefault=True)
    resource.refresh()
    assert resource.drift() == {"policy": PropertyChange.UPDATE}
    resource.delete()
    assert resource.is_gone()


@pytest.mark.parametrize(
    ("kind", "wanted"), [(INLINE_LIST, {"policyNames": ["own"]}), (ATTACHED_LIST, {"policyArns": []})]
)
def test_the_list_of_a_roles_policies_takes_away_what_is_not_in_it(
    service: Service, engine: Engine, kind: str, wanted: dict[str, list[str]]
) -> None:
    iam, name = service.client("iam"), kind.rpartition(":")[2]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=allow_reading("a"))
    resource = engine.up(kind, roleName=name, **wanted)
    assert resource.identifier == name
    iam.put_role_policy(RoleName=name, PolicyName="evil", PolicyDocument=allow_reading("b"))
    made = iam.create_policy(PolicyName=name, PolicyDocument=allow_reading("b"))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn=made)
    resource.refresh()
    assert resource.drift() == dict.fromkeys(wanted, PropertyChange.UPDATE)
    resource.update(roleName=name, **wanted)
    if kind == INLINE_LIST:
        assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ["own"]
        with pytest.raises(AwsCallError, match="the policy missing is not there"):
            resource.update(roleName=name, policyNames=["own", "missing"])
    else:
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        resource.update(roleName=name, policyArns=[made])
        assert len(iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]) == 1
    # Its deletion takes no policy away.
    resource.delete()
    assert "own" in iam.list_role_policies(RoleName=name)["PolicyNames"]


def test_an_oidc_provider_is_created_updated_and_deleted(engine: Engine) -> None:
    url = "https://token.actions.githubusercontent.com"
    resource = engine.up(OIDC, url=url, clientIdLists=["sts.amazonaws.com"], tags={"Team": "ops"})
    arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
    assert (resource.identifier, resource.state["arn"]) == (arn, arn)
    resource.update(url=url, clientIdLists=["other", "sts.amazonaws.com"], thumbprintLists=["a" * 40])
    assert resource.changes(url="https://example.com", clientIdLists=["sts.amazonaws.com", "other"]) == {
        "url": PropertyChange.REPLACE
    }
    with pytest.raises(AwsCallError, match="EntityAlreadyExists"):
        engine.up(OIDC, "twice", url=url, clientIdLists=["sts.amazonaws.com"])
    resource.delete()
    assert resource.is_gone()


def test_default_tags_are_added_and_a_change_of_them_is_an_update(engine: Engine) -> None:
    tagging = Engine(defaultTags='{"tags": {"Project": "bulwark", "Team": "ops"}}')
    resource = tagging.up(BUCKET, bucket="tagged-bucket", tags={"Team": "dev"})
    assert resource.state["tags"] == {"Team": "dev"}
    assert resource.state["tagsAll"] == {"Project": "bulwark", "Team": "dev"}
    resource.resource_type = engine.stand_in.resource_type(BUCKET)
    assert resource.changes(bucket="tagged-bucket", tags={"Team": "dev"}) == {
        "tags": PropertyChange.UPDATE,
        "tagsAll": PropertyChange.UPDATE,
    }


def test_a_resource_can_name_a_region_of_its_own(service: Service, engine: Engine) -> None:
    resource = create_bucket(engine, "frankfurt-bucket", region="eu-central-1")
    assert resource.state["bucketRegionalDomainName"] == "frankfurt-bucket.s3.eu-central-1.amazonaws.com"
    assert resource.changes(bucket="frankfurt-bucket") == {"region": PropertyChange.REPLACE}
    key = engine.up(KEY, region="eu-central-1")
    assert ":eu-central-1:" in key.state["arn"]
    assert service.client("kms", "eu-central-1").describe_key(KeyId=key.identifier)


@pytest.mark.usefixtures("service")
def test_another_account_is_reached_by_a_profile() -> None:
    other = Engine(**THERE)
    key = other.up(KEY)
    assert key.state["arn"].startswith("arn:aws:kms:us-east-1:210987654321:key/")
    identity = other.stand_in.invoke("aws:index/getCallerIdentity:getCallerIdentity", {})
    assert identity["accountId"] == "210987654321"
    with pytest.raises(StandInError, match="AWS account ID not allowed: 123456789012"):
        Engine(allowedAccountIds='["210987654321"]')
    for accounts in ('["999999999999"]', '["123456789012", "210987654321"]'):
        with pytest.raises(StandInError, match="signs in to no account of the twin"):
            Engine(profile="there", allowedAccountIds=accounts)


def test_a_preview_plans_known_values_without_a_request(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(engine.stand_in.account), "client", None)
    kind = engine.stand_in.resource_type(BUCKET)
    planned = kind.plan({}, {"bucket": "planned", "tags": {"a": UNKNOWN}})
    assert planned["arn"] is UNKNOWN
    assert planned["tagsAll"] is UNKNOWN
    assert (planned["bucket"], planned["region"]) == ("planned", "us-east-1")
    policy = engine.stand_in.resource_type(POLICY)
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
    resource = Resource(engine.stand_in.resource_type(token), token, "repeated")
    resource.check(inputs)
    resource.set_urn()
    first, _ = resource.resource_type.create(resource.inputs)  # its answer never reached the engine
    again, _ = resource.resource_type.create(resource.inputs)
    assert again == first
    resource.resource_type.read(first, {}, {})  # now the engine knows
    if token == KEY:
        assert resource.resource_type.create(resource.inputs)[0] != first
    else:
        with pytest.raises(AwsCallError, match="Already"):
            resource.resource_type.create(resource.inputs)


def test_a_service_that_is_down_is_named_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("BULWARK_TWIN", str(tmp_path))
    lonely = Engine()
    with pytest.raises(StandInError, match=r"does not answer at http://127.0.0.1:\d+; `./bulwark up`"):
        lonely.stand_in.resource_type(KEY).create({})


def test_a_secrets_newest_version_is_its_value_and_the_one_before_it_is_kept(
    engine: Engine, service: Service
) -> None:
    client = service.client("secretsmanager")
    secret = engine.up(SECRET, "a-secret", name="example/jobs/a", recoveryWindowInDays=7)
    first = engine.up(SECRET_VERSION, "value", secretId=secret.identifier, secretString="one")
    assert first.changes(secretId=secret.identifier, secretString="two") == {
        "secretString": PropertyChange.REPLACE
    }
    engine.up(SECRET_VERSION, "value", secretId=secret.identifier, secretString="two")
    first.delete()
    assert client.get_secret_value(SecretId="example/jobs/a")["SecretString"] == "two"
    before = client.get_secret_value(SecretId="example/jobs/a", VersionStage="AWSPREVIOUS")
    assert before["SecretString"] == "one"
    denial = {"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:DeleteSecret", "Resource": "*"}
    policy = document(denial)
    secret.update(name="example/jobs/a", recoveryWindowInDays=7, description="of a", policy=policy)
    assert secret.changes(name="example/jobs/b", recoveryWindowInDays=7) == {
        "name": PropertyChange.REPLACE,
        "description": PropertyChange.UPDATE,
    }


def test_a_deleted_secret_can_be_restored_until_its_window_ends(engine: Engine, service: Service) -> None:
    client = service.client("secretsmanager")
    kept = engine.up(SECRET, "kept", name="kept")
    at_once = engine.up(SECRET, "at-once", name="at-once", recoveryWindowInDays=0)
    for secret in (kept, at_once):
        secret.delete()
        assert secret.is_gone()
    assert client.restore_secret(SecretId="kept")["Name"] == "kept"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_secret(SecretId="at-once")


TOPIC = "aws:sns/topic:Topic"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
EVENT_RULE = "aws:cloudwatch/eventRule:EventRule"
EVENT_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
TRAIL = "aws:cloudtrail/trail:Trail"


def test_a_topic_and_its_subscriptions_live(engine: Engine) -> None:
    topic = engine.up(TOPIC, "topic", name="alarms", tags={"a": "1"})
    arn = topic.identifier
    assert arn == "arn:aws:sns:us-east-1:123456789012:alarms"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sns:Publish"}
    changed = {"name": "alarms", "displayName": "Alarms", "policy": document({**allow, "Resource": arn})}
    topic.update(**changed, tags={"b": "2"})
    assert topic.state["tagsAll"] == {"b": "2"}
    assert topic.changes(name="other") == {
        "displayName": PropertyChange.UPDATE,
        "name": PropertyChange.REPLACE,
        "tags": PropertyChange.UPDATE,
        "tagsAll": PropertyChange.UPDATE,
    }
    mailbox = engine.up(SUBSCRIPTION, topic=arn, protocol="email", endpoint="operations@example.com")
    assert mailbox.state["pendingConfirmation"] is True  # there is no inbox that takes SNS's message
    webhook = engine.up(
        SUBSCRIPTION,
        "hook",
        topic=arn,
        protocol="https",
        endpoint="https://127.0.0.1:1",
        rawMessageDelivery=True,
    )
    webhook.update(topic=arn, protocol="https", endpoint="https://127.0.0.1:1", rawMessageDelivery=False)
    wrong = Resource(webhook.resource_type, SUBSCRIPTION, "wrong")
    wrong.check({"topic": arn, "protocol": "https", "endpoint": "http://127.0.0.1:1"})
    with pytest.raises(AwsCallError, match="Endpoint must match the specified protocol"):
        wrong.create()
    assert (
        engine.import_resource(SUBSCRIPTION, mailbox.identifier).inputs["endpoint"]
        == "operations@example.com"
    )
    for pending in (mailbox, webhook):
        pending.delete()
        assert not pending.is_gone()  # nobody can end it; it goes with the topic
    topic.delete()
    for resource in (mailbox, webhook, topic):
        assert resource.is_gone()
        resource.delete()


def test_an_event_rule_and_its_target_live(engine: Engine) -> None:
    rule = engine.up(EVENT_RULE, "rule", name="rule-of-keys", eventPattern='{"source": ["aws.kms"]}')
    assert rule.state["arn"] == "arn:aws:events:us-east-1:123456789012:rule/rule-of-keys"
    assert rule.changes(name="rule-of-keys", eventPattern='{ "source":["aws.kms"] }') == {}
    rule.update(name="rule-of-keys", eventPattern='{"source": ["aws.s3"]}', state="DISABLED", tags={"a": "1"})
    assert rule.refused_inputs(name="rule", eventPattern="{") == ["eventPattern"]
    topic = engine.up(TOPIC, "told", name="told")
    to = {"rule": "rule-of-keys", "targetId": "the-topic", "arn": topic.identifier}
    target = engine.up(EVENT_TARGET, "target", **to)
    assert target.identifier == "rule-of-keys-the-topic"
    target.update(**to, inputTransformer={"inputPaths": {"at": "$.time"}, "inputTemplate": '"<at>"'})
    assert engine.import_resource(EVENT_TARGET, target.identifier).inputs["targetId"] == "the-topic"
    for resource in (target, rule, topic):
        resource.delete()
        assert resource.is_gone()
        resource.delete()


def test_a_trail_lives_and_writes_where_it_may(engine: Engine) -> None:
    bucket = create_bucket(engine, "trail-record")
    given = {"name": "trail", "s3BucketName": "trail-record", "isMultiRegionTrail": True}
    refused = Resource(engine.stand_in.resource_type(TRAIL), TRAIL, "refused")
    refused.check(given)
    with pytest.raises(AwsCallError, match="InsufficientS3BucketPolicyException"):
        refused.create()
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudtrail.amazonaws.com"},
        "Action": "s3:PutObject",
    }
    written = "arn:aws:s3:::trail-record/AWSLogs/123456789012/*"
    engine.up(POLICY, bucket="trail-record", policy=document({**allow, "Resource": written}))
    trail = engine.up(TRAIL, "trail", **given)
    assert trail.identifier == "arn:aws:cloudtrail:us-east-1:123456789012:trail/trail"
    assert (trail.state["homeRegion"], trail.state["enableLogging"]) == ("us-east-1", True)
    management = [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]}]
    more = {"enableLogFileValidation": True, "advancedEventSelectors": management, "tags": {"a": "1"}}
    trail.update(**given, **more)
    trail.update(**given, **more, enableLogging=False)
    assert trail.changes(**{**given, "name": "other"}, **more)["name"] == PropertyChange.REPLACE
    for resource in (trail, bucket):
        resource.delete()
        assert resource.is_gone()
    trail.delete()

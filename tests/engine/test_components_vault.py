"""The two production vaults and their access logs, as the engine holds them."""

from typing import Any

import boto3
import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from deployment import Deployment

VAULTS = {
    "backups-vault": ("aws", "eu-west-1"),
    "backups-replica": ("aws-replica", "eu-north-1"),
}
LOCK_DAYS = 30

both = pytest.mark.parametrize("vault", VAULTS)


@both
def test_its_children_are_these(production: Deployment, vault: str) -> None:
    assert production.children(vault) == {
        f"{vault}-key": "aws:kms/key:Key",
        f"{vault}-key-alias": "aws:kms/alias:Alias",
        f"{vault}-bucket": "aws:s3/bucket:Bucket",
        f"{vault}-versioning": "aws:s3/bucketVersioning:BucketVersioning",
        f"{vault}-lock": "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        f"{vault}-encryption": (
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
        ),
        f"{vault}-public-access": "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        f"{vault}-ownership": "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        f"{vault}-policy": "aws:s3/bucketPolicy:BucketPolicy",
        f"{vault}-lifecycle": "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        f"{vault}-logging": "aws:s3/bucketLogging:BucketLogging",
        f"{vault}-access-log": "bulwark:index:AccessLog",
    }


@both
def test_everything_of_it_is_in_its_own_region(production: Deployment, vault: str) -> None:
    provider, region = VAULTS[vault]
    children = [*production.children(vault), *production.children(f"{vault}-access-log")]
    below = [production[name] for name in children if production[name].custom]
    assert len(below) == 17
    assert {found.provider for found in below} == {provider}
    assert f":{region}:" in production[f"{vault}-key"].outputs["arn"]


@both
def test_it_tells_policies_where_it_is_and_how_long_it_keeps_what(production: Deployment, vault: str) -> None:
    assert production[vault].inputs == {
        "failureDomain": {"provider": "aws", "account": "123456789012", "region": VAULTS[vault][1]},
        "lockDays": LOCK_DAYS,
        "tiers": {
            "database/daily/": 35,
            "database/weekly/": 98,
            "database/monthly/": 400,
            "state/": 98,
            "evidence/": 400,
            "files/": 30,
            "manifests/": 30,
        },
    }


@both
def test_bucket_and_lock_outlast_anyone(production: Deployment, vault: str) -> None:
    region = VAULTS[vault][1]
    assert production[f"{vault}-bucket"].inputs == {
        "bucket": f"example-vault-123456789012-{region}",
        "objectLockEnabled": True,
        "forceDestroy": False,
    }
    assert production[f"{vault}-lock"].inputs["rule"] == {
        "defaultRetention": {"mode": "COMPLIANCE", "days": LOCK_DAYS}
    }
    assert production[f"{vault}-versioning"].inputs["versioningConfiguration"] == {"status": "Enabled"}


@both
def test_lock_and_lifecycle_wait_for_versioning_and_the_policy_for_the_public_access_block(
    production: Deployment, vault: str
) -> None:
    bucket = f"{vault}-bucket"
    assert production[f"{vault}-versioning"].dependencies == {bucket}
    assert production[f"{vault}-lock"].dependencies == {bucket, f"{vault}-versioning"}
    assert production[f"{vault}-lifecycle"].dependencies == {bucket, f"{vault}-versioning"}
    assert production[f"{vault}-policy"].dependencies == {bucket, f"{vault}-public-access"}
    assert production[f"{vault}-encryption"].property_dependencies == {
        "bucket": {bucket},
        "rules": {f"{vault}-key"},
    }


@both
def test_everything_is_encrypted_with_the_vaults_own_rotating_key(production: Deployment, vault: str) -> None:
    key = production[f"{vault}-key"]
    assert key.inputs["enableKeyRotation"] is True
    assert key.inputs["rotationPeriodInDays"] == 365
    assert key.inputs["deletionWindowInDays"] == 30
    # Roles know the key by this alias, so it has to be this key's.
    assert production[f"{vault}-key-alias"].inputs == {
        "name": f"alias/example-vault-{VAULTS[vault][1]}",
        "targetKeyId": key.outputs["keyId"],
    }
    assert production[f"{vault}-encryption"].inputs["rules"] == [
        {
            "applyServerSideEncryptionByDefault": {
                "sseAlgorithm": "aws:kms",
                "kmsMasterKeyId": key.outputs["arn"],
            },
            "bucketKeyEnabled": True,
        }
    ]


@both
def test_the_key_is_administered_by_its_account_alone(production: Deployment, vault: str) -> None:
    assert production[f"{vault}-key"].policy() == {
        "AccountAdministers": {
            "Sid": "AccountAdministers",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        }
    }


@pytest.mark.parametrize("bucket", [*VAULTS, *(f"{vault}-access-log" for vault in VAULTS)])
def test_nothing_is_public_and_no_acl_counts(production: Deployment, bucket: str) -> None:
    block = dict(production[f"{bucket}-public-access"].inputs)
    assert block.pop("bucket") == production[f"{bucket}-bucket"].id
    assert block == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    assert production[f"{bucket}-ownership"].inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@both
def test_the_bucket_policy_only_ever_refuses(production: Deployment, vault: str) -> None:
    statements = production[f"{vault}-policy"].policy()
    assert list(statements) == [
        "OnlyTls",
        "OnlyCurrentTls",
        "OnlyDefaultEncryption",
        "NoOwnKey",
        "WriterOnlyAdds",
    ]
    assert {statement["Effect"] for statement in statements.values()} == {"Deny"}
    assert {statement["Principal"] for statement in statements.values()} == {"*"}
    bucket = production[f"{vault}-bucket"].outputs["arn"]
    for sid, condition in {
        "OnlyTls": {"Bool": {"aws:SecureTransport": "false"}},
        "OnlyCurrentTls": {"NumericLessThan": {"s3:TlsVersion": "1.2"}},
    }.items():
        assert statements[sid]["Action"] == "s3:*"
        assert statements[sid]["Resource"] == [bucket, f"{bucket}/*"]
        assert statements[sid]["Condition"] == condition
    header = "s3:x-amz-server-side-encryption"
    # A header that is there is refused, whatever it names.
    for sid, key in {"OnlyDefaultEncryption": header, "NoOwnKey": f"{header}-customer-algorithm"}.items():
        assert statements[sid]["Action"] == "s3:PutObject"
        assert statements[sid]["Resource"] == f"{bucket}/*"
        assert statements[sid]["Condition"] == {"Null": {key: "false"}}
    assert statements["WriterOnlyAdds"]["Condition"] == {
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/example-backup-writer"}
    }
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} <= set(
        statements["WriterOnlyAdds"]["Action"]
    )


@both
def test_lifecycle_keeps_each_tier_as_long_as_the_settings_say(production: Deployment, vault: str) -> None:
    rules = {rule["id"]: rule for rule in production[f"{vault}-lifecycle"].inputs["rules"]}
    assert {rule["status"] for rule in rules.values()} == {"Enabled"}
    tiers = {
        "database-daily": ("database/daily/", 35),
        "database-weekly": ("database/weekly/", 98),
        "database-monthly": ("database/monthly/", 400),
        "state": ("state/", 98),
        "evidence": ("evidence/", 400),
        "manifests": ("manifests/", 30),
    }
    for name, (prefix, days) in tiers.items():
        assert rules.pop(name) == {
            "id": name,
            "status": "Enabled",
            "filter": {"prefix": prefix},
            "expiration": {"days": days},
            "noncurrentVersionExpiration": {"noncurrentDays": LOCK_DAYS},
        }
    # What is gone at the source is hidden by its tag; as an earlier version it is kept like what was changed.
    assert rules.pop("files-gone") == {
        "id": "files-gone",
        "status": "Enabled",
        "filter": {"and": {"prefix": "files/", "tags": {"bulwark-gone": "yes"}}},
        "expiration": {"days": 1},
    }
    # A file lives as long as its source; 30 days of what was changed or deleted there are kept.
    assert rules.pop("files") == {
        "id": "files",
        "status": "Enabled",
        "filter": {"prefix": "files/"},
        "noncurrentVersionExpiration": {"noncurrentDays": 30},
    }
    assert rules.pop("clean-up") == {
        "id": "clean-up",
        "status": "Enabled",
        "filter": {"prefix": ""},
        "expiration": {"expiredObjectDeleteMarker": True},
        "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
    }
    assert rules == {}


@both
def test_nothing_expires_before_its_lock_ends(production: Deployment, vault: str) -> None:
    days = [
        *(
            days
            for rule in production[f"{vault}-lifecycle"].inputs["rules"]
            if rule["id"] != "files-gone"
            for days in (
                rule.get("expiration", {}).get("days"),
                rule.get("noncurrentVersionExpiration", {}).get("noncurrentDays"),
            )
            if days is not None
        )
    ]
    assert len(days) == 13
    assert min(days) >= LOCK_DAYS


@both
def test_the_access_log_takes_only_the_log_of_its_own_vault(production: Deployment, vault: str) -> None:
    log, region = f"{vault}-access-log", VAULTS[vault][1]
    assert production.children(log) == {
        f"{log}-bucket": "aws:s3/bucket:Bucket",
        f"{log}-public-access": "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        f"{log}-ownership": "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        f"{log}-encryption": (
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
        ),
        f"{log}-lifecycle": "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        f"{log}-policy": "aws:s3/bucketPolicy:BucketPolicy",
    }
    bucket = f"example-access-log-123456789012-{region}"
    assert production[f"{log}-bucket"].inputs == {"bucket": bucket, "forceDestroy": False}
    assert production[f"{log}-encryption"].inputs["rules"] == [
        {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    ]
    statements = production[f"{log}-policy"].policy()
    assert statements.keys() == {"OnlyTls", "LogDelivery"}
    assert statements["LogDelivery"] == {
        "Sid": "LogDelivery",
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": production[f"{vault}-bucket"].outputs["arn"]},
            "StringEquals": {"aws:SourceAccount": "123456789012"},
        },
    }
    (rule,) = production[f"{log}-lifecycle"].inputs["rules"]
    assert rule["expiration"] == {"days": 90}
    assert production[f"{vault}-logging"].inputs == {
        "bucket": production[f"{vault}-bucket"].id,
        "targetBucket": bucket,
        "targetPrefix": "example-vault/",
    }
    # Logging is switched on only when the log's policy lets the delivery in.
    assert f"{log}-policy" in production[f"{vault}-logging"].dependencies


def test_the_backups_are_two_vaults_their_replication_and_who_may_touch_them(production: Deployment) -> None:
    assert production.children("backups") == {
        "backups-vault": "bulwark:index:Vault",
        "backups-replica": "bulwark:index:Vault",
        "backups-replicator": "aws:iam/role:Role",
        "backups-replicator-policy": "aws:iam/rolePolicy:RolePolicy",
        "backups-replication": "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        "backups-identity": "bulwark:index:Identity",
    }


def test_replication_waits_for_versioning_on_both_sides_and_for_its_permission(
    production: Deployment,
) -> None:
    replication = production["backups-replication"]
    assert {"backups-vault-versioning", "backups-replica-versioning", "backups-replicator-policy"} <= (
        replication.dependencies
    )
    assert replication.provider == "aws"
    replica = production["backups-replica-bucket"].outputs["arn"]
    assert replication.inputs["rules"] == [
        {
            "id": "everything",
            "status": "Enabled",
            "priority": 1,
            "filter": {"prefix": ""},
            "deleteMarkerReplication": {"status": "Disabled"},
            "sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}},
            "destination": {
                "bucket": replica,
                "storageClass": "STANDARD_IA",
                "encryptionConfiguration": {
                    "replicaKmsKeyId": production["backups-replica-key"].outputs["arn"]
                },
                "replicationTime": {"status": "Enabled", "time": {"minutes": 15}},
                "metrics": {"status": "Enabled", "eventThreshold": {"minutes": 15}},
            },
        }
    ]


def test_the_replicator_reads_one_bucket_writes_the_other_and_deletes_in_neither(
    production: Deployment,
) -> None:
    source = production["backups-vault-bucket"].outputs["arn"]
    replica = production["backups-replica-bucket"].outputs["arn"]
    statements = production["backups-replicator-policy"].policy()
    resources = {sid: statement["Resource"] for sid, statement in statements.items()}
    # What the last two mean by a key is told in test_components_identity.
    keys = {resources.pop("Decrypt"), resources.pop("Encrypt")}
    assert keys == {f"arn:aws:kms:{region}:123456789012:key/*" for _, region in VAULTS.values()}
    assert resources == {
        "ReadSource": source,
        "ReadVersions": f"{source}/*",
        "WriteReplica": f"{replica}/*",
    }
    actions = {
        action
        for statement in statements.values()
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    }
    assert not [action for action in actions if "Delete" in action or "*" in action]
    (trust,) = production["backups-replicator"].policy("assumeRolePolicy").values()
    assert trust["Principal"] == {"Service": "s3.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_the_replicators_policy_waits_for_its_role(production: Deployment) -> None:
    policy = production["backups-replicator-policy"]
    assert policy.inputs["role"] == "example-vault-replicator"
    assert policy.property_dependencies == {"role": {"backups-replicator"}}


def test_nothing_of_the_replica_is_made_before_the_replication_role(production: Deployment) -> None:
    # In another account the replica's bucket and key policies name that role, and AWS refuses one that is not
    # there. A component's children are registered after what the component itself depends on.
    assert production["backups-replica"].dependencies == {"backups-replicator"}
    made = list(production.resources)
    for name in ("backups-replica", *production.children("backups-replica")):
        assert made.index("backups-replicator") < made.index(name), name


def _s3(production: Deployment, region: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{production.installation.home.port('aws')}",
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.mark.parametrize("named", VAULTS)
def test_an_upload_that_leaves_encryption_to_the_bucket_is_taken_and_one_that_names_any_refused(
    production: Deployment, named: str
) -> None:
    bucket = production["backups-vault-bucket"].id
    s3 = _s3(production, "eu-west-1")
    taken = s3.put_object(Bucket=bucket, Key="evidence/of-a-test.txt", Body=b"proof")
    assert taken["ServerSideEncryption"] == "aws:kms"
    # Without a key id, aws:kms is the account's shared key.
    for weaker in ("AES256", "aws:kms"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(
                Bucket=bucket, Key="evidence/of-a-test.txt", Body=b"proof", ServerSideEncryption=weaker
            )
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(
            Bucket=bucket,
            Key="evidence/of-a-test.txt",
            Body=b"proof",
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=production[f"{named}-key"].outputs["arn"],
        )

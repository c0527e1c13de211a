"""What the aws stand-in refuses before anything is created, by the name of the input."""

import json
from typing import Any

import pytest

from twin.aws.provider.bucket import find_name_problem
from twin.aws.provider.documents import normalize_document
from twin.aws.provider.stand_in import AwsStandIn
from twin.provider.server import StandInError
from twin.provider.values import UNKNOWN

KMS = {"sseAlgorithm": "aws:kms"}
EXPIRES = {"id": "a", "status": "Enabled", "filter": {"prefix": ""}, "expiration": {"days": 1}}
TAGGED = {"and": {"tags": {"a": "b"}}}
TRANSITION = {"days": 30, "storageClass": "STANDARD_IA"}
REPLICATES = {
    "status": "Enabled",
    "priority": 1,
    "filter": {"prefix": ""},
    "deleteMarkerReplication": {"status": "Disabled"},
    "destination": {"bucket": "arn:aws:s3:::replica"},
}
METRICS = {"status": "Enabled", "eventThreshold": {"minutes": 15}}
SOURCE = {"sourceSelectionCriteria": {"sseKmsEncryptedObjects": {"status": "Enabled"}}}
ROLE = "arn:aws:iam::123456789012:role/replicator"
TRUST = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
GITHUB = {
    "Effect": "Allow",
    "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"},
    "Action": "sts:AssumeRoleWithWebIdentity",
}
USES = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::vault/*"}
SERVES = {**USES, "Principal": "*"}


def stand_in() -> AwsStandIn:
    made = AwsStandIn()
    made.configure({"region": "us-east-1"})
    return made


def document(*statements: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


def lifecycle(**changed: Any) -> dict[str, Any]:
    return {"bucket": "vault", "rules": [EXPIRES | changed]}


def replication(**changed: Any) -> dict[str, Any]:
    return {"bucket": "vault", "role": ROLE, "rules": [REPLICATES | changed]}


def destination(**more: Any) -> dict[str, Any]:
    return replication(destination={"bucket": "arn:aws:s3:::replica", **more})


def encryption(**default: Any) -> dict[str, Any]:
    return {"bucket": "vault", "rules": [{"applyServerSideEncryptionByDefault": default}]}


def retention(**default: Any) -> dict[str, Any]:
    return {"bucket": "vault", "rule": {"defaultRetention": default}}


def role(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "r", "assumeRolePolicy": document(*statements or (TRUST,)), **more}


def role_policy(*statements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "p", "role": "r", "policy": document(*statements, **more)}


def bucket_policy(**changed: Any) -> dict[str, Any]:
    return {"bucket": "vault", "policy": document(SERVES | changed)}


OIDC = {"url": "https://token.actions.githubusercontent.com", "clientIdLists": ["sts.amazonaws.com"]}
RULE_0 = "rules[0]"
BY_DEFAULT = "rules[0].applyServerSideEncryptionByDefault"

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("s3/bucket:Bucket", {"buckett": "vault"}, "buckett"),
    ("s3/bucket:Bucket", {"bucket": "Vault"}, "bucket"),
    ("s3/bucket:Bucket", {"bucket": "vault", "bucketPrefix": "v"}, "bucketPrefix"),
    ("s3/bucket:Bucket", {"bucketPrefix": "v" * 38}, "bucketPrefix"),
    ("s3/bucket:Bucket", {"bucket": "vault", "forceDestroy": "yes"}, "forceDestroy"),
    ("s3/bucket:Bucket", {"bucket": "vault", "tags": ["a"]}, "tags"),
    ("s3/bucket:Bucket", {"bucket": "vault", "versioning": {"enabled": True}}, "versioning"),
    ("s3/bucketVersioning:BucketVersioning", {"bucket": "vault"}, "versioningConfiguration"),
    (
        "s3/bucketVersioning:BucketVersioning",
        {"bucket": "vault", "versioningConfiguration": {"status": "On"}},
        "versioningConfiguration.status",
    ),
    ("s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", {}, "bucket"),
    *(
        ("s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", inputs, path)
        for inputs, path in [
            (retention(mode="GOVERNANCE", days=1, years=1), "rule.defaultRetention.years"),
            (retention(mode="GOVERNANCE"), "rule.defaultRetention"),
            (retention(mode="GOVERNANCE", days=0), "rule.defaultRetention.days"),
            (retention(mode="GOVERNANCE", years=101), "rule.defaultRetention.years"),
            (retention(mode="SOFT", days=1), "rule.defaultRetention.mode"),
            (retention(days=1), "rule.defaultRetention.mode"),
        ]
    ),
    *(
        (
            "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            inputs,
            path,
        )
        for inputs, path in [
            (encryption(sseAlgorithm="AES"), f"{BY_DEFAULT}.sseAlgorithm"),
            (encryption(sseAlgorithm="AES256", kmsMasterKeyId="k"), f"{BY_DEFAULT}.kmsMasterKeyId"),
            ({"bucket": "vault", "rules": []}, "rules"),
            ({"bucket": "vault"}, "rules"),
        ]
    ),
    (
        "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        {"bucket": "vault", "blockPublicAcl": True},
        "blockPublicAcl",
    ),
    (
        "s3/bucketOwnershipControls:BucketOwnershipControls",
        {"bucket": "vault", "rule": {"objectOwnership": "Owner"}},
        "rule.objectOwnership",
    ),
    ("s3/bucketLogging:BucketLogging", {"bucket": "vault", "targetBucket": "logs"}, "targetPrefix"),
    *(
        ("s3/bucketPolicy:BucketPolicy", inputs, "policy")
        for inputs in [
            {"bucket": "vault", "policy": "{"},
            {"bucket": "vault", "policy": "[]"},
            {"bucket": "vault", "policy": json.dumps({"Statement": [SERVES]})},
            {"bucket": "vault", "policy": document()},
            {"bucket": "vault", "policy": document(SERVES, Comment="no")},
            {"bucket": "vault", "policy": document({**SERVES, "Sid": "a"}, {**SERVES, "Sid": "a"})},
            {"bucket": "vault", "policy": document(USES)},
            bucket_policy(Effect="Permit"),
            bucket_policy(Resources="*"),
            bucket_policy(NotAction="s3:GetObject"),
            bucket_policy(Action=[]),
            bucket_policy(Action="PutObject"),
            bucket_policy(Resource="arn:aws:s3:::other/*"),
            bucket_policy(Resource="arn:aws:s3:::vault"),
            bucket_policy(Action=["s3:PutObject", "s3:ListBucket"]),
        ]
    ),
    *(
        ("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", inputs, path)
        for inputs, path in [
            ({"bucket": "vault", "rules": []}, "rules"),
            ({"bucket": "vault", "rules": [EXPIRES, EXPIRES]}, "rules"),
            (lifecycle(status="On"), "rules[0].status"),
            (lifecycle(filter=None), RULE_0),
            (lifecycle(prefix="x"), "rules[0].prefix"),
            (lifecycle(filter={"prefix": "a", "tag": {"key": "a", "value": "b"}}), "rules[0].filter.tag"),
            (lifecycle(expiration=None), RULE_0),
            (lifecycle(expiration={}), RULE_0),
            (lifecycle(expiration={"days": 0}), "rules[0].expiration"),
            (lifecycle(expiration={"days": 1, "date": "2030-01-01T00:00:00Z"}), "rules[0].expiration"),
            (lifecycle(expiration={"date": "2030-01-01"}), "rules[0].expiration.date"),
            (lifecycle(filter=TAGGED, expiration={"expiredObjectDeleteMarker": True}), RULE_0),
            (lifecycle(filter=TAGGED, abortIncompleteMultipartUpload={"daysAfterInitiation": 1}), RULE_0),
            (
                lifecycle(noncurrentVersionExpiration={"noncurrentDays": 0}),
                "rules[0].noncurrentVersionExpiration.noncurrentDays",
            ),
            (
                lifecycle(noncurrentVersionExpiration={"newerNoncurrentVersions": 1}),
                "rules[0].noncurrentVersionExpiration.noncurrentDays",
            ),
            (lifecycle(expiration={"days": 30}, transitions=[TRANSITION]), RULE_0),
            (lifecycle(expiration={"days": 40}, transitions=[TRANSITION | {"days": 29}]), RULE_0),
            (
                lifecycle(expiration={"days": 40}, transitions=[TRANSITION | {"storageClass": "COLD"}]),
                "rules[0].transitions[0].storageClass",
            ),
        ]
    ),
    *(
        ("s3/bucketReplicationConfig:BucketReplicationConfig", inputs, path)
        for inputs, path in [
            ({**replication(), "role": "replicator"}, "role"),
            ({**replication(), "rules": []}, "rules"),
            ({**replication(), "rules": [REPLICATES, REPLICATES]}, "rules"),
            (replication(priority=None), "rules[0].priority"),
            (replication(deleteMarkerReplication=None), "rules[0].deleteMarkerReplication"),
            (destination(bucket="replica"), "rules[0].destination.bucket"),
            (destination(storageClass="COLD"), "rules[0].destination.storageClass"),
            (destination(encryptionConfiguration={"replicaKmsKeyId": "k"}), RULE_0),
            (replication(**SOURCE), RULE_0),
            (
                destination(replicationTime={"status": "Enabled", "time": {"minutes": 15}}),
                "rules[0].destination.metrics",
            ),
            (
                destination(metrics=METRICS, replicationTime={"status": "Enabled", "time": {"minutes": 60}}),
                "rules[0].destination.replicationTime.time.minutes",
            ),
            (
                destination(accessControlTranslation={"owner": "Destination"}),
                "rules[0].destination.account",
            ),
        ]
    ),
    *(
        ("kms/key:Key", inputs, path)
        for inputs, path in [
            ({"deletionWindowInDays": 6}, "deletionWindowInDays"),
            ({"deletionWindowInDays": 31}, "deletionWindowInDays"),
            ({"rotationPeriodInDays": 180}, "rotationPeriodInDays"),
            ({"enableKeyRotation": True, "rotationPeriodInDays": 89}, "rotationPeriodInDays"),
            ({"enableKeyRotation": True, "customerMasterKeySpec": "RSA_2048"}, "enableKeyRotation"),
            ({"keyUsage": "ENCRYPT"}, "keyUsage"),
            ({"policy": document(USES)}, "policy"),
            ({"xksKeyId": "x"}, "xksKeyId"),
        ]
    ),
    ("kms/alias:Alias", {"name": "vault", "targetKeyId": "k"}, "name"),
    ("kms/alias:Alias", {"name": "alias/aws/s3", "targetKeyId": "k"}, "name"),
    ("kms/alias:Alias", {"name": "alias/vault"}, "targetKeyId"),
    *(
        ("iam/role:Role", inputs, path)
        for inputs, path in [
            ({"name": "r"}, "assumeRolePolicy"),
            (role(maxSessionDuration=3599), "maxSessionDuration"),
            (role(maxSessionDuration=43_201), "maxSessionDuration"),
            (role(name="r" * 65), "name"),
            (role(name="a role"), "name"),
            (role(path="vaults"), "path"),
            (role({**TRUST, "Resource": "*"}), "assumeRolePolicy"),
            (role(USES), "assumeRolePolicy"),
            (role(GITHUB), "assumeRolePolicy"),
            (role(managedPolicyArns=["a"]), "managedPolicyArns"),
        ]
    ),
    ("iam/rolePolicy:RolePolicy", role_policy(SERVES), "policy"),
    ("iam/rolePolicy:RolePolicy", role_policy({"Effect": "Allow", "Action": "s3:*"}), "policy"),
    ("iam/rolePolicy:RolePolicy", role_policy({**USES, "Sid": "not allowed"}), "policy"),
    ("iam/rolePolicy:RolePolicy", role_policy({**USES, "Resource": ["a" * 10_300]}), "policy"),
    *(
        ("iam/openIdConnectProvider:OpenIdConnectProvider", OIDC | changed, path)
        for changed, path in [
            ({"url": "http://example.com"}, "url"),
            ({"clientIdLists": []}, "clientIdLists"),
            ({"clientIdLists": "sts.amazonaws.com"}, "clientIdLists"),
            ({"thumbprintLists": ["abc"]}, "thumbprintLists[0]"),
        ]
    ),
    ("secretsmanager/secret:Secret", {"name": "a b"}, "name"),
    ("secretsmanager/secret:Secret", {"name": "a", "recoveryWindowInDays": 31}, "recoveryWindowInDays"),
    ("secretsmanager/secret:Secret", {"name": "a", "recoveryWindowInDays": 6}, "recoveryWindowInDays"),
    (
        "secretsmanager/secretVersion:SecretVersion",
        {"secretId": "a", "secretString": "a" * 65_537},
        "secretString",
    ),
]


@pytest.mark.parametrize(("token", "inputs", "path"), REFUSED)
def test_inputs_that_aws_would_refuse_are_refused_by_name(
    token: str, inputs: dict[str, Any], path: str
) -> None:
    _, refusals = stand_in().resource_type(f"aws:{token}").check("name", inputs, {})
    assert path in [refusal.property for refusal in refusals], refusals


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", retention(mode="COMPLIANCE", years=1)),
    ("s3/bucketPolicy:BucketPolicy", bucket_policy()),
    ("s3/bucketPolicy:BucketPolicy", {"bucket": "vault", "policy": json.loads(document(SERVES))}),
    ("s3/bucketPolicy:BucketPolicy", {"bucket": UNKNOWN, "policy": UNKNOWN}),
    ("s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", lifecycle()),
    (
        "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        lifecycle(expiration={"days": UNKNOWN}, transitions=[TRANSITION]),
    ),
    ("s3/bucketReplicationConfig:BucketReplicationConfig", replication()),
    (
        "s3/bucketReplicationConfig:BucketReplicationConfig",
        replication(**SOURCE, destination=UNKNOWN),
    ),
    ("kms/key:Key", {"enableKeyRotation": True, "rotationPeriodInDays": 2560}),
    (
        "iam/role:Role",
        role({**GITHUB, "Condition": {"StringEquals": {f"{OIDC['url'][8:]}:sub": "repo:o/r"}}}),
    ),
    ("iam/openIdConnectProvider:OpenIdConnectProvider", OIDC),
    ("secretsmanager/secret:Secret", {"name": "example/jobs/backup-writer", "recoveryWindowInDays": 0}),
    ("secretsmanager/secretVersion:SecretVersion", {"secretId": UNKNOWN, "secretString": "a" * 65_536}),
]


@pytest.mark.parametrize(("token", "inputs"), ACCEPTED)
def test_inputs_that_aws_accepts_pass(token: str, inputs: dict[str, Any]) -> None:
    assert stand_in().resource_type(f"aws:{token}").check("name", inputs, {})[1] == []


@pytest.mark.parametrize(
    "name", ["ab", "a" * 64, "Vault", "-vault", "va..ult", "10.0.0.1", "xn--vault", "vault-s3alias", "v_t"]
)
def test_a_bucket_name_that_s3_refuses_is_a_problem(name: str) -> None:
    assert find_name_problem(name)


@pytest.mark.parametrize("name", ["abc", "a" * 63, "talent-vault-123456789012-eu-central-1", "a.b-c"])
def test_a_bucket_name_that_s3_accepts_is_no_problem(name: str) -> None:
    assert find_name_problem(name) is None


def test_policy_documents_that_mean_the_same_are_equal() -> None:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    one = document({**USES, "Principal": root, "Condition": {"Bool": {"a": True}}}, {**TRUST, "Sid": "b"})
    other = document(
        {**TRUST, "Sid": "b", "Action": ["sts:AssumeRole"]},
        {**USES, "Principal": {"AWS": ["123456789012"]}, "Condition": {"Bool": {"a": ["true"]}}},
    )
    assert normalize_document(one) == normalize_document(other)
    assert normalize_document(one) != normalize_document(document(USES))


def test_a_resource_type_or_function_that_the_twin_does_not_have_is_named() -> None:
    with pytest.raises(StandInError, match="has no resource type aws:ec2/vpc:Vpc"):
        stand_in().resource_type("aws:ec2/vpc:Vpc")
    with pytest.raises(StandInError, match="has no function aws:ec2/getAmi:getAmi"):
        stand_in().invoke("aws:ec2/getAmi:getAmi", {})


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({}, "set the provider's region"),
        ({"region": "us-east-1", "allowedAccountIds": '["1"]'}, "AWS account ID not allowed"),
        ({"region": "us-east-1", "forbiddenAccountIds": '["123456789012"]'}, "AWS account ID not allowed"),
        ({"region": "us-east-1", "assumeRoles": '[{"roleArn": "r"}]'}, "is no ARN of a role"),
    ],
)
def test_a_wrong_provider_configuration_is_refused(
    configuration: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(StandInError, match=message):
        AwsStandIn().configure(configuration)

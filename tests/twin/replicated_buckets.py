"""Two locked buckets in two regions, the second one the replica of the first, for tests."""

import json
import time
from typing import Any

RULE: dict[str, Any] = {
    "ID": "everything",
    "Status": "Enabled",
    "Priority": 1,
    "Filter": {"Prefix": ""},
    "DeleteMarkerReplication": {"Status": "Disabled"},
    "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
}
_DEADLINE_SECONDS = 20.0


def create_locked_bucket(s3: Any, bucket: str, region: str, *, days: int = 3) -> None:
    s3.create_bucket(
        Bucket=bucket,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": region},
    )
    s3.put_object_lock_configuration(
        Bucket=bucket,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": days}},
        },
    )


def create_replication_role(iam: Any) -> str:
    """Create the role that replicates, and return its ARN."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "s3.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    role = iam.create_role(RoleName="replicator", AssumeRolePolicyDocument=json.dumps(trust))
    allow_all_but(iam, "s3:DeleteObject")
    return role["Role"]["Arn"]


def allow_all_but(iam: Any, *actions: str) -> None:
    """Allow the role everything but these actions."""
    statement = {"Effect": "Allow", "NotAction": actions, "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="replicator", PolicyName="replicate", PolicyDocument=document)


def put_replication(s3: Any, source: str, target: str, arn: str, **rule: Any) -> None:
    destination = {
        "Bucket": f"arn:aws:s3:::{target}",
        "StorageClass": "STANDARD_IA",
        "EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:aws:kms:eu-north-1:123456789012:key/replica"},
    }
    s3.put_bucket_replication(
        Bucket=source,
        ReplicationConfiguration={"Role": arn, "Rules": [{**RULE, "Destination": destination, **rule}]},
    )


def await_replication(s3: Any, bucket: str, key: str, version: str) -> str:
    """Wait until a version is no longer pending; return its replication status."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        status = s3.head_object(Bucket=bucket, Key=key, VersionId=version).get("ReplicationStatus", "")
        if status != "PENDING" or time.monotonic() > deadline:
            return status
        time.sleep(0.02)

"""Replication between buckets of the twin, as S3 does it."""

import secrets
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_twin import Service, running_service
from botocore.exceptions import ClientError
from replicated_buckets import (
    allow_all_but,
    await_replication,
    create_locked_bucket,
    create_replication_role,
    put_replication,
)

pytestmark = pytest.mark.shares("aws-replication")

BODY = b"a backup" * 1000
PART_BYTES = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    with running_service(tmp_path_factory.mktemp("twin")) as service:
        yield service


@pytest.fixture(scope="module")
def arn(service: Service) -> str:
    return create_replication_role(service.client("iam"))


@pytest.fixture
def s3(service: Service) -> Any:
    return service.client("s3")


@pytest.fixture
def pair(s3: Any, arn: str) -> tuple[str, str]:
    name = secrets.token_hex(4)
    source, target = f"{name}-source", f"{name}-target"
    create_locked_bucket(s3, source, "eu-west-1")
    create_locked_bucket(s3, target, "eu-north-1", days=1)
    put_replication(s3, source, target, arn)
    return source, target


def test_a_replica_is_the_same_version_with_the_same_lock(s3: Any, pair: tuple[str, str]) -> None:
    source, target = pair
    version = s3.put_object(
        Bucket=source,
        Key="database/x",
        Body=BODY,
        Metadata={"who": "me"},
        Tagging="kind=dump",
        ChecksumAlgorithm="SHA256",
    )["VersionId"]
    assert await_replication(s3, source, "database/x", version) == "COMPLETED"
    request = {"Key": "database/x", "VersionId": version, "ChecksumMode": "ENABLED"}
    original, copy = s3.head_object(Bucket=source, **request), s3.head_object(Bucket=target, **request)
    assert copy["ReplicationStatus"] == "REPLICA"
    for same in (
        "VersionId",
        "LastModified",
        "ContentLength",
        "ETag",
        "Metadata",
        "ChecksumSHA256",
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
    ):
        assert copy[same] == original[same], same
    assert copy["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=2)
    assert (copy["StorageClass"], copy["ServerSideEncryption"]) == ("STANDARD_IA", "aws:kms")
    assert copy["SSEKMSKeyId"].endswith("key/replica")
    assert s3.get_object(Bucket=target, Key="database/x")["Body"].read() == BODY
    tags = s3.get_object_tagging(Bucket=target, Key="database/x", VersionId=version)["TagSet"]
    assert tags == [{"Key": "kind", "Value": "dump"}]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=target, Key="database/x", VersionId=version)


def test_an_upload_in_parts_is_replicated_with_its_checksum(s3: Any, pair: tuple[str, str]) -> None:
    source, target = pair
    upload = s3.create_multipart_upload(
        Bucket=source, Key="big", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
    )
    where = {"Bucket": source, "Key": "big", "UploadId": upload["UploadId"]}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**where, PartNumber=number, Body=body)["ETag"]}
        for number, body in ((1, b"p" * PART_BYTES), (2, b"end"))
    ]
    version = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})["VersionId"]
    assert await_replication(s3, source, "big", version) == "COMPLETED"
    request = {"Key": "big", "VersionId": version, "ChecksumMode": "ENABLED"}
    original, copy = s3.head_object(Bucket=source, **request), s3.head_object(Bucket=target, **request)
    assert copy["ChecksumCRC32"] == original["ChecksumCRC32"]
    assert s3.get_object(Bucket=target, Key="big")["Body"].read() == b"p" * PART_BYTES + b"end"


def test_older_objects_delete_markers_and_deletions_are_not_replicated(s3: Any, arn: str) -> None:
    create_locked_bucket(s3, "before-source", "eu-west-1")
    create_locked_bucket(s3, "before-target", "eu-north-1")
    old = s3.put_object(Bucket="before-source", Key="old", Body=b"old")["VersionId"]
    put_replication(s3, "before-source", "before-target", arn, Filter={"Prefix": "in/"})
    new = s3.put_object(Bucket="before-source", Key="in/new", Body=b"new")["VersionId"]
    other = s3.put_object(Bucket="before-source", Key="out/new", Body=b"new")["VersionId"]
    assert await_replication(s3, "before-source", "in/new", new) == "COMPLETED"
    assert await_replication(s3, "before-source", "old", old) == ""
    assert await_replication(s3, "before-source", "out/new", other) == ""
    s3.delete_object(Bucket="before-source", Key="in/new")
    s3.delete_object(Bucket="before-source", Key="in/new", VersionId=new, BypassGovernanceRetention=True)
    later = s3.put_object(Bucket="before-source", Key="in/later", Body=b"later")["VersionId"]
    assert await_replication(s3, "before-source", "in/later", later) == "COMPLETED"
    listed = s3.list_object_versions(Bucket="before-target")
    assert sorted(found["VersionId"] for found in listed["Versions"]) == sorted([new, later])
    assert "DeleteMarkers" not in listed


def test_a_longer_lock_reaches_the_replica(s3: Any, pair: tuple[str, str]) -> None:
    source, target = pair
    version = s3.put_object(Bucket=source, Key="kept", Body=BODY)["VersionId"]
    assert await_replication(s3, source, "kept", version) == "COMPLETED"
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=90)
    s3.put_object_retention(
        Bucket=source,
        Key="kept",
        VersionId=version,
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
    )
    assert await_replication(s3, source, "kept", version) == "COMPLETED"
    copy = s3.head_object(Bucket=target, Key="kept", VersionId=version)
    assert (copy["ObjectLockMode"], copy["ObjectLockRetainUntilDate"]) == ("COMPLIANCE", until)
    assert len(s3.list_object_versions(Bucket=target)["Versions"]) == 1


@pytest.mark.parametrize("lacking", ["bucket", "lock", "role"])
def test_a_replication_that_cannot_be_carried_out_is_marked_failed(s3: Any, arn: str, lacking: str) -> None:
    source, target = f"no-{lacking}-source", f"no-{lacking}-target"
    create_locked_bucket(s3, source, "eu-west-1")
    if lacking == "lock":
        s3.create_bucket(Bucket=target, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
        s3.put_bucket_versioning(Bucket=target, VersioningConfiguration={"Status": "Enabled"})
    else:
        create_locked_bucket(s3, target, "eu-north-1")
    put_replication(s3, source, target, f"{arn}-gone" if lacking == "role" else arn)
    if lacking == "bucket":
        s3.delete_bucket(Bucket=target)
    version = s3.put_object(Bucket=source, Key="x", Body=BODY)["VersionId"]
    assert await_replication(s3, source, "x", version) == "FAILED"


@pytest.mark.matrix(sample=2)
@pytest.mark.parametrize(
    "lacking",
    [
        "s3:GetReplicationConfiguration",
        "s3:ListBucket",
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionTagging",
        "s3:GetObjectRetention",
        "s3:GetObjectLegalHold",
        "s3:ReplicateObject",
    ],
)
def test_a_role_that_lacks_one_right_replicates_nothing(
    service: Service, s3: Any, pair: tuple[str, str], lacking: str
) -> None:
    allow_all_but(service.client("iam"), lacking)
    version = s3.put_object(Bucket=pair[0], Key="x", Body=BODY)["VersionId"]
    assert await_replication(s3, pair[0], "x", version) == "FAILED"
    allow_all_but(service.client("iam"), "s3:DeleteObject")  # which it needs not
    version = s3.put_object(Bucket=pair[0], Key="x", Body=BODY)["VersionId"]
    assert await_replication(s3, pair[0], "x", version) == "COMPLETED"


def test_a_replication_that_was_pending_when_the_service_was_killed_is_done_by_the_next(
    tmp_path: Path,
) -> None:
    with running_service(tmp_path, BULWARK_TWIN_REPLICATION_SECONDS="3600") as service:
        s3 = service.client("s3")
        create_locked_bucket(s3, "source", "eu-west-1")
        create_locked_bucket(s3, "target", "eu-north-1")
        put_replication(s3, "source", "target", create_replication_role(service.client("iam")))
        version = s3.put_object(Bucket="source", Key="x", Body=BODY)["VersionId"]
        assert s3.head_object(Bucket="source", Key="x")["ReplicationStatus"] == "PENDING"
        assert "Versions" not in s3.list_object_versions(Bucket="target")
        service.kill()
        service.variables.clear()
        service.start()
        assert await_replication(s3, "source", "x", version) == "COMPLETED"
        service.kill()
        service.start()
        assert s3.get_object(Bucket="target", Key="x", VersionId=version)["Body"].read() == BODY
        assert s3.head_object(Bucket="source", Key="x")["ReplicationStatus"] == "COMPLETED"

"""The twin's AWS service is durable, enforces locks and policies, and logs no secret."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_twin import Service, running_service
from botocore.exceptions import BotoCoreError, ClientError

from core.state_folder import HOME_VARIABLE
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("aws-service")

LOCKED = {"ObjectLockEnabled": "Enabled"}
PART_BYTES = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    with running_service(tmp_path_factory.mktemp("twin")) as service:
        yield service


@pytest.fixture(scope="module")
def s3(service: Service) -> Any:
    return service.client("s3")


def body_files(service: Service) -> set[Path]:
    return set((service.home.aws / "objects").iterdir())


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def retention(days: int, mode: str = "GOVERNANCE") -> dict[str, Any]:
    return {**LOCKED, "Rule": {"DefaultRetention": {"Mode": mode, "Days": days}}}


def test_the_aws_service_loses_nothing_when_it_is_killed(tmp_path: Path) -> None:
    trust = policy(
        {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    )
    deny = policy({"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "*"})
    with running_service(tmp_path) as service:
        s3, kms, iam = service.client("s3"), service.client("kms"), service.client("iam")
        abroad = service.client("kms", "eu-west-1")
        key = kms.create_key(Description="vault")["KeyMetadata"]
        signing = abroad.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
        signed = {"KeyId": signing, "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256", "Message": b"m"}
        signature = abroad.sign(**signed)["Signature"]
        sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
        s3.create_bucket(Bucket="vault", ObjectLockEnabledForBucket=True)
        s3.put_object_lock_configuration(Bucket="vault", ObjectLockConfiguration=retention(3))
        s3.put_bucket_policy(Bucket="vault", Policy=deny)
        first = s3.put_object(Bucket="vault", Key="é/a b", Body=b"one", Metadata={"who": "me"})["VersionId"]
        s3.put_object(Bucket="vault", Key="é/a b", Body=b"two")
        s3.delete_object(Bucket="vault", Key="é/a b")
        s3.put_object_legal_hold(Bucket="vault", Key="é/a b", VersionId=first, LegalHold={"Status": "ON"})
        upload = {"Bucket": "vault", "Key": "big"}
        upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
        part = s3.upload_part(**upload, PartNumber=1, Body=b"p" * PART_BYTES)
        role = iam.create_role(RoleName="writer", AssumeRolePolicyDocument=trust)["Role"]
        oidc = iam.create_open_id_connect_provider(Url="https://example.com", ClientIDList=["a"])
        listed = s3.list_object_versions(Bucket="vault")
        lock = s3.get_object_retention(Bucket="vault", Key="é/a b", VersionId=first)["Retention"]

        service.kill()
        service.start()

        again = s3.list_object_versions(Bucket="vault")
        assert again["Versions"] == listed["Versions"]
        assert again["DeleteMarkers"] == listed["DeleteMarkers"]
        got = s3.get_object(Bucket="vault", Key="é/a b", VersionId=first)
        assert (got["Body"].read(), got["Metadata"]) == (b"one", {"who": "me"})
        assert got["ObjectLockLegalHoldStatus"] == "ON"
        assert lock == s3.get_object_retention(Bucket="vault", Key="é/a b", VersionId=first)["Retention"]
        assert s3.get_object_lock_configuration(Bucket="vault")["ObjectLockConfiguration"] == {
            **LOCKED,
            "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3, "Years": 0}},
        }
        assert json.loads(s3.get_bucket_policy(Bucket="vault")["Policy"]) == json.loads(deny)
        completed = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        s3.complete_multipart_upload(**upload, MultipartUpload=completed)
        assert s3.get_object(Bucket="vault", Key="big")["Body"].read() == b"p" * PART_BYTES
        assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["CreationDate"] == key["CreationDate"]
        assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"secret"
        assert abroad.verify(**signed, Signature=signature)["SignatureValid"]
        assert iam.get_role(RoleName="writer")["Role"]["RoleId"] == role["RoleId"]
        assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=oidc["OpenIDConnectProviderArn"])[
            "ClientIDList"
        ] == ["a"]


def test_objects_acknowledged_before_a_kill_under_load_are_there(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        clients = [service.client("s3") for _ in range(3)]
        clients[0].create_bucket(Bucket="busy")
        acknowledged: list[str] = []

        def write(writer: int) -> None:
            for number in range(10_000):
                name = f"{writer}/{number}"
                try:
                    clients[writer].put_object(Bucket="busy", Key=name, Body=name.encode())
                except (BotoCoreError, ClientError):
                    return
                acknowledged.append(name)

        writers = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
        for writer in writers:
            writer.start()
        deadline = time.monotonic() + 20
        while len(acknowledged) < 60:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        service.kill()
        for writer in writers:
            writer.join()
        (service.home.aws / "objects" / "orphan").write_bytes(b"of a write that was cut short")
        service.start()
        for name in acknowledged:
            assert clients[0].get_object(Bucket="busy", Key=name)["Body"].read() == name.encode()
        kept = clients[0].list_objects_v2(Bucket="busy")["KeyCount"]
        assert len(body_files(service)) == kept


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (b"", "was written by moto 1.0 and this is moto"),
        (b"no database", "cannot be read"),
    ],
)
def test_a_snapshot_of_the_service_that_cannot_be_read_is_left_alone_and_named(
    tmp_path: Path, damage: bytes, message: str
) -> None:
    home = TwinHome(tmp_path)
    home.create()
    snapshot = home.aws / "snapshot"
    if damage:
        snapshot.write_bytes(damage * 1000)
    else:
        connection = sqlite3.connect(snapshot)
        connection.execute("CREATE TABLE account (name TEXT PRIMARY KEY, value BLOB NOT NULL)")
        connection.execute("INSERT INTO account VALUES ('moto', '1.0')")
        connection.commit()
        connection.close()
    before = snapshot.read_bytes()
    ended = subprocess.run(
        [sys.executable, "-m", "twin.aws.service"],
        env={"PATH": os.defpath, HOME_VARIABLE: str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert message in ended.stderr
    assert "stop the twin and remove" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert snapshot.read_bytes()[:100] == before[:100] or damage == b""


def test_an_occupied_port_of_the_service_is_named(service: Service) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "twin.aws.service"],
        env={"PATH": os.defpath, HOME_VARIABLE: str(service.home.root)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 1
    assert f"port {service.home.port('aws')} of 127.0.0.1 is not free" in ended.stderr


def test_the_service_ends_in_order_on_sigterm(tmp_path: Path) -> None:
    with running_service(tmp_path) as service:
        service.terminate()
        assert service.process.returncode == 0


def test_bodies_of_objects_are_files_that_are_deleted_with_their_versions(service: Service, s3: Any) -> None:
    s3.create_bucket(Bucket="files")
    before = body_files(service)
    s3.put_object(Bucket="files", Key="a", Body=b"x" * 1_000_000)
    snapshot = sum(file.stat().st_size for file in service.home.aws.glob("snapshot*"))
    (body,) = body_files(service) - before
    assert body.stat().st_size == 1_000_000
    assert snapshot < 1_000_000
    s3.delete_object(Bucket="files", Key="a")
    assert body_files(service) == before


@pytest.mark.matrix(sample=2)
@pytest.mark.parametrize(
    ("wanted", "got"),
    [
        ("bytes=2-4", b"cde"),
        ("bytes=7-", b"hij"),
        ("bytes=-3", b"hij"),
        ("bytes=0-0", b"a"),
        ("bytes=0-99", b"abcdefghij"),
        ("bytes=5-2", b"abcdefghij"),
        ("bytes=0-1,4-5", b"abcdefghij"),
    ],
)
def test_a_range_of_an_object_is_read(s3: Any, wanted: str, got: bytes) -> None:
    if "ranges" not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="ranges")
        s3.put_object(Bucket="ranges", Key="a", Body=b"abcdefghij")
    assert s3.get_object(Bucket="ranges", Key="a", Range=wanted)["Body"].read() == got


def test_a_bucket_policy_is_evaluated_with_its_conditions(s3: Any) -> None:
    s3.create_bucket(Bucket="judged")
    everything = ["arn:aws:s3:::judged", "arn:aws:s3:::judged/*"]
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    kms_if_any = {
        "StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"},
        "Null": {"s3:x-amz-server-side-encryption": "false"},
    }
    deny = {"Effect": "Deny", "Principal": "*"}
    s3.put_bucket_policy(
        Bucket="judged",
        Policy=policy(
            {**deny, "Action": "s3:*", "Resource": everything, "Condition": tls},
            {**deny, "Action": "s3:PutObject", "Resource": everything[1], "Condition": kms_if_any},
        ),
    )
    s3.put_object(Bucket="judged", Key="a", Body=b"x")
    s3.put_object(Bucket="judged", Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        s3.put_object(Bucket="judged", Key="a", Body=b"x", ServerSideEncryption="AES256")
    upload = {"Bucket": "judged", "Key": "m"}
    started = s3.create_multipart_upload(**upload, ServerSideEncryption="aws:kms")
    s3.upload_part(**upload, UploadId=started["UploadId"], PartNumber=1, Body=b"x")


def test_default_retention_covers_every_way_to_write(s3: Any) -> None:
    s3.create_bucket(Bucket="retained", ObjectLockEnabledForBucket=True)
    s3.put_object_lock_configuration(Bucket="retained", ObjectLockConfiguration=retention(1))
    s3.put_object(Bucket="retained", Key="put", Body=b"x")
    s3.put_object_lock_configuration(Bucket="retained", ObjectLockConfiguration=retention(2))
    s3.copy_object(Bucket="retained", Key="copy", CopySource={"Bucket": "retained", "Key": "put"})
    upload = {"Bucket": "retained", "Key": "multipart"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    for key in ("put", "copy", "multipart"):
        head = s3.head_object(Bucket="retained", Key=key)
        assert head["ObjectLockMode"] == "GOVERNANCE", key
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.delete_object(Bucket="retained", Key=key, VersionId=head["VersionId"])


def test_a_retention_in_force_can_only_become_stronger(s3: Any) -> None:
    s3.create_bucket(Bucket="strong", ObjectLockEnabledForBucket=True)

    def write(mode: str) -> dict[str, str]:
        until = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": "2090-01-01T00:00:00Z"}
        made = s3.put_object(Bucket="strong", Key=mode, Body=b"x", **until)
        return {"Bucket": "strong", "Key": mode, "VersionId": made["VersionId"]}

    compliance, governance = write("COMPLIANCE"), write("GOVERNANCE")
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": "2080-01-01T00:00:00Z"}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_retention(**compliance, Retention=shorter, BypassGovernanceRetention=True)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_retention(**governance, Retention={**shorter, "Mode": "GOVERNANCE"})
    s3.put_object_retention(
        **governance, Retention={**shorter, "Mode": "GOVERNANCE"}, BypassGovernanceRetention=True
    )
    longer = {"Mode": "COMPLIANCE", "RetainUntilDate": "2095-01-01T00:00:00Z"}
    s3.put_object_retention(**compliance, Retention=longer)
    assert s3.get_object_retention(**compliance)["Retention"]["RetainUntilDate"].year == 2095


def test_only_the_aws_services_of_the_platform_are_there(service: Service) -> None:
    services = "s3, s3control, kms, iam, sts, secretsmanager, sns, events, cloudtrail"
    with pytest.raises(ClientError, match=f"has {services} and nothing else"):
        service.client("sqs").list_queues()


def test_the_log_has_a_line_for_each_request_and_no_secret(service: Service, s3: Any) -> None:
    s3.create_bucket(Bucket="logged")
    s3.put_object(Bucket="logged", Key="a", Body=b"planted-body")
    address = s3.generate_presigned_url("get_object", Params={"Bucket": "logged", "Key": "a"})
    assert httpx.get(address, timeout=5).content == b"planted-body"
    service.client("iam").list_roles()
    service.client("kms").encrypt(
        KeyId=service.client("kms").create_key()["KeyMetadata"]["KeyId"], Plaintext=b"planted-text"
    )
    log = service.log.read_text()
    for line in ("PUT /logged/a 200", "GET /logged/a?", "POST / ListRoles 200", "POST / Encrypt 200"):
        assert line in log
    signature = address.partition("Signature=")[2].partition("&")[0]
    for secret in ("planted", signature, "Credential=", "AWS4-HMAC"):
        assert secret not in log

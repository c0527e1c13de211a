"""The twin's AWS gives a role's session the permissions of the role, until the session expires."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import httpx
import pytest
from aws_role import READ, ROLE, SUBJECT, client, create_role_and_bucket, document, read_credentials, session
from aws_twin import Service, running_service
from botocore.exceptions import ClientError

from core.failure import Failure
from recovery.vault.account_access import AccountAccess
from recovery.vault.client import AccessKey
from twin.aws.administrator import ACCOUNT, SECOND_ACCOUNT
from twin.aws.closed_accounts import close_account
from twin.aws.issuer import issue_token
from twin.aws.sessions import SESSION_VARIABLE
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("aws-authorization")


def test_a_session_survives_a_restart_and_its_role_is_asked_at_each_request(service: Service) -> None:
    s3 = client(service, "s3", session(service))
    assert s3.get_object(Bucket="vault", Key="a")["Body"].read() == b"content"
    service.kill()
    service.start()
    assert s3.get_object(Bucket="vault", Key="a")["Body"].read() == b"content"
    iam = service.client("iam")
    iam.delete_role_policy(RoleName="reader", PolicyName="read")
    with pytest.raises(
        ClientError, match='s3:GetObject on resource: "arn:aws:s3:::vault/a" because no identity'
    ):
        s3.get_object(Bucket="vault", Key="a")
    managed = iam.create_policy(PolicyName="read", PolicyDocument=document(READ))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="reader", PolicyArn=managed)
    assert s3.get_object(Bucket="vault", Key="a")["Body"].read() == b"content"
    iam.detach_role_policy(RoleName="reader", PolicyArn=managed)
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))


def test_every_service_refuses_an_expired_session(tmp_path: Path) -> None:
    with running_service(tmp_path, **{SESSION_VARIABLE: "0"}) as short:
        create_role_and_bucket(short)
        ended = session(short)
        for name, call in (
            ("s3", lambda it: it.get_object(Bucket="vault", Key="a")),
            ("kms", lambda it: it.list_aliases()),
            ("sts", lambda it: it.get_caller_identity()),
        ):
            with pytest.raises(ClientError, match="ExpiredToken"):
                call(client(short, name, ended))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"aws_access_key_id": "ASIAABCDEFGHIJKLMNOP"}, "InvalidAccessKeyId"),
        ({"aws_session_token": "somebody-elses"}, "InvalidToken"),
        ({"aws_session_token": ""}, "InvalidToken"),
    ],
)
def test_credentials_that_sts_did_not_give_out_open_nothing(
    service: Service, changed: dict[str, str], code: str
) -> None:
    with pytest.raises(ClientError, match=code):
        client(service, "s3", session(service, **changed)).get_object(Bucket="vault", Key="a")


def test_an_unsigned_request_gets_what_a_bucket_policy_gives_everybody(service: Service) -> None:
    s3 = service.client("s3")
    address = f"{service.url}/vault/a"
    assert httpx.get(address).status_code == 403
    assert httpx.put(f"{service.url}/vault/b", content=b"x").status_code == 403
    public = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::vault/*",
    }
    s3.put_bucket_policy(Bucket="vault", Policy=document(public))
    assert httpx.get(address).content == b"content"
    assert httpx.put(f"{service.url}/vault/b", content=b"x").status_code == 403
    s3.delete_bucket_policy(Bucket="vault")


def test_a_presigned_url_has_the_permissions_of_its_session(service: Service) -> None:
    s3 = client(service, "s3", session(service), signature_version="s3v4")
    assert (
        httpx.get(s3.generate_presigned_url("get_object", {"Bucket": "vault", "Key": "a"})).content
        == b"content"
    )
    put = s3.generate_presigned_url("put_object", {"Bucket": "vault", "Key": "a"})
    assert "not authorized to perform: s3:PutObject" in httpx.put(put, content=b"x").text


def test_a_bucket_can_allow_a_role_alone_and_deny_whatever_the_role_allows(service: Service) -> None:
    admin, s3 = service.client("s3"), client(service, "s3", session(service))
    about = {"Principal": {"AWS": ROLE}, "Resource": "arn:aws:s3:::vault/*"}
    allow = {"Effect": "Allow", "Action": "s3:PutObject", **about}
    deny = {"Effect": "Deny", "Action": "s3:GetObject", **about}
    admin.put_bucket_policy(Bucket="vault", Policy=document(allow, deny))
    s3.put_object(Bucket="vault", Key="by-role", Body=b"x")
    with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
        s3.get_object(Bucket="vault", Key="by-role")
    admin.delete_bucket_policy(Bucket="vault")


def test_a_role_that_may_not_list_does_not_learn_that_an_object_is_missing(service: Service) -> None:
    s3 = client(service, "s3", session(service))
    with pytest.raises(ClientError, match="s3:ListBucket"):
        s3.get_object(Bucket="vault", Key="missing")
    with pytest.raises(ClientError, match="NoSuchKey"):
        service.client("s3").get_object(Bucket="vault", Key="missing")


def test_a_put_that_only_looks_like_an_upload_part_is_authorized_as_an_object(service: Service) -> None:
    """S3 takes a PUT with an upload's id and no part's number for a plain one."""
    parts = {
        "Effect": "Allow",
        "Action": "s3:PutObject",
        "Resource": "*",
        "Condition": {"Bool": {"s3:ObjectCreationOperation": "false"}},
    }
    service.client("iam").put_role_policy(
        RoleName="reader", PolicyName="parts", PolicyDocument=document(parts)
    )
    credentials = session(service)
    s3 = client(service, "s3", credentials)
    upload = {"Bucket": "vault", "Key": "whole"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    s3.upload_part(**upload, PartNumber=1, Body=b"x")
    for query in ("uploadId=", f"uploadId={upload['UploadId']}", "partNumber=1"):
        with pytest.raises(ClientError, match="s3:PutObject"):
            put_at_address(s3, f"{service.url}/vault/whole?{query}")


def put_at_address(s3: Any, address: str) -> None:
    """Put an object at an address that no well-behaved client would use."""

    def change(request: Any, **_: Any) -> None:
        request.url = address

    s3.meta.events.register("before-sign.s3.PutObject", change)
    try:
        s3.put_object(Bucket="vault", Key="whole", Body=b"x")
    finally:
        s3.meta.events.unregister("before-sign.s3.PutObject", change)


def test_an_encrypted_object_is_read_only_by_roles_that_may_use_its_key(service: Service) -> None:
    kms, iam, admin = service.client("kms"), service.client("iam"), service.client("s3")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName="alias/vault", TargetKeyId=key)
    admin.put_object(
        Bucket="vault", Key="sealed", Body=b"content", ServerSideEncryption="aws:kms", SSEKMSKeyId=key
    )
    alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/vault"]}}
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": alias}
    s3 = client(service, "s3", session(service))
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(read, decrypt))
    assert s3.get_object(Bucket="vault", Key="sealed")["Body"].read() == b"content"
    kms.delete_alias(AliasName="alias/vault")
    with pytest.raises(ClientError, match="kms:Decrypt"):
        s3.get_object(Bucket="vault", Key="sealed")
    assert s3.head_object(Bucket="vault", Key="sealed")["ContentLength"] == 7
    with pytest.raises(ClientError, match="403"):
        s3.head_object(Bucket="vault", Key="sealed", ChecksumMode="ENABLED")
    kms.create_alias(AliasName="alias/vault", TargetKeyId=key)
    nobody = document(
        {"Effect": "Allow", "Principal": {"AWS": f"{ROLE}-2"}, "Action": "kms:*", "Resource": "*"}
    )
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=nobody, BypassPolicyLockoutSafetyCheck=True)
    with pytest.raises(ClientError, match=r"kms:Decrypt.* because no resource-based policy allows"):
        s3.get_object(Bucket="vault", Key="sealed")
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))


def test_each_account_has_an_administrator_who_is_nobody_in_the_other(service: Service) -> None:
    role = f"arn:aws:iam::{SECOND_ACCOUNT}:role/deployer"
    abroad = service.client("s3", account=SECOND_ACCOUNT)
    abroad.create_bucket(Bucket="abroad")
    for stranger in (service.client("s3"), client(service, "s3", session(service))):
        for call in (
            lambda s3=stranger: s3.get_object(Bucket="abroad", Key="a"),
            lambda s3=stranger: s3.delete_bucket(Bucket="abroad"),
            lambda s3=stranger: s3.delete_bucket_policy(Bucket="abroad"),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                call()
    for sts in (service.client("sts"), client(service, "sts", session(service))):
        for missing in (role, f"{ROLE}-that-is-not-there"):
            with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
                sts.assume_role(RoleArn=missing, RoleSessionName="job")


def test_a_role_of_another_account_is_taken_on_where_both_sides_let_it(service: Service) -> None:
    role = f"arn:aws:iam::{SECOND_ACCOUNT}:role/looker"
    there, here = service.client("iam", account=SECOND_ACCOUNT), service.client("iam")
    asks: dict[str, Any] = {"RoleArn": role, "RoleSessionName": "job"}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": [ROLE]}},
    }
    there.create_role(RoleName="looker", AssumeRolePolicyDocument=document(trust))
    reader = client(service, "sts", session(service))
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        reader.assume_role(**asks)  # its own policy doesn't let it
    enter = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    here.put_role_policy(RoleName="reader", PolicyName="enter", PolicyDocument=document(enter))
    try:
        given = read_credentials(reader.assume_role(**asks))
        assert client(service, "sts", given).get_caller_identity()["Account"] == SECOND_ACCOUNT
        with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
            service.client("sts").assume_role(**asks)  # the trust names no administrator
    finally:
        here.delete_role_policy(RoleName="reader", PolicyName="enter")


class GitHub(BaseHTTPRequestHandler):
    """Issues the tokens of one job, as GitHub does where it runs."""

    home: ClassVar[TwinHome]

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer secret"
        token = issue_token(self.home, subject=SUBJECT, audience=self.path.rpartition("audience=")[2])
        body = json.dumps({"value": token}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def test_a_job_enters_another_account_by_its_token_and_a_person_by_a_profile(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", service.url)
    GitHub.home = service.home
    with ThreadingHTTPServer(("127.0.0.1", 0), GitHub) as github:
        Thread(target=github.serve_forever, daemon=True).start()
        job = {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{github.server_port}/?api-version=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "secret",
        }
        key = AccountAccess("us-east-1", ROLE, "there").find_key(job)
        assert key
        assert key.id.startswith("ASIA")
        with pytest.raises(Failure, match=r"role/nobody can't be taken on.*\n.*AccessDenied"):
            AccountAccess("us-east-1", ROLE.replace("reader", "nobody")).find_key(job)
        github.shutdown()
    profile = tmp_path / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(profile))
    profile.write_text("[profile there]\naws_access_key_id = AKIA1\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-the-other-account")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert AccountAccess("us-east-1", ROLE, "there").find_key({}) == AccessKey("AKIA1", "secret")
    assert AccountAccess("us-east-1", ROLE, "not-here").find_key({}) is None
    profile.write_text("[profile there]\nrole_arn = x\n")
    with pytest.raises(Failure, match="profile there does not sign in"):
        AccountAccess("us-east-1", ROLE, "there").find_key({})


def test_a_sender_can_not_name_another_account(service: Service) -> None:
    s3 = service.client("s3")
    s3.meta.events.register(
        "before-send.s3", lambda request, **_: request.headers.update({"x-moto-account-id": SECOND_ACCOUNT})
    )
    s3.create_bucket(Bucket="claimed")
    assert "claimed" in {one["Name"] for one in service.client("s3").list_buckets()["Buckets"]}


def test_a_role_can_be_restricted_to_one_tag(service: Service) -> None:
    only = {
        "Effect": "Allow",
        "Action": ["s3:PutObjectTagging", "s3:PutObject"],
        "Resource": "*",
        "Condition": {
            "StringEquals": {"s3:RequestObjectTag/gone": "yes"},
            "ForAllValues:StringEquals": {"s3:RequestObjectTagKeys": ["gone"]},
        },
    }
    service.client("iam").put_role_policy(RoleName="reader", PolicyName="tag", PolicyDocument=document(only))
    s3 = client(service, "s3", session(service))

    def tag(**tags: str) -> None:
        pairs = [{"Key": name, "Value": value} for name, value in tags.items()]
        s3.put_object_tagging(Bucket="vault", Key="a", Tagging={"TagSet": pairs})

    tag(gone="yes")
    s3.put_object(Bucket="vault", Key="tagged", Body=b"x", Tagging="gone=yes")
    for tags in ({"gone": "no"}, {"gone": "yes", "kept": "no"}, {"kept": "no"}, {}):
        with pytest.raises(ClientError, match="s3:PutObjectTagging"):
            tag(**tags)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket="vault", Key="tagged", Body=b"x", Tagging="gone=yes&kept=no")
    tags = service.client("s3").get_object_tagging(Bucket="vault", Key="a")["TagSet"]
    assert tags == [{"Key": "gone", "Value": "yes"}]


def test_a_session_reads_a_secret_by_its_own_permission_and_that_on_the_secrets_key(
    service: Service,
) -> None:
    iam, admin = service.client("iam"), service.client("secretsmanager")
    kms = service.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/jobs", TargetKeyId=key)
    arn = {
        name: admin.create_secret(Name=f"jobs/{name}", SecretString="x", KmsKeyId=key)["ARN"]
        for name in ("own", "other")
    }
    read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    via = {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
    decrypt = {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": "*",
        "Condition": {
            "ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/jobs"]},
            "StringEquals": via,
            "StringLike": {"kms:EncryptionContext:SecretARN": arn["own"][:-6] + "??????"},
        },
    }
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(read, decrypt))
    try:
        secrets = client(service, "secretsmanager", session(service))
        assert secrets.get_secret_value(SecretId="jobs/own")["SecretString"] == "x"
        with pytest.raises(ClientError, match=r"AccessDenied.*kms:Decrypt"):
            secrets.get_secret_value(SecretId="jobs/other")
        with pytest.raises(ClientError, match=r"AccessDenied.*secretsmanager:PutSecretValue"):
            secrets.put_secret_value(SecretId="jobs/own", SecretString="y")
        with pytest.raises(ClientError, match="AccessDenied"):
            secrets.batch_get_secret_value(SecretIdList=["jobs/own"])
        condition = {"ArnLike": {"aws:PrincipalArn": ROLE}}
        others = {**read, "Effect": "Deny", "Principal": "*", "Condition": condition}
        admin.put_resource_policy(SecretId="jobs/own", ResourcePolicy=document(others))
        with pytest.raises(ClientError, match="explicit deny in a resource-based policy"):
            secrets.get_secret_value(SecretId="jobs/own")
        service.kill()
        service.start()
        assert admin.get_secret_value(SecretId="jobs/own")["SecretString"] == "x"
    finally:
        iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))


def test_who_lets_s3_replicate_with_a_role_needs_the_permission_to_pass_it(service: Service) -> None:
    iam, admin = service.client("iam"), service.client("s3")
    configure = {"Effect": "Allow", "Action": "s3:PutReplicationConfiguration", "Resource": "*"}
    admin.create_bucket(Bucket="replicated")
    admin.put_bucket_versioning(Bucket="replicated", VersioningConfiguration={"Status": "Enabled"})
    rule = {"Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::vault"}}
    wanted = {"Bucket": "replicated", "ReplicationConfiguration": {"Role": f"{ROLE}-2", "Rules": [rule]}}
    passing = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": f"{ROLE}-2"}
    only_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    s3 = client(service, "s3", session(service))
    try:
        for statements in ([configure], [configure, {**passing, "Condition": only_ec2}]):
            iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(*statements))
            with pytest.raises(ClientError, match=f"iam:PassRole on resource: .{ROLE}-2"):
                s3.put_bucket_replication(**wanted)
        iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(configure, passing))
        s3.put_bucket_replication(**wanted)
    finally:
        iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))


def test_a_closed_account_is_refused_every_call_and_its_buckets_are_closed(tmp_path: Path) -> None:
    with running_service(tmp_path) as own:
        create_role_and_bucket(own)
        role, root = session(own), own.client("s3")
        assert client(own, "s3", role).get_object(Bucket="vault", Key="a")
        close_account(own.home, "123456789012")
        for s3 in (client(own, "s3", role), root):
            with pytest.raises(ClientError, match="AccountProblem"):
                s3.get_object(Bucket="vault", Key="a")
        with pytest.raises(ClientError, match="AccessDenied"):
            own.client("iam").list_roles()
        with pytest.raises(ClientError, match="AllAccessDisabled"):
            session(own)

"""The twin's AWS serves who holds a key that it gave out, and nobody by another site's page."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import httpx
import pytest
from aws_role import client, document, session
from aws_twin import Service
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from twin.aws.administrator import administrator_key

pytestmark = pytest.mark.shares("aws-authorization")

CALLS: dict[str, Callable[[Any], Any]] = {
    "s3": lambda s3: s3.list_buckets(),
    "kms": lambda kms: kms.list_keys(),
    "iam": lambda iam: iam.list_roles(),
    "sts": lambda sts: sts.get_caller_identity(),
    "secretsmanager": lambda secrets: secrets.list_secrets(),
}
REFUSALS = {
    **dict.fromkeys(("iam", "sts"), ("InvalidClientTokenId", "SignatureDoesNotMatch")),
    **dict.fromkeys(("kms", "secretsmanager"), ("UnrecognizedClient", "InvalidSignature")),
    "s3": ("InvalidAccessKeyId", "SignatureDoesNotMatch"),
}
"""Service -> its answer to an unknown access key, and to a wrong signature."""

ODD_KEYS = ("with space", "a+b&c=d%20e", "träger/…", "//twice//", "tilde~'()*!@:,;$", "line\nfeed")
DOTS = "a/./b/../c"
"""A key that httpx would resolve in an address."""


def credentials(service: Service, **changed: str) -> dict[str, str]:
    key = administrator_key(service.home)
    return {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret, **changed}


def sign(service: Service, method: str, path: str, body: bytes = b"", **headers: str) -> AWSRequest:
    """Return a request that the administrator signed; the headers' names have `_` for `-`."""
    key = administrator_key(service.home)
    request = AWSRequest(method, f"{service.url}{path}", rename(headers), body)
    S3SigV4Auth(Credentials(key.id, key.secret), "s3", "us-east-1").add_auth(request)
    return request


def send(
    request: AWSRequest, *, method: str = "", url: str = "", body: bytes | None = None, **headers: Any
) -> httpx.Response:
    """Send a signed request, with changes."""
    return httpx.request(
        str(method or request.method),
        str(url or request.url),
        headers={**dict(request.headers.items()), **rename(headers)},
        content=request.data if body is None else body,
    )


def rename(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize("name", CALLS)
def test_each_service_refuses_a_key_that_it_did_not_give_out_and_a_secret_that_is_not_the_keys(
    service: Service, name: str
) -> None:
    call, (unknown, wrong) = CALLS[name], REFUSALS[name]
    call(client(service, name, credentials(service)))
    for key in ("twin", "AKIAIOSFODNN7EXAMPLE"):
        with pytest.raises(ClientError, match=unknown):
            call(client(service, name, credentials(service, aws_access_key_id=key)))
    for holder in (credentials(service), session(service)):
        with pytest.raises(ClientError, match=wrong):
            call(client(service, name, {**holder, "aws_secret_access_key": "twin"}))


def test_a_request_that_only_names_a_key_is_nobodys(service: Service) -> None:
    key = administrator_key(service.home)
    for query in ("AWSAccessKeyId=twin", f"AWSAccessKeyId={key.id}", f"X-Amz-Credential={key.id}"):
        assert httpx.get(f"{service.url}/?{query}").status_code == 400
    for header in ("AWS twin:x", f"AWS {key.id}:x", f"AWS4-HMAC-SHA256 Credential={key.id}/x", "Bearer x"):
        assert httpx.get(f"{service.url}/", headers={"Authorization": header}).status_code == 400
    assert httpx.get(f"{service.url}/").status_code == 403
    who = httpx.post(f"{service.url}/", data={"Action": "GetCallerIdentity", "Version": "2011-06-15"})
    assert who.status_code == 403


def test_the_access_key_of_a_user_opens_nothing(service: Service) -> None:
    iam = service.client("iam")
    iam.create_user(UserName="mallory")
    everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    iam.put_user_policy(UserName="mallory", PolicyName="all", PolicyDocument=everything)
    given = iam.create_access_key(UserName="mallory")["AccessKey"]
    own = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        client(service, "s3", own).list_buckets()


def test_a_request_is_served_as_it_was_signed_and_no_other_way(service: Service) -> None:
    request = sign(service, "PUT", "/vault/signed?x=1", b"genuine", Content_Type="text/plain")
    changes: list[Mapping[str, Any]] = [
        {"method": "DELETE"},
        {"url": f"{service.url}/vault/other?x=1"},
        {"url": f"{service.url}/vault/signed?x=2"},
        {"url": f"{service.url}/vault/signed"},
        {"body": b"forged"},
        {"Content_Type": "text/html"},
        {"x_amz_bypass_governance_retention": "true"},
        {"X_Amz_Date": "20200101T000000Z"},
        {"host": "localhost"},
    ]
    codes = [send(request, **change).status_code for change in changes]
    assert codes == [403, 403, 403, 403, 400, 403, 403, 403, 403]
    with pytest.raises(ClientError, match="NoSuchKey"):
        service.client("s3").get_object(Bucket="vault", Key="signed")
    assert send(request).status_code == 200
    assert service.client("s3").get_object(Bucket="vault", Key="signed")["Body"].read() == b"genuine"


def test_an_old_request_and_an_expired_or_changed_url_are_refused(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = service.client("s3")
    address: dict[str, Any] = {"Params": {"Bucket": "vault", "Key": "a"}}
    good = s3.generate_presigned_url("get_object", **address, ExpiresIn=60)
    assert httpx.get(good).content == b"content"
    for changed in (good.replace("Expires=60", "Expires=61"), good.replace("/vault/a", "/vault/b")):
        assert "SignatureDoesNotMatch" in httpx.get(changed).text
    assert httpx.get(good, headers={"x-amz-checksum-mode": "ENABLED"}).status_code == 403
    assert "Only one" in send(sign(service, "GET", "/vault/a"), url=good).text
    past = datetime.now(UTC) - timedelta(minutes=16)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: past)
    assert "expired" in httpx.get(s3.generate_presigned_url("get_object", **address, ExpiresIn=900)).text
    assert httpx.get(s3.generate_presigned_url("get_object", **address, ExpiresIn=1200)).status_code == 200
    with pytest.raises(ClientError, match="RequestTimeTooSkewed"):
        s3.list_buckets()


@pytest.mark.parametrize("key", [*ODD_KEYS, DOTS])
def test_any_key_and_metadata_that_s3_takes_can_be_signed(service: Service, key: str) -> None:
    s3, named = service.client("s3"), {"Bucket": "vault", "Key": key}
    s3.put_object(**named, Body=b"x", Metadata={"under_score": "a  b"})
    assert s3.get_object(**named)["Metadata"]["under_score"].split() == ["a", "b"]
    assert s3.list_objects_v2(Bucket="vault", Prefix=key)["KeyCount"] == 1
    if key != DOTS:
        assert httpx.get(s3.generate_presigned_url("get_object", Params=named)).content == b"x"
    s3.delete_object(**named)


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({"Host": "twin.example.com"}, "the host twin.example.com"),
        ({"Host": "twin.example.com:80"}, "the host twin.example.com:80"),
        ({"Host": "127.0.0.1.example.com"}, "the host 127.0.0.1.example.com"),
        ({"Origin": "https://example.com"}, "the origin https://example.com"),
        ({"Origin": "null"}, "the origin null"),
        ({"Origin": "http://localhost.example.com"}, "the origin http://localhost.example.com"),
        ({"Origin": "http://localhost@example.com"}, "the origin http://localhost@example.com"),
    ],
)
def test_a_page_of_another_site_is_refused(service: Service, headers: dict[str, Any], foreign: str) -> None:
    signed: dict[str, Any] = {name: value for name, value in headers.items() if name == "Host"}
    refused = send(sign(service, "GET", "/vault/a", **signed), **headers)
    assert refused.status_code == 403
    assert f"{foreign} is foreign" in refused.text


def test_no_page_may_read_an_answer_or_ask_whether_it_may(service: Service) -> None:
    for origin in ("http://localhost:3000", service.url):
        got = send(sign(service, "GET", "/vault/a"), origin=origin)
        headers = {"Origin": origin, "Access-Control-Request-Method": "DELETE"}
        asked = httpx.options(f"{service.url}/vault/a", headers=headers)
        assert (got.status_code, asked.status_code) == (200, 403)
        for answer in (got, asked):
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


def test_the_administrators_key_is_a_secret_of_the_twins_home(service: Service) -> None:
    key, kept = administrator_key(service.home), service.home.root / "secrets.json"
    assert len(key.id) == 20
    assert len(key.secret) >= 40
    assert kept.stat().st_mode & 0o777 == 0o600
    assert key.secret in kept.read_text()
    assert key.secret not in service.log.read_text()

"""A key whose alias counts only after minutes: the first backup waits for it, and later ones don't."""

from collections.abc import Generator
from typing import Any

import pytest
from aws_role import READ, client, document, session
from aws_twin import Service

from core.failure import Failure
from recovery.new_key import NewKeyWait, log_wait
from recovery.secrets_manager import fetch_secret
from recovery.vault.client import Forbidden
from recovery.vault.vault import VaultClient

pytestmark = pytest.mark.shares("aws-authorization")

ALIAS = "alias/new-vault"
BY_ALIAS = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": [ALIAS]}}
DENIED = {"Code": "AccessDenied", "Message": "User: x is not authorized to perform: kms:GenerateDataKey"}


class NewKey:
    """A key that the role `reader` may use by an alias, which is not there yet."""

    def __init__(self, service: Service) -> None:
        self._kms = service.client("kms")
        self.id = self._kms.create_key()["KeyMetadata"]["Arn"]

    def name(self) -> None:
        self._kms.create_alias(AliasName=ALIAS, TargetKeyId=self.id)

    def take_name_away(self) -> None:
        self._kms.delete_alias(AliasName=ALIAS)


@pytest.fixture
def key(service: Service) -> Generator[NewKey]:
    iam, new = service.client("iam"), NewKey(service)
    statements: tuple[dict[str, Any], ...] = (
        {"Effect": "Allow", "Action": ["s3:*", "secretsmanager:GetSecretValue"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": "*",
            "Condition": BY_ALIAS,
        },
    )

    def allow(*given: dict[str, Any]) -> None:
        iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(*given))

    allow(*statements)
    yield new
    allow(READ)
    new.take_name_away()


def test_the_first_backup_waits_until_the_new_key_may_be_used_and_later_ones_fail_at_once(
    service: Service, key: NewKey
) -> None:
    s3 = service.client("s3")
    s3.create_bucket(Bucket="new")
    s3.put_bucket_encryption(
        Bucket="new",
        ServerSideEncryptionConfiguration={
            "Rules": [
                {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key.id}}
            ]
        },
    )
    s3.put_bucket_versioning(Bucket="new", VersioningConfiguration={"Status": "Enabled"})
    waits: list[int] = []

    def on_wait(seconds_left: int) -> None:
        waits.append(seconds_left)
        if len(waits) == 2:
            key.name()

    def open_vault() -> VaultClient:
        return VaultClient(client(service, "s3", session(service)), "new")

    first = open_vault()
    with pytest.raises(Forbidden, match="kms:GenerateDataKey"):
        first.put("database/before", b"x")
    first.wait_for_new_key("database/", on_wait)
    first.put("database/first", b"x")
    assert len(waits) == 2
    assert all(290 < seconds <= 300 for seconds in waits)
    key.take_name_away()
    second = open_vault()
    second.wait_for_new_key("database/", waits.append)
    with pytest.raises(Forbidden, match="kms:GenerateDataKey"):
        second.put("database/second", b"x")
    assert len(waits) == 2
    key.name()


def test_a_jobs_document_waits_for_its_key(
    service: Service, key: NewKey, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.client("secretsmanager").create_secret(Name="new-key/job", SecretString="{}", KmsKeyId=key.id)
    for name, value in session(service).items():
        monkeypatch.setenv(name.upper(), value)
    monkeypatch.setenv("AWS_REGION", "us-east-1")

    def on_wait(seconds_left: int) -> None:
        log_wait(seconds_left)
        key.name()

    assert fetch_secret("new-key/job", service.url, on_wait) == "{}"
    assert 'event="waiting until the new key may be used" seconds_left=300' in capsys.readouterr().err
    with pytest.raises(Failure, match="no secret"):
        fetch_secret("new-key/no-such", service.url)


def test_the_wait_ends_after_five_minutes() -> None:
    now, left = [0.0], list[int]()
    wait = NewKeyWait(left.append, read_clock=lambda: now[0])
    for attempt in range(1, 100):
        pause = wait.choose_pause(DENIED, attempt)
        if pause is None:
            break
        assert 0 < pause <= 15
        now[0] += pause
    assert now == [300.0]
    assert left == sorted(left, reverse=True)


@pytest.mark.parametrize(
    "error",
    [
        {"Code": "AccessDenied", "Message": "User: x is not authorized to perform: s3:PutObject"},
        {"Code": "AccessDenied"},
        {"Code": "KMS.DisabledException", "Message": "the key kms:x is disabled"},
        {},
    ],
)
def test_nothing_else_is_waited_for(error: dict[str, Any]) -> None:
    assert NewKeyWait(lambda _: None).choose_pause(error, 1) is None

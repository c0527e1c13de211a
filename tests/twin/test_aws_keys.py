"""The twin's KMS: what a key's state, its policy and its grants permit."""

from collections.abc import Callable
from typing import Any

import pytest
from aws_role import ACCOUNT, READ, ROLE, client, document, session
from aws_twin import Service
from botocore.exceptions import ClientError

from recovery.vault.client import error_code

pytestmark = pytest.mark.shares("aws-authorization")

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
OTHER_ACCOUNT = {"AWS": "arn:aws:iam::210987654321:root"}
DELEGATES = {"Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
SEALED = {"Bucket": "vault", "Key": "sealed"}


@pytest.fixture
def key(service: Service) -> str:
    return service.client("kms").create_key()["KeyMetadata"]["Arn"]


def code(call: Callable[[], Any]) -> str:
    """Return the error's code, empty if the call succeeds."""
    try:
        call()
    except ClientError as error:
        return error_code(error)
    return ""


def set_policy(service: Service, role: str, *statements: dict[str, Any]) -> None:
    service.client("iam").put_role_policy(
        RoleName=role, PolicyName="read", PolicyDocument=document(*statements)
    )


def seal(service: Service, key: str) -> None:
    service.client("s3").put_object(**SEALED, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)


@pytest.mark.parametrize(
    ("end", "answer"),
    [
        (lambda kms, key: kms.disable_key(KeyId=key), "DisabledException"),
        (lambda kms, key: kms.schedule_key_deletion(KeyId=key), "KMSInvalidStateException"),
    ],
    ids=["disabled", "pending deletion"],
)
def test_a_key_that_is_disabled_or_about_to_be_deleted_opens_nothing(
    service: Service, key: str, end: Callable[[Any, str], Any], answer: str
) -> None:
    kms, s3 = service.client("kms"), service.client("s3")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    seal(service, key)
    end(kms, key)
    assert code(lambda: kms.decrypt(CiphertextBlob=sealed)) == answer
    assert code(lambda: kms.encrypt(KeyId=key, Plaintext=b"x")) == answer
    assert code(lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256")) == answer
    for who in (s3, client(service, "s3", session(service))):
        with pytest.raises(ClientError, match=f"KMS.{answer}") as refused:
            who.get_object(**SEALED)
        assert refused.value.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 400
    assert code(lambda: seal(service, key)) == f"KMS.{answer}"
    create = service.client("secretsmanager").create_secret
    assert code(lambda: create(Name="x", SecretString="x", KmsKeyId=key)) == "EncryptionFailure"
    assert code(lambda: s3.create_multipart_upload(**SEALED, ServerSideEncryption="aws:kms", SSEKMSKeyId=key))
    assert s3.head_object(**SEALED)["ContentLength"] == 1
    if answer == "KMSInvalidStateException":
        assert code(lambda: kms.enable_key(KeyId=key)) == answer
        assert code(lambda: kms.schedule_key_deletion(KeyId=key)) == answer
        assert code(lambda: kms.create_alias(AliasName="alias/late", TargetKeyId=key)) == answer
        kms.cancel_key_deletion(KeyId=key)
        assert code(lambda: s3.get_object(**SEALED)) == "KMS.DisabledException"
    assert code(lambda: kms.cancel_key_deletion(KeyId=key)) == "KMSInvalidStateException"
    kms.enable_key(KeyId=key)
    assert s3.get_object(**SEALED)["Body"].read() == b"x"
    assert kms.decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"


@pytest.mark.parametrize(
    ("statements", "refused"),
    [
        ([DELEGATES], False),
        ([{**DELEGATES, "Action": ["kms:Put*", "kms:Get*"]}], False),
        ([{**DELEGATES, "Action": "kms:Decrypt"}], True),
        ([{**DELEGATES, "Principal": {"AWS": ROLE}}], True),
        ([DELEGATES, {**DELEGATES, "Effect": "Deny", "Action": "kms:PutKeyPolicy"}], True),
        (
            [
                DELEGATES,
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "kms:PutKeyPolicy",
                    "Resource": "*",
                    "Condition": {"ArnNotEquals": {"aws:PrincipalArn": ROLE}},
                },
            ],
            True,
        ),
    ],
)
def test_a_key_policy_under_which_its_maker_could_not_change_it_needs_the_bypass(
    service: Service, key: str, statements: list[dict[str, Any]], refused: bool
) -> None:
    kms, policy = service.client("kms"), document(*statements)
    expected = "MalformedPolicyDocumentException" if refused else ""
    assert code(lambda: kms.create_key(Policy=policy)) == expected
    assert code(lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)) == expected
    assert (kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"] == policy) is not refused
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy, BypassPolicyLockoutSafetyCheck=True)
    assert bool(code(lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy))) is refused


@pytest.mark.parametrize("action", ["ScheduleKeyDeletion", "DisableKey", "CreateGrant", "Decrypt"])
def test_a_key_policys_denial_binds_the_administrator_as_well(
    service: Service, key: str, action: str
) -> None:
    kms = service.client("kms")
    sealed = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": f"kms:{action}", "Resource": "*"}
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=document(DELEGATES, deny))
    seal(service, key)
    calls: dict[str, Callable[[], Any]] = {
        "ScheduleKeyDeletion": lambda: kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7),
        "DisableKey": lambda: kms.disable_key(KeyId=key),
        "CreateGrant": lambda: kms.create_grant(KeyId=key, GranteePrincipal=ROLE, Operations=["Decrypt"]),
        "Decrypt": lambda: kms.decrypt(CiphertextBlob=sealed),
    }
    assert code(calls[action]) == "AccessDeniedException"
    assert code(lambda: service.client("s3").get_object(**SEALED)) == (
        "AccessDenied" if action == "Decrypt" else ""
    )


def test_a_key_whose_policy_names_no_administrator_obeys_none(service: Service, key: str) -> None:
    kms = service.client("kms")
    policy = document({**DELEGATES, "Principal": {"AWS": ROLE}})
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy, BypassPolicyLockoutSafetyCheck=True)
    assert code(lambda: kms.describe_key(KeyId=key)) == "AccessDeniedException"


CHANGES: dict[str, Callable[[Any, str], Any]] = {
    "CancelKeyDeletion": lambda kms, key: kms.cancel_key_deletion(KeyId=key),
    "CreateGrant": lambda kms, key: kms.create_grant(
        KeyId=key, GranteePrincipal=ROLE, Operations=["Decrypt"]
    ),
    "DeleteAlias": lambda kms, _: kms.delete_alias(AliasName="alias/mine"),
    "DisableKey": lambda kms, key: kms.disable_key(KeyId=key),
    "EnableKey": lambda kms, key: kms.enable_key(KeyId=key),
    "PutKeyPolicy": lambda kms, key: kms.put_key_policy(
        KeyId=key, PolicyName="default", Policy=document(DELEGATES)
    ),
    "ScheduleKeyDeletion": lambda kms, key: kms.schedule_key_deletion(KeyId=key),
    "TagResource": lambda kms, key: kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "b"}]),
    "UpdateAlias": lambda kms, key: kms.update_alias(AliasName="alias/mine", TargetKeyId=key),
}


@pytest.mark.parametrize("action", CHANGES)
def test_each_change_of_a_key_needs_its_own_permission(service: Service, key: str, action: str) -> None:
    admin = service.client("kms")
    admin.create_alias(AliasName="alias/mine", TargetKeyId=key)
    others = [f"kms:{name}" for name in CHANGES if name != action]
    kms = client(service, "kms", session(service))
    alias = f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/mine"
    try:
        set_policy(service, "reader", {"Effect": "Allow", "Action": others, "Resource": "*"})
        with pytest.raises(ClientError, match=f"kms:{action} on resource"):
            CHANGES[action](kms, key)
        if action in {"DeleteAlias", "UpdateAlias"}:  # the key that the alias names must allow it too
            set_policy(service, "reader", {"Effect": "Allow", "Action": f"kms:{action}", "Resource": alias})
            with pytest.raises(ClientError, match=f"kms:{action} on resource: .*:key/"):
                CHANGES[action](kms, key)
        set_policy(service, "reader", {"Effect": "Allow", "Action": f"kms:{action}", "Resource": "*"})
        assert code(lambda: CHANGES[action](kms, key)) in {"", "KMSInvalidStateException"}
    finally:
        code(lambda: admin.delete_alias(AliasName="alias/mine"))
        set_policy(service, "reader", READ)


def test_a_tagged_key_is_made_by_the_permission_to_give_its_tags(service: Service) -> None:
    kms = client(service, "kms", session(service))
    tag = [{"TagKey": "Project", "TagValue": "example"}]
    create = {"Effect": "Allow", "Action": "kms:CreateKey", "Resource": "*"}
    give = {"Effect": "Allow", "Action": "kms:TagResource", "Resource": f"arn:aws:kms:*:{ACCOUNT}:key/*"}

    def when(key: str, value: str = "example") -> dict[str, Any]:
        account = {"kms:CallerAccount": ACCOUNT}
        return {**give, "Condition": {"StringEquals": {key: value, **account}}}

    try:
        for statement in (None, when("aws:ResourceTag/Project"), when("aws:RequestTag/Project", "other")):
            set_policy(service, "reader", *filter(None, (create, statement)))
            with pytest.raises(ClientError, match="kms:TagResource"):
                kms.create_key(Tags=tag)
            assert code(kms.create_key) == ""
        set_policy(service, "reader", create, when("aws:RequestTag/Project"))
        made = kms.create_key(Tags=tag)["KeyMetadata"]["Arn"]
        # The condition is about the request's tags: the permission gives this tag to any key of the account.
        assert code(lambda: kms.tag_resource(KeyId=made, Tags=tag)) == ""
        assert code(lambda: kms.tag_resource(KeyId=made, Tags=[{"TagKey": "Project", "TagValue": "other"}]))
    finally:
        set_policy(service, "reader", READ)


def test_a_grant_opens_a_key_to_its_grantee_until_it_is_revoked_or_the_policy_denies(
    service: Service, key: str
) -> None:
    admin, s3 = service.client("kms"), client(service, "s3", session(service))
    read = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    seal(service, key)
    try:
        set_policy(service, "reader", read)
        assert code(lambda: s3.get_object(**SEALED)) == "AccessDenied"
        grant = admin.create_grant(KeyId=key, GranteePrincipal=ROLE, Operations=["Decrypt"])["GrantId"]
        assert s3.get_object(**SEALED)["Body"].read() == b"x"
        deny = {"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": "kms:Decrypt", "Resource": "*"}
        admin.put_key_policy(KeyId=key, PolicyName="default", Policy=document(DELEGATES, deny))
        assert code(lambda: s3.get_object(**SEALED)) == "AccessDenied"
        admin.put_key_policy(KeyId=key, PolicyName="default", Policy=document(DELEGATES))
        admin.revoke_grant(KeyId=key, GrantId=grant)
        assert code(lambda: s3.get_object(**SEALED)) == "AccessDenied"
    finally:
        set_policy(service, "reader", READ)


def test_the_administrator_of_one_account_needs_the_other_accounts_bucket_policy(service: Service) -> None:
    abroad = service.client("s3", account="210987654321")
    assert code(lambda: abroad.get_object(Bucket="vault", Key="a")) == "AccessDenied"
    assert code(lambda: abroad.delete_bucket_policy(Bucket="vault")) == "AccessDenied"
    share = {"Effect": "Allow", "Principal": OTHER_ACCOUNT, "Action": "s3:GetObject"}
    home = service.client("s3")
    home.put_bucket_policy(Bucket="vault", Policy=document({**share, "Resource": "arn:aws:s3:::vault/*"}))
    assert abroad.get_object(Bucket="vault", Key="a")["Body"].read() == b"content"
    assert code(lambda: abroad.put_object(Bucket="vault", Key="b", Body=b"x")) == "AccessDenied"
    home.delete_bucket_policy(Bucket="vault")

"""Permissions boundaries on the twin: a role may do what its policies and its boundary allow."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_role import ACCOUNT, READ, ROLE, client, document, session
from aws_twin import Service
from botocore.exceptions import ClientError

from twin.aws import second_factor

pytestmark = pytest.mark.shares("aws-authorization")

OBJECT = {"Bucket": "vault", "Key": "a"}
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ONLY_READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/job"


@pytest.fixture
def boundary(service: Service) -> Iterator[str]:
    """Give the role `reader` all permissions and a boundary that leaves it s3:GetObject."""
    iam = service.client("iam")
    name = f"bound-{uuid.uuid4()}"
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document(ONLY_READ))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="reader", PermissionsBoundary=arn)
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(ALL))
    yield arn
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))
    iam.delete_role_permissions_boundary(RoleName="reader")
    iam.delete_policy(PolicyArn=arn)


def put(s3: Any) -> None:
    s3.put_object(Bucket="vault", Key=f"new-{uuid.uuid4()}", Body=b"x")


def test_a_role_may_do_what_its_policies_and_its_boundary_allow(service: Service, boundary: str) -> None:
    iam, s3 = service.client("iam"), client(service, "s3", session(service))
    assert s3.get_object(**OBJECT)["Body"].read() == b"content"
    with pytest.raises(ClientError, match="no permissions boundary allows the s3:PutObject action"):
        put(s3)
    # The default version of the policy counts, from the next request on.
    wider = iam.create_policy_version(PolicyArn=boundary, PolicyDocument=document(ALL), SetAsDefault=True)[
        "PolicyVersion"
    ]["VersionId"]
    put(s3)
    iam.set_default_policy_version(PolicyArn=boundary, VersionId="v1")
    with pytest.raises(ClientError, match="no permissions boundary"):
        put(s3)
    iam.delete_policy_version(PolicyArn=boundary, VersionId=wider)
    deny = {**ONLY_READ, "Effect": "Deny"}
    denying = iam.create_policy_version(
        PolicyArn=boundary, PolicyDocument=document(ALL, deny), SetAsDefault=True
    )["PolicyVersion"]["VersionId"]
    with pytest.raises(ClientError, match="explicit deny in a permissions boundary"):
        s3.get_object(**OBJECT)
    iam.set_default_policy_version(PolicyArn=boundary, VersionId="v1")
    iam.delete_policy_version(PolicyArn=boundary, VersionId=denying)
    # A boundary allows nothing by itself.
    only_kms = document({**ALL, "Action": "kms:*"})
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=only_kms)
    with pytest.raises(ClientError, match="no identity-based policy allows"):
        s3.get_object(**OBJECT)


@pytest.mark.parametrize(
    ("principal", "limited"),
    [
        ({"AWS": ROLE}, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, True),
        ({"AWS": SESSION}, False),
        ("*", False),
    ],
    ids=["role", "account", "session", "everybody"],
)
def test_a_boundary_limits_what_a_resource_allows_the_role_and_not_what_it_allows_the_session(
    service: Service, boundary: str, principal: Any, limited: bool
) -> None:
    del boundary
    admin, s3 = service.client("s3"), client(service, "s3", session(service))
    allow = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::vault/*"}
    admin.put_bucket_policy(Bucket="vault", Policy=document({**allow, "Principal": principal}))
    try:
        if limited:
            with pytest.raises(ClientError, match="no permissions boundary allows"):
                put(s3)
        else:
            put(s3)
    finally:
        admin.delete_bucket_policy(Bucket="vault")


def test_a_boundarys_policy_exists_and_is_not_deleted(service: Service, boundary: str) -> None:
    iam, missing = service.client("iam"), f"{boundary}-2"
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.put_role_permissions_boundary(RoleName="reader", PermissionsBoundary=missing)
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.create_role(RoleName="x", AssumeRolePolicyDocument=document(), PermissionsBoundary=missing)
    with pytest.raises(ClientError, match="DeleteConflict"):
        iam.delete_policy(PolicyArn=boundary)


TRUST = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
BOUND = f"arn:aws:iam::{ACCOUNT}:policy/bound"
NAMED = {"RoleName": "worker"}
ANY_POLICY = f"arn:aws:iam::{ACCOUNT}:policy/any"
INLINE = {**NAMED, "PolicyName": "p"}
ROLE_CHANGES: list[tuple[str, Callable[[Any], Any], bool]] = [
    ("CreateRole", lambda iam: iam.create_role(**NAMED, AssumeRolePolicyDocument=document(TRUST)), False),
    (
        "CreateRole",
        lambda iam: iam.create_role(
            **NAMED, AssumeRolePolicyDocument=document(TRUST), PermissionsBoundary=ANY_POLICY
        ),
        False,
    ),
    (
        "CreateRole",
        lambda iam: iam.create_role(
            **NAMED, AssumeRolePolicyDocument=document(TRUST), PermissionsBoundary=BOUND
        ),
        True,
    ),
    ("PutRolePolicy", lambda iam: iam.put_role_policy(**INLINE, PolicyDocument=document(ALL)), True),
    ("DeleteRolePolicy", lambda iam: iam.delete_role_policy(**INLINE), True),
    ("AttachRolePolicy", lambda iam: iam.attach_role_policy(**NAMED, PolicyArn=ANY_POLICY), True),
    ("DetachRolePolicy", lambda iam: iam.detach_role_policy(**NAMED, PolicyArn=ANY_POLICY), True),
    (
        "PutRolePermissionsBoundary",
        lambda iam: iam.put_role_permissions_boundary(**NAMED, PermissionsBoundary=ANY_POLICY),
        False,
    ),
    (
        "PutRolePermissionsBoundary",
        lambda iam: iam.put_role_permissions_boundary(**NAMED, PermissionsBoundary=BOUND),
        True,
    ),
]


def test_a_condition_on_the_boundary_binds_what_roles_may_be_made_and_changed(service: Service) -> None:
    admin, iam = service.client("iam"), client(service, "iam", session(service))
    for name in ("bound", "any"):
        admin.create_policy(PolicyName=name, PolicyDocument=document(ONLY_READ))
    condition = {"StringEquals": {"iam:PermissionsBoundary": BOUND}}
    actions = sorted({f"iam:{action}" for action, _, _ in ROLE_CHANGES})
    delegated = {"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": condition}
    loosen = {"Effect": "Allow", "Action": "iam:DeleteRolePermissionsBoundary", "Resource": "*"}
    unbound = {"Condition": {"StringNotEquals": {"iam:PermissionsBoundary": BOUND}}}
    admin.put_role_policy(
        RoleName="reader", PolicyName="read", PolicyDocument=document(delegated, {**loosen, **unbound})
    )
    try:
        for action, change, allowed in ROLE_CHANGES:
            if allowed:
                change(iam)
            else:
                with pytest.raises(ClientError, match=f"iam:{action} on resource"):
                    change(iam)
        with pytest.raises(ClientError, match="iam:DeleteRolePermissionsBoundary"):
            iam.delete_role_permissions_boundary(**NAMED)
        admin.delete_role_permissions_boundary(**NAMED)
        with pytest.raises(ClientError, match="iam:PutRolePolicy"):
            iam.put_role_policy(**INLINE, PolicyDocument=document(ALL))
    finally:
        admin.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))
        admin.delete_role(**NAMED)
        for arn in (BOUND, ANY_POLICY):
            admin.delete_policy(PolicyArn=arn)


def test_calls_on_managed_policies_are_authorized_by_the_policy(service: Service) -> None:
    admin, iam = service.client("iam"), client(service, "iam", session(service))
    mine, other = (
        admin.create_policy(PolicyName=name, PolicyDocument=document(ONLY_READ))["Policy"]["Arn"]
        for name in ("mine", "other")
    )
    admin.put_role_policy(
        RoleName="reader",
        PolicyName="read",
        PolicyDocument=document({"Effect": "Allow", "Action": "iam:*", "Resource": mine}),
    )
    try:
        calls: list[Callable[[str], Any]] = [
            lambda arn: iam.get_policy(PolicyArn=arn),
            lambda arn: iam.create_policy_version(PolicyArn=arn, PolicyDocument=document(ALL)),
            lambda arn: iam.set_default_policy_version(PolicyArn=arn, VersionId="v2"),
            lambda arn: iam.delete_policy_version(PolicyArn=arn, VersionId="v1"),
            lambda arn: iam.delete_policy(PolicyArn=arn),
            lambda arn: iam.create_policy(PolicyName=arn.rpartition("/")[2], PolicyDocument=document(ALL)),
        ]
        for call in calls:
            with pytest.raises(ClientError, match=f"on resource: .{other}"):
                call(other)
            call(mine)
    finally:
        admin.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=document(READ))
        for arn in (mine, other):
            admin.delete_policy(PolicyArn=arn)


def test_a_role_that_asks_for_a_second_factor_is_assumed_with_one_alone(service: Service) -> None:
    iam, sts = service.client("iam"), service.client("sts")
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "Bool": {"aws:MultiFactorAuthPresent": "true"},
            "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
        },
    }
    made = iam.create_role(RoleName="glass", AssumeRolePolicyDocument=document(trust))
    asks = {"RoleArn": made["Role"]["Arn"], "RoleSessionName": "emergency"}
    device = {"SerialNumber": second_factor.serial_number(ACCOUNT)}
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        sts.assume_role(**asks)
    for code in (second_factor.show_code(service.home, steps=5), "000000x"):
        with pytest.raises(ClientError, match="invalid MFA one time pass code"):
            sts.assume_role(**asks, **device, TokenCode=code)
    code = {"TokenCode": second_factor.show_code(service.home)}
    with pytest.raises(ClientError, match="invalid MFA one time pass code"):
        sts.assume_role(**asks, SerialNumber=f"{device['SerialNumber']}-2", **code)
    assert sts.assume_role(**asks, **device, **code)["Credentials"]["SessionToken"]
    # A role's session has no device, whatever it is allowed.
    iam.put_role_policy(RoleName="reader", PolicyName="more", PolicyDocument=document(ALL))
    thief = client(service, "sts", session(service))
    with pytest.raises(ClientError, match="not authorized to perform: sts:AssumeRole"):
        thief.assume_role(**asks)
    with pytest.raises(ClientError, match="invalid MFA one time pass code"):
        thief.assume_role(**asks, **device, **code)
    iam.delete_role_policy(RoleName="reader", PolicyName="more")
    iam.delete_role(RoleName="glass")

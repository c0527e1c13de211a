"""
Random edits of what roles and grants allow: what the twin's evaluation finds harmful, a rule refuses.

Harmful is a role by which versions in a vault can be overwritten or marked as gone, whatever gives it the
right. What is harmless, such as a right to look or about something else, is refused by no rule.
"""

import json
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_harness import UNKNOWN, Toy, alter, find_toy, find_violations, production

from policies.facts.iam_documents import parse_statements
from policies.facts.iam_requests import IamRequest, is_allowed
from policies.framework.property_values import Known
from policies.framework.stack import Resource
from policies.rules import RULES, vaults
from twin.aws.policy import Decision, Principal, RequiredPermission, evaluate

FEW: Final = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ACCOUNT: Final = "123456789012"
VAULT: Final = f"arn:aws:s3:::example-vault-{ACCOUNT}-eu-west-1"
BOUNDARY, VAULT_POLICY = "backups-administration-boundary", "backups-vault-policy"
UNREAD: Final = Resource("urn:pulumi:prod::bulwark::x:y:Z::made", None)
ROLES: Final = {
    "backups-identity-backup-writer": "example-backup-writer",
    "backups-identity-deployer": "example-deployer",
    "backups-identity-planner": "example-planner",
    "backups-identity-state-writer": "example-state-writer",
    "backups-replicator": "example-vault-replicator",
}
WRITER: Final = "example-backup-writer"
KEYS: Final = ("database/daily/orders/1", "manifests/database/orders/1", "state/1", "evidence/1", "files/a/b")


@cache
def recorded() -> tuple[Toy, ...]:
    return tuple(production())


def _text(name: str) -> str:
    return find_toy(recorded(), name).inputs["policy"]


class Edited(NamedTuple):
    """Production with one more statement for a role: the stack, the role's name, and what it is given."""

    stack: list[Toy]
    role: str
    policies: tuple[str, ...]
    boundary: str


_ACTIONS: Final = st.sampled_from(
    [
        {"Action": "s3:PutObject"},
        {"Action": ["S3:putobject", "s3:GetObject"]},
        {"Action": "s3:Put*"},
        {"Action": "s3:*Object"},
        {"Action": "s3:PutObject?agging"},
        {"Action": "s3:PutObjectVersionTagging"},
        {"Action": "s3:*Tagging"},
        {"Action": "*"},
        {"NotAction": ["iam:*", "sts:*"]},
        {"NotAction": "s3:Delete*"},
        {"Action": ["s3:GetObject", "s3:ListBucket"]},
        {"Action": "sqs:SendMessage"},
    ]
)
_RESOURCES: Final = st.sampled_from(
    [
        {"Resource": f"{VAULT}/*"},
        {"Resource": f"{VAULT}/database/*"},
        {"Resource": [f"{VAULT}/fi*", "arn:aws:s3:::other/*"]},
        {"Resource": f"{VAULT}/state/?"},
        {"Resource": f"{VAULT}/files/*"},
        {"Resource": "arn:aws:s3:::example-*"},
        {"Resource": "*"},
        {"Resource": "arn:aws:s3:::other/*"},
        {"NotResource": f"{VAULT}/trust/*"},
        {"NotResource": [f"{VAULT}*", "arn:aws:s3:::other"]},
    ]
)
_CONDITIONS: Final = st.sampled_from(
    [
        {},
        {},
        {"Condition": {"Null": {"s3:if-none-match": "false"}}},
        {"Condition": {"Null": {"s3:if-none-match": "true"}}},
        {"Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}},
        {"Condition": {"StringLikeIfExists": {"s3:if-none-match": "*"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Condition": {"Bool": {"s3:ObjectCreationOperation": "false"}}},
    ]
)


class Right(NamedTuple):
    """One more right of a role, and how it is given; `wide` if the boundary lets all of S3 through."""

    toy: str
    statement: dict[str, Any]
    way: str
    wide: bool


_RIGHTS: Final = st.builds(
    lambda toy, action, resource, condition, way, wide: Right(
        toy, {"Effect": "Allow", **action, **resource, **condition}, way, wide
    ),
    st.sampled_from(sorted(ROLES)),
    _ACTIONS,
    _RESOURCES,
    _CONDITIONS,
    st.sampled_from(["statement", "inline", "managed", "in the role"]),
    st.booleans(),
)


def give(right: Right) -> Edited:
    """Return production with a right, given in one of the ways that IAM knows."""
    role = ROLES[right.toy]
    own = json.loads(_text(f"{right.toy}-policy"))
    more = json.dumps({"Version": "2012-10-17", "Statement": [right.statement]})
    inputs = {"role": role, "policy": more}
    inline = Toy("aws:iam/rolePolicy:RolePolicy", "more", inputs, provider="aws-primary")
    stack, policies = [*recorded(), inline], (_text(f"{right.toy}-policy"), more)
    match right.way:
        case "statement":
            text = json.dumps({**own, "Statement": [*own["Statement"], right.statement]})
            stack, policies = alter(recorded(), f"{right.toy}-policy", policy=text), (text,)
        case "managed":
            attachment = Toy(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                "attached",
                {"role": role},
                made_from={"policyArn": ["more"]},
                provider="aws-primary",
            )
            policy = replace(inline, type="aws:iam/policy:Policy", inputs={"name": "more", "policy": more})
            stack = [*recorded(), policy, attachment]
        case "in the role":
            stack = alter(recorded(), right.toy, inlinePolicies=[{"name": "more", "policy": more}])
        case _:
            pass
    boundary = _text(BOUNDARY)
    if right.wide:
        limits = json.loads(boundary)
        limits["Statement"].append({"Effect": "Allow", "Action": "s3:*", "Resource": f"{VAULT}/*"})
        boundary = json.dumps(limits)
        stack = alter(stack, BOUNDARY, policy=boundary)
    return Edited(stack, role, policies, boundary)


def find_harm(edited: Edited) -> str:
    """Return what the role may do to a version that nobody may, by all documents together; else ""."""
    arn = f"arn:aws:iam::{ACCOUNT}:role/{edited.role}"
    who = Principal("AWS", arn, ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/{edited.role}/session")
    context = {**who.context, "s3:tlsversion": "1.3", "s3:objectcreationoperation": "true"}
    gone = {"s3:requestobjecttag/bulwark-gone": "yes", "s3:requestobjecttagkeys": ("bulwark-gone",)}
    for key in KEYS:
        of_writer = edited.role == WRITER and key.startswith("files/")
        for action, more in (
            ("s3:PutObject", {}),
            ("s3:PutObjectTagging", gone),
            ("s3:PutObjectVersionTagging", gone),
        ):
            if of_writer or (more and not key.startswith("files/")):
                continue
            asked = RequiredPermission(action, f"{VAULT}/{key}", {**context, **more})
            by_role = max(evaluate(policy, asked, who) for policy in edited.policies)
            decisions = (by_role, evaluate(edited.boundary, asked, who))
            denied = evaluate(_text(VAULT_POLICY), asked, who) is Decision.DENIED
            if all(decision.allows for decision in decisions) and not denied:
                return f"{action} on {key} by {edited.role}"
    return ""


def test_the_reference_finds_no_harm_in_what_the_recorded_roles_may_do() -> None:
    for toy, role in ROLES.items():
        policies = (_text(f"{toy}-policy"),)
        assert find_harm(Edited([*recorded()], role, policies, _text(BOUNDARY))) == ""


@given(right=_RIGHTS)
@FEW
def test_a_right_to_overwrite_or_mark_a_version_is_refused_however_it_is_given(right: Right) -> None:
    edited = give(right)
    if harm := find_harm(edited):
        assert find_violations(edited.stack, vaults.RULES), harm


_HARMLESS: Final = st.builds(
    lambda action, resource, condition: {"Action": action, "Resource": resource, **condition},
    st.sampled_from(
        ["sqs:SendMessage", ["sqs:ReceiveMessage", "sqs:DeleteMessage"], "sns:Publish", "s3:GetObject"]
    ),
    st.sampled_from(["arn:aws:sqs:eu-west-1:123456789012:shop", "arn:aws:s3:::shop-uploads/*"]),
    st.sampled_from(
        [{}, {"Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}, {"Sid": "More"}]
    ),
)


@given(toy=st.sampled_from(sorted(ROLES)), statement=_HARMLESS, effect=st.sampled_from(["Allow", "Deny"]))
@settings(FEW, max_examples=8)
def test_a_right_to_something_else_is_refused_by_no_rule(
    toy: str, statement: dict[str, Any], effect: str
) -> None:
    own = json.loads(_text(f"{toy}-policy"))
    text = json.dumps({**own, "Statement": [*own["Statement"], {"Effect": effect, **statement}]})
    assert find_violations(alter(recorded(), f"{toy}-policy", policy=text), RULES) == []


_OPERATIONS: Final = st.lists(
    st.sampled_from(["Decrypt", "Encrypt", "GenerateDataKey", "DescribeKey", "RetireGrant", "CreateGrant"]),
    min_size=1,
    max_size=3,
    unique=True,
)


@given(
    operations=_OPERATIONS,
    account=st.sampled_from([ACCOUNT, "210987654321", "999999999999"]),
    key=st.sampled_from(["backups-vault-key", "backups-replica-key"]),
)
@settings(FEW, max_examples=15)
def test_a_grant_is_refused_where_it_hands_a_key_on_or_out_and_nowhere_else(
    operations: list[str], account: str, key: str
) -> None:
    grant = Toy(
        "aws:kms/grant:Grant",
        "grant",
        {
            "keyId": UNKNOWN,
            "granteePrincipal": f"arn:aws:iam::{account}:role/example-planner",
            "operations": operations,
        },
        made_from={"keyId": [key]},
        provider="aws-primary",
    )
    # No other account has a role of that name that the stack declares.
    harmful = "CreateGrant" in operations or account != "123456789012"
    assert bool(find_violations([*recorded(), grant], vaults.RULES)) is harmful


# The pack's own decision of a request

_STATEMENTS: Final = st.lists(
    st.builds(
        lambda effect, action, resource, condition: {
            "Effect": effect,
            **action,
            **resource,
            **condition,
        },
        st.sampled_from(["Allow", "Allow", "Deny"]),
        _ACTIONS,
        _RESOURCES,
        st.sampled_from(
            [
                {},
                {"Condition": {"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/example-*"}}},
                {"Condition": {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::123456789012:role/a"}}},
                {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": ["1", ACCOUNT]}}},
                {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
                {"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
                {"Condition": {"Null": {"s3:if-none-match": "true"}}},
                {"Condition": {"StringEqualsIfExists": {"s3:if-none-match": "x"}}},
                {"Condition": {"StringEquals": {"s3:if-none-match": "x"}}},
                {"Condition": {"StringNotLike": {"s3:if-none-match": "x*"}}},
                {"Condition": {"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/a", "alias/b"]}}},
                {"Condition": {"ForAllValues:StringEquals": {"kms:ResourceAliases": ["alias/a"]}}},
            ]
        ),
    ),
    min_size=1,
    max_size=3,
)


@given(
    statements=_STATEMENTS, key=st.sampled_from(KEYS), aliases=st.sampled_from([("alias/a",), ("alias/c",)])
)
@settings(FEW, max_examples=60)
def test_a_request_is_decided_as_the_twin_decides_it(
    statements: list[dict[str, Any]], key: str, aliases: tuple[str, ...]
) -> None:
    text = json.dumps({"Statement": statements})
    arn = f"arn:aws:iam::{ACCOUNT}:role/example-planner"
    who = Principal("AWS", arn, ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/example-planner/session")
    context = {**who.context, "s3:tlsversion": "1.3", "kms:resourcealiases": aliases}
    asked = RequiredPermission("s3:PutObject", f"{VAULT}/{key}", context)
    request = IamRequest(
        asked.action,
        asked.resource,
        arn,
        {name: value if isinstance(value, tuple) else (value,) for name, value in context.items()},
    )
    parsed, _ = parse_statements(Known(text), UNREAD, "policy")
    allowed = is_allowed(request, identity=parsed, boundary=None, resource=(), in_own_account=True)
    assert allowed is evaluate(text, asked, who).allows

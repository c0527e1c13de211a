"""How the twin's AWS reads a policy, by AWS's documented evaluation logic."""

import json
from typing import Any

import pytest

from twin.aws.policy import Context, Decision, Principal, RequiredPermission, evaluate

DENIED, ALLOWED, DELEGATED, NEUTRAL = Decision.DENIED, Decision.ALLOWED, Decision.DELEGATED, Decision.NEUTRAL
DIRECTLY = Decision.ALLOWED_DIRECTLY
SSE = "s3:x-amz-server-side-encryption"
ALIASES = "kms:ResourceAliases"
ACCOUNT = "123456789012"
WRITER = Principal(
    "AWS",
    f"arn:aws:iam::{ACCOUNT}:role/writer",
    ACCOUNT,
    f"arn:aws:sts::{ACCOUNT}:assumed-role/writer/job",
)
OBJECT = "arn:aws:s3:::vault/a/b"


def decide(
    statement: dict[str, Any],
    context: Context,
    *,
    principal: Principal = WRITER,
    action: str = "s3:PutObject",
) -> Decision:
    whole = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::vault/*", **statement}
    policy = json.dumps({"Version": "2012-10-17", "Statement": whole})
    return evaluate(
        policy, RequiredPermission(action, OBJECT, {"aws:securetransport": "true", **context}), principal
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ({}, DENIED),
        ({"Effect": "Allow"}, ALLOWED),
        ({"Action": "S3:Put*"}, DENIED),
        ({"Action": ["s3:GetObject", "s3:DeleteObject"]}, NEUTRAL),
        ({"Action": [], "NotAction": "s3:Get*"}, DENIED),
        ({"NotAction": "s3:Put*"}, NEUTRAL),
        ({"Resource": "arn:aws:s3:::vault"}, NEUTRAL),
        ({"Resource": "arn:aws:s3:::VAULT/*"}, NEUTRAL),
        ({"Resource": "arn:aws:s3:::vault/?/b"}, DENIED),
        ({"NotResource": "arn:aws:s3:::vault/a/*"}, NEUTRAL),
        ({"NotResource": "arn:aws:s3:::vault/c/*"}, DENIED),
    ],
)
def test_a_statement_is_about_an_action_on_a_resource(statement: dict[str, Any], expected: Decision) -> None:
    assert decide(statement, {}) is expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("*", DIRECTLY),
        ({"AWS": "*"}, DIRECTLY),
        ({"AWS": ["*"]}, DIRECTLY),
        ({"AWS": WRITER.arn}, ALLOWED),
        ({"AWS": [f"{WRITER.arn}-2", WRITER.session]}, DIRECTLY),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, DELEGATED),
        ({"AWS": ACCOUNT}, DELEGATED),
        ({"AWS": "arn:aws:iam::210987654321:root"}, NEUTRAL),
        ({"AWS": f"{WRITER.arn}-2"}, NEUTRAL),
        ({"AWS": "arn:aws:iam::*:role/writer"}, NEUTRAL),
        ({"Service": "logging.s3.amazonaws.com"}, NEUTRAL),
        ({"Federated": WRITER.arn}, NEUTRAL),
    ],
)
def test_a_principal_is_matched_by_everybody_by_name_and_by_account(
    principal: Any, expected: Decision
) -> None:
    assert decide({"Effect": "Allow", "Principal": principal}, {}) is expected
    assert decide({"Principal": principal}, {}) is (DENIED if expected else NEUTRAL)
    assert decide({"Effect": "Allow", "NotPrincipal": principal}, {}) is (NEUTRAL if expected else DIRECTLY)


def test_an_anonymous_principal_is_matched_by_everybody_alone() -> None:
    for principal in ("*", {"AWS": "*"}):
        assert decide({"Effect": "Allow", "Principal": principal}, {}, principal=Principal()) is DIRECTLY
    for principal in ({"AWS": [""]}, {"AWS": "arn:aws:iam:::root"}, {"AWS": ACCOUNT}):
        assert decide({"Effect": "Allow", "Principal": principal}, {}, principal=Principal()) is NEUTRAL


def test_a_service_principal_is_matched_by_name_and_not_by_everybody() -> None:
    s3 = Principal("Service", "s3.amazonaws.com")
    assert decide({"Principal": {"Service": s3.arn}}, {}, principal=s3) is DENIED
    assert decide({"Principal": "*"}, {}, principal=s3) is NEUTRAL


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, False),
        ({"Bool": {"aws:SecureTransport": True}}, {}, True),
        ({"Bool": {"s3:ObjectCreationOperation": "false"}}, {}, False),
        ({"Bool": {"s3:ObjectCreationOperation": "false"}}, {"s3:objectcreationoperation": "false"}, True),
        ({"StringNotEquals": {SSE: "aws:kms"}}, {}, True),
        ({"StringNotEqualsIfExists": {SSE: "aws:kms"}}, {}, True),
        ({"StringNotEquals": {SSE: "aws:kms"}}, {SSE: "aws:kms"}, False),
        ({"StringNotEquals": {SSE: ["AES256", "aws:kms"]}}, {SSE: "aws:kms"}, False),
        ({"StringEquals": {SSE: "AES256"}}, {}, False),
        ({"StringEqualsIfExists": {SSE: "AES256"}}, {}, True),
        ({"StringEquals": {SSE: ["AES256", "aws:kms"]}}, {SSE: "AES256"}, True),
        ({"StringEquals": {SSE: "aes256"}}, {SSE: "AES256"}, False),
        ({"StringEqualsIgnoreCase": {SSE: "aes256"}}, {SSE: "AES256"}, True),
        ({"Null": {SSE: "true"}}, {}, True),
        ({"Null": {SSE: True}}, {SSE: "aws:kms"}, False),
        ({"Null": {SSE: "false"}}, {}, False),
        ({"Null": {"s3:if-none-match": "false"}}, {"s3:if-none-match": "*"}, True),
        ({"StringNotEquals": {SSE: "aws:kms"}, "Null": {SSE: "false"}}, {}, False),
        ({"StringLike": {SSE: "aws:*"}}, {SSE: "aws:kms"}, True),
        ({"StringNotLike": {SSE: "aws:*"}}, {SSE: "aws:kms"}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/w*"}}, {}, False),
        (
            {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/w*"}},
            {"aws:principalarn": WRITER.arn},
            True,
        ),
        ({"ArnLike": {"aws:PrincipalArn": "arn:*:role/w*"}}, {"aws:principalarn": WRITER.arn}, False),
        (
            {"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}},
            {"aws:principalarn": WRITER.arn},
            True,
        ),
        ({"ForAnyValue:StringEquals": {ALIASES: ["alias/v"]}}, {}, False),
        (
            {"ForAnyValue:StringEquals": {ALIASES: ["alias/v"]}},
            {ALIASES.lower(): ("alias/o", "alias/v")},
            True,
        ),
        ({"ForAnyValue:StringEquals": {ALIASES: ["alias/v"]}}, {ALIASES.lower(): ("alias/o",)}, False),
        ({"ForAllValues:StringEquals": {ALIASES: ["alias/v"]}}, {}, True),
        (
            {"ForAllValues:StringEquals": {ALIASES: ["alias/v"]}},
            {ALIASES.lower(): ("alias/o", "alias/v")},
            False,
        ),
        ({"ForAnyValue:StringNotEquals": {ALIASES: ["alias/v"]}}, {}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {}, False),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {"s3:tlsversion": "1.3"}, False),
        ({"NumericLessThan": {"aws:MultiFactorAuthAge": "3600"}}, {"aws:multifactorauthage": "0"}, True),
        ({"NumericLessThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": "10"}, True),
        ({"NumericGreaterThan": {"s3:max-keys": 10}}, {"s3:max-keys": "10"}, False),
        ({"NumericGreaterThanEquals": {"s3:max-keys": 10}}, {"s3:max-keys": "ten"}, False),
        ({"NumericNotEquals": {"s3:max-keys": 10}}, {"s3:max-keys": "11"}, True),
    ],
)
def test_a_condition_decides_whether_its_statement_applies(
    condition: dict[str, Any], context: Context, holds: bool
) -> None:
    assert decide({"Condition": condition}, context) is (DENIED if holds else NEUTRAL)
    assert decide({"Effect": "Allow", "Condition": condition}, context) is (ALLOWED if holds else NEUTRAL)


@pytest.mark.parametrize(
    "statement",
    [
        {"Condition": {"DateLessThan": {"aws:SecureTransport": "2030-01-01T00:00:00Z"}}},
        {"Condition": {"StringEquals": {"aws:SecureTransport": "${aws:PrincipalAccount}"}}},
        {"Resource": "arn:aws:s3:::vault/${aws:PrincipalAccount}/*"},
    ],
)
def test_a_statement_that_cannot_be_decided_counts_against_the_request(statement: dict[str, Any]) -> None:
    assert decide(statement, {}) is DENIED
    assert decide({"Effect": "Allow", **statement}, {}) is NEUTRAL


def test_a_denial_wins_over_any_permission() -> None:
    anyone = {"Principal": "*", "Resource": "*"}
    allow, deny = {"Effect": "Allow", "Action": "*"}, {"Effect": "Deny", "NotAction": "s3:GetObject"}
    for statements in ([allow, deny], [deny, allow]):
        policy = json.dumps({"Statement": [{**anyone, **statement} for statement in statements]})
        assert evaluate(policy, RequiredPermission("s3:PutObject", OBJECT), WRITER) is DENIED
        assert evaluate(policy, RequiredPermission("s3:GetObject", OBJECT), WRITER) is DIRECTLY


def test_a_trust_policy_has_no_resource() -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}
    permission = RequiredPermission("sts:AssumeRole", WRITER.arn)
    document = json.dumps({"Statement": trust})
    assert evaluate(document, permission, Principal("Service", "s3.amazonaws.com")) is ALLOWED
    assert evaluate(document, permission, WRITER) is NEUTRAL

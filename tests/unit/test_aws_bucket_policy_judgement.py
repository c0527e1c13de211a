"""How the twin's S3 judges bucket policies."""

import json
from typing import Any

import pytest
from moto.iam.access_control import PermissionResult

from local.aws.policy import judge

DENIED, PERMITTED, NEUTRAL = PermissionResult.DENIED, PermissionResult.PERMITTED, PermissionResult.NEUTRAL
SSE = "s3:x-amz-server-side-encryption"


@pytest.mark.parametrize(
    ("statement", "context", "expected"),
    [
        ({}, {}, DENIED),
        ({"Effect": "Allow"}, {}, PERMITTED),
        ({"Principal": {"AWS": "*"}}, {}, DENIED),
        ({"Principal": {"AWS": ["*"]}}, {}, DENIED),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:role/writer"}}, {}, NEUTRAL),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, {}, NEUTRAL),
        ({"Action": "S3:Put*"}, {}, DENIED),
        ({"Action": ["s3:GetObject", "s3:DeleteObject"]}, {}, NEUTRAL),
        ({"Resource": "arn:aws:s3:::vault"}, {}, NEUTRAL),
        ({"Resource": "arn:aws:s3:::VAULT/*"}, {}, NEUTRAL),
        ({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}, {}, NEUTRAL),
        ({"Condition": {"Bool": {"aws:SecureTransport": True}}}, {}, DENIED),
        ({"Condition": {"StringNotEquals": {SSE: "aws:kms"}}}, {}, DENIED),
        ({"Condition": {"StringNotEqualsIfExists": {SSE: "aws:kms"}}}, {}, DENIED),
        ({"Condition": {"StringNotEquals": {SSE: "aws:kms"}}}, {SSE: "aws:kms"}, NEUTRAL),
        ({"Condition": {"StringNotEquals": {SSE: ["AES256", "aws:kms"]}}}, {SSE: "aws:kms"}, NEUTRAL),
        ({"Condition": {"StringEquals": {SSE: "AES256"}}}, {}, NEUTRAL),
        ({"Condition": {"StringEqualsIfExists": {SSE: "AES256"}}}, {}, DENIED),
        ({"Condition": {"StringEquals": {SSE: "AES256"}}}, {SSE: "AES256"}, DENIED),
        ({"Condition": {"Null": {SSE: "true"}}}, {}, DENIED),
        ({"Condition": {"Null": {SSE: "true"}}}, {SSE: "aws:kms"}, NEUTRAL),
        (
            {"Condition": {"StringNotEquals": {SSE: "aws:kms"}, "Null": {SSE: "false"}}},
            {},
            NEUTRAL,
        ),
        ({"Condition": {"StringLike": {SSE: "aws:*"}}}, {SSE: "aws:kms"}, DENIED),
        ({"Condition": {"ArnLike": {"aws:PrincipalArn": "*"}}}, {}, NEUTRAL),
        ({"Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}}, {}, NEUTRAL),
    ],
)
def test_a_statement_applies_when_all_of_it_does(
    statement: dict[str, Any], context: dict[str, str], expected: PermissionResult
) -> None:
    whole = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": "arn:aws:s3:::vault/*",
        **statement,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": whole})
    known = {"aws:securetransport": "true", **context}
    assert judge(policy, "s3:PutObject", "arn:aws:s3:::vault/a/b", known) == expected


def test_a_denial_wins_over_any_permission() -> None:
    anyone = {"Principal": "*", "Resource": "*"}
    allow, deny = {"Effect": "Allow", "Action": "*"}, {"Effect": "Deny", "NotAction": "s3:GetObject"}
    policy = json.dumps({"Statement": [{**anyone, **allow}, {**anyone, **deny}]})
    assert judge(policy, "s3:PutObject", "arn:aws:s3:::vault/a", {}) == DENIED
    assert judge(policy, "s3:GetObject", "arn:aws:s3:::vault/a", {}) == PERMITTED

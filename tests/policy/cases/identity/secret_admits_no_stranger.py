from typing import Any

from case import Case, Change
from policy_harness import UNKNOWN, Toy, secret

from cases.identity import ACCOUNT, OTHER, document

STRANGER = {"AWS": "arn:aws:iam::999999999999:root"}
READS = "secretsmanager:GetSecretValue"


def given(policy: Any) -> Change:
    """Give the job's document a policy."""
    made = Toy(
        "aws:secretsmanager/secretPolicy:SecretPolicy", "extra", {"policy": policy}, provider="aws-primary"
    )
    return lambda s: [*s, made]


def to(principal: Any, **more: Any) -> str:
    return document({"Action": READS, "Resource": "*", "Principal": principal, **more})


CASE = Case(
    rule="secret-admits-no-stranger",
    at="extra",
    weak=(
        given(to(STRANGER)),
        given(to("*")),
        given(to({"Service": "lambda.amazonaws.com"})),
        given(document({"Action": READS, "Resource": "*", "NotPrincipal": STRANGER})),
        given(to("*", Condition={"StringEquals": {"aws:PrincipalAccount": "999999999999"}})),
    ),
    absent=(given(None),),
    unknown=(given(UNKNOWN),),
    secret=(given(secret(to({"AWS": ACCOUNT}))),),
    fine=(
        given(to({"AWS": [f"arn:aws:iam::{ACCOUNT}:root", OTHER]})),
        given(to("*", Condition={"StringEquals": {"aws:PrincipalAccount": ACCOUNT}})),
    ),
)

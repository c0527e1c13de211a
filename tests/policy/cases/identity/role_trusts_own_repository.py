from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter, secret

from cases.identity import ACCOUNT, DEPLOYER, marked, role

_ISSUER = "token.actions.githubusercontent.com"
_REPOSITORY = "example@123456/platform@456789"


def _github(sub: Any, *, operator: str = "StringEquals", issuer: str = _ISSUER) -> Change:
    return role(
        {
            "Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {operator: {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": sub}},
        }
    )


def _declared(repository: Any) -> Change:
    """Return the change of what both programs declare."""
    return lambda s: alter(
        alter(s, "example", githubRepository=repository), "accounts", githubRepository=repository
    )


CASE = Case(
    rule="role-trusts-own-repository",
    at=DEPLOYER,
    weak=(
        _github("repo:example@123456/other@456790:environment:production"),
        _github("repo:other@123457/platform@456789:environment:production"),
        # The same names, under which somebody else may have a repository one day.
        _github("repo:example/platform:environment:production"),
        _github("repo:example@123456/platform@4567891:environment:production"),
        _github(
            [f"repo:{_REPOSITORY}:environment:production", "repo:example/platform:environment:production"]
        ),
        _github(f"repo:{_REPOSITORY}:environment:production", operator="StringLike"),
        _github("repo:example/platform:environment:production", issuer=f"{_ISSUER}/enterprise"),
        _declared("example/platform"),
        _declared(7),
        lambda s: alter(s, DEPLOYER, assumeRolePolicy="not JSON"),
    ),
    absent=(
        _declared(ABSENT),
        lambda s: alter(s, DEPLOYER, assumeRolePolicy=ABSENT),
    ),
    unknown=(
        _declared(UNKNOWN),
        lambda s: alter(s, DEPLOYER, assumeRolePolicy=UNKNOWN),
    ),
    secret=(
        marked(DEPLOYER, "assumeRolePolicy"),
        _declared(secret(_REPOSITORY)),
    ),
    fine=(
        _github([f"repo:{_REPOSITORY}:environment:production"]),
        role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/operator"}, "Action": "sts:AssumeRole"}),
        role({"Principal": {"Federated": "arn:aws:iam::1:oidc-provider/oidc.example.com/id/1"}}),
        role({"Principal": "*", "Action": "*", "Effect": "Deny"}),
    ),
)

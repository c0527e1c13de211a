from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, alter

from cases.identity import ACCOUNT, DEPLOYER, marked, role

_ISSUER = "token.actions.githubusercontent.com"
_CLUSTER = "oidc.eks.eu-west-1.amazonaws.com/id/1"


def _github(*, principal: Any = None, operator: str = "StringEquals", **claims: Any) -> Change:
    found = {"aud": "sts.amazonaws.com", "sub": "repo:example/platform:environment:production", **claims}
    return role(
        {
            "Principal": principal or {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{_ISSUER}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {operator: {f"{_ISSUER}:{claim}": value for claim, value in found.items() if value}},
        }
    )


CASE = Case(
    rule="role-trusts-one-workload",
    at=DEPLOYER,
    weak=(
        _github(sub="repo:example/platform:ref:refs/heads/main"),
        _github(sub="repo:example/platform:*"),
        _github(sub="repo:example/*:environment:production"),
        _github(sub=["repo:example/platform:environment:production", "repo:example/platform:environment:x"]),
        _github(sub=None),
        _github(aud=None),
        _github(aud="https://github.com/example"),
        _github(operator="StringLike"),
        _github(operator="ForAllValues:StringEquals"),
        _github(operator="StringEqualsIfExists"),
        _github(principal="*"),
        _github(principal={"Federated": "*"}),
        role({"NotPrincipal": {"AWS": "*"}, "Action": "sts:AssumeRole"}),
        role({"Action": "sts:AssumeRole"}),
        role(
            {"Principal": {"Federated": "arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"}}
        ),
        role({"Principal": {"Federated": "accounts.google.com"}}),
        role({"Principal": {"Federated": f"arn:aws:iam::{ACCOUNT}:saml-provider/Office"}}),
        # Whoever runs an identity provider can make any subject.
        role(
            {
                "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/oidc.example.com"},
                "Condition": {
                    "StringEquals": {"oidc.example.com:sub": "repo:example/platform:environment:x"}
                },
            }
        ),
        lambda s: alter(s, DEPLOYER, assumeRolePolicy="not JSON"),
    ),
    absent=(lambda s: alter(s, DEPLOYER, assumeRolePolicy=ABSENT),),
    unknown=(lambda s: alter(s, DEPLOYER, assumeRolePolicy=UNKNOWN),),
    secret=(marked(DEPLOYER, "assumeRolePolicy"),),
    fine=(
        _github(sub=["repo:example/platform:environment:production"], aud=["sts.amazonaws.com"]),
        _github(sub="repo:example@1/platform@2:environment:production"),
        role({"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/operator"}, "Action": "sts:AssumeRole"}),
        role({"Principal": "*", "Action": "*", "Effect": "Deny"}),
        role(
            {
                "Principal": {"Federated": f"arn:aws:iam::1:oidc-provider/{_CLUSTER}"},
                "Condition": {"StringEquals": {f"{_CLUSTER}:sub": "system:serviceaccount:a:b"}},
            }
        ),
    ),
)

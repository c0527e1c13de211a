"""The rules about identities, credentials and providers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, Toy, altered, named, secret, with_options

_DEPLOYER = "backups-identity-deployer"
_REPLICATOR = "backups-replicator"
_ISSUER = "token.actions.githubusercontent.com"
_ACCOUNT, _OTHER = "123456789012", "210987654321"
_KEYS = f"arn:aws:kms:eu-west-1:{_ACCOUNT}:key/*"
_OWN = f"arn:aws:iam::{_ACCOUNT}:role/example-deployer"


def document(statement: dict[str, Any], *others: dict[str, Any]) -> str:
    """Return a policy of these statements, which allow unless they say something else."""
    return json.dumps({"Statement": [{"Effect": "Allow", **one} for one in (statement, *others)]})


def _role(statement: dict[str, Any], name: str = _DEPLOYER) -> Change:
    return lambda s: altered(s, name, assumeRolePolicy=document(statement))


def _github(*, principal: Any = None, operator: str = "StringEquals", **claims: Any) -> Change:
    found = {"aud": "sts.amazonaws.com", "sub": "repo:example/platform:environment:production", **claims}
    return _role(
        {
            "Principal": principal or {"Federated": f"arn:aws:iam::{_ACCOUNT}:oidc-provider/{_ISSUER}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {operator: {f"{_ISSUER}:{claim}": value for claim, value in found.items() if value}},
        }
    )


def _service(service: str, name: str = _REPLICATOR, **condition: Any) -> Change:
    return _role(
        {"Principal": {"Service": service}, "Action": "sts:AssumeRole", "Condition": condition}, name
    )


def _account(who: str, **condition: Any) -> Change:
    return _role({"Principal": {"AWS": who}, "Action": "sts:AssumeRole", "Condition": condition})


def _policy(statement: dict[str, Any], *others: dict[str, Any]) -> Change:
    return lambda s: altered(s, f"{_DEPLOYER}-policy", policy=document(statement, *others))


def _on(action: Any, resource: Any, **condition: Any) -> dict[str, Any]:
    return {"Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


def _extra(type_: str, provider: str = "aws", **inputs: Any) -> Change:
    """Return the change that adds a resource called `extra`."""
    return lambda s: [*s, Toy(type_, "extra", inputs, provider=provider)]


def _marked(name: str, key: str) -> Change:
    return lambda s: altered(s, name, **{key: secret(named(s, name).inputs[key])})


def _made_with(provider: str) -> Change:
    def change(stack: Sequence[Toy]) -> list[Toy]:
        return [replace(toy, provider=provider) if toy.name == "uptime-health" else toy for toy in stack]

    return change


_TRUST = (
    Case(
        rule="role-trusts-one-workload",
        at=_DEPLOYER,
        weak=(
            _github(sub="repo:example/platform:ref:refs/heads/main"),
            _github(sub="repo:example/platform:*"),
            _github(sub="repo:example/*:environment:production"),
            _github(
                sub=["repo:example/platform:environment:production", "repo:example/platform:environment:x"]
            ),
            _github(sub=None),
            _github(aud=None),
            _github(aud="https://github.com/example"),
            _github(operator="StringLike"),
            _github(operator="ForAllValues:StringEquals"),
            _github(operator="StringEqualsIfExists"),
            _github(principal="*"),
            _github(principal={"Federated": "*"}),
            _role({"NotPrincipal": {"AWS": "*"}, "Action": "sts:AssumeRole"}),
            _role({"Action": "sts:AssumeRole"}),
            _role(
                {
                    "Principal": {
                        "Federated": "arn:aws:iam::1:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/1"
                    }
                }
            ),
            _role({"Principal": {"Federated": "accounts.google.com"}}),
            _role({"Principal": {"Federated": f"arn:aws:iam::{_ACCOUNT}:saml-provider/Office"}}),
            lambda s: altered(s, _DEPLOYER, assumeRolePolicy="not JSON"),
        ),
        absent=(lambda s: altered(s, _DEPLOYER, assumeRolePolicy=ABSENT),),
        unknown=(lambda s: altered(s, _DEPLOYER, assumeRolePolicy=UNKNOWN),),
        secret=(_marked(_DEPLOYER, "assumeRolePolicy"),),
        fine=(
            _github(sub=["repo:example/platform:environment:production"], aud=["sts.amazonaws.com"]),
            _github(sub="repo:example@1/platform@2:environment:production"),
            _role(
                {"Principal": {"AWS": f"arn:aws:iam::{_ACCOUNT}:role/operator"}, "Action": "sts:AssumeRole"}
            ),
            _role({"Principal": "*", "Action": "*", "Effect": "Deny"}),
            _role(
                {
                    "Principal": {"Federated": "arn:aws:iam::1:oidc-provider/oidc.example.com/id/1"},
                    "Condition": {"StringEquals": {"oidc.example.com/id/1:sub": "system:serviceaccount:a:b"}},
                }
            ),
        ),
    ),
    Case(
        rule="service-role-is-bound-to-account",
        at=_REPLICATOR,
        weak=(
            _service("s3.amazonaws.com"),
            _service("s3.amazonaws.com", StringLike={"aws:SourceAccount": "*"}),
            _service("s3.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:s3:::example-vault"}),
            _service("s3.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:backup:*:*:*"}),
            _service("s3.amazonaws.com", StringEqualsIfExists={"aws:SourceAccount": _ACCOUNT}),
            _role({"Principal": {"Service": ["ec2.amazonaws.com", "s3.amazonaws.com"]}}, _REPLICATOR),
        ),
        absent=(lambda s: altered(s, _REPLICATOR, assumeRolePolicy=ABSENT),),
        unknown=(lambda s: altered(s, _REPLICATOR, assumeRolePolicy=UNKNOWN),),
        secret=(_marked(_REPLICATOR, "assumeRolePolicy"),),
        fine=(
            _service("ec2.amazonaws.com"),
            _service("s3.amazonaws.com", StringEquals={"AWS:sourceaccount": [_ACCOUNT]}),
            _service("s3.amazonaws.com", ArnLike={"aws:SourceArn": f"arn:aws:backup:*:{_ACCOUNT}:*"}),
            _service(
                "s3.amazonaws.com",
                ArnLike={"aws:SourceArn": "arn:aws:s3:::example-vault"},
                StringEquals={"aws:SourceAccount": _ACCOUNT},
            ),
            _service("s3.amazonaws.com", StringEquals={"aws:SourceOrgID": "o-example"}),
        ),
    ),
    Case(
        rule="account-trust-is-conditional",
        at=_DEPLOYER,
        weak=(
            _account(_OTHER),
            _account(f"arn:aws:iam::{_OTHER}:root"),
            _account(f"arn:aws:iam::{_OTHER}:root", StringLike={"aws:PrincipalTag/team": "a"}),
        ),
        absent=(lambda s: altered(s, _DEPLOYER, assumeRolePolicy=ABSENT),),
        unknown=(lambda s: altered(s, _DEPLOYER, assumeRolePolicy=UNKNOWN),),
        secret=(_marked(_DEPLOYER, "assumeRolePolicy"),),
        fine=(
            _account(f"arn:aws:iam::{_ACCOUNT}:root"),
            _account(f"arn:aws:iam::{_OTHER}:role/operator"),
            _account(_OTHER, StringEquals={"sts:ExternalId": "agreed"}),
            _account(_OTHER, StringEquals={"aws:PrincipalOrgID": "o-example"}),
        ),
    ),
)

_PERMISSIONS = (
    Case(
        rule="policy-names-its-actions",
        at=f"{_DEPLOYER}-policy",
        weak=(
            _policy(_on("*", _OWN)),
            _policy(_on("*:*", _OWN)),
            _policy(_on("s3:*", _OWN)),
            _policy(_on("s3:**", _OWN)),
            _policy(_on(["s3:GetObject", "s3:?*"], _OWN)),
            _policy(_on("s3*", _OWN)),
            _policy({"NotAction": "iam:*", "Resource": _OWN}),
            _policy(_on("s3:GetObject", _OWN), _on("kms:*", _KEYS)),
        ),
        absent=(lambda s: altered(s, f"{_DEPLOYER}-policy", policy=ABSENT),),
        unknown=(lambda s: altered(s, f"{_DEPLOYER}-policy", policy=UNKNOWN),),
        secret=(_marked(f"{_DEPLOYER}-policy", "policy"),),
        fine=(_policy({"Effect": "Deny", "Action": "*", "Resource": "*"}), _policy(_on("s3:Get*", _OWN))),
    ),
    Case(
        rule="policy-names-its-resources",
        at=f"{_DEPLOYER}-policy",
        weak=(
            _policy(_on("s3:GetObject", "*")),
            _policy(_on("s3:GetObject", "arn:aws:s3:::*")),
            _policy(_on("s3:GetObject", "arn:aws:s3*")),
            _policy(_on(["s3:GetObject", "s3:ListAllMyBuckets"], "*")),
            _policy(_on("iam:PassRole", f"arn:aws:iam::{_ACCOUNT}:role/*")),
            _policy({"Action": "s3:GetObject", "NotResource": "arn:aws:s3:::example"}),
            _policy(_on("kms:Decrypt", _KEYS)),
            _policy(_on("kms:Decrypt", _KEYS, StringEquals={"kms:ResourceAliases": "alias/example"})),
            _policy(
                _on("kms:Decrypt", _KEYS, **{"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/*"}})
            ),
            _policy(_on(["kms:CreateAlias", "kms:Decrypt"], _KEYS)),
            _policy(_on("kms:CreateKey", _KEYS.replace("key/", "alias/"))),
        ),
        absent=(lambda s: altered(s, f"{_DEPLOYER}-policy", policy=ABSENT),),
        unknown=(lambda s: altered(s, f"{_DEPLOYER}-policy", policy=UNKNOWN),),
        secret=(_marked(f"{_DEPLOYER}-policy", "policy"),),
        fine=(
            _policy(_on(["kms:createkey", "s3:ListAllMyBuckets", "ec2:DescribeImages"], "*")),
            _policy(
                _on("kms:Decrypt", "*", **{"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/a"}})
            ),
            _policy(_on("kms:UpdateAlias", _KEYS)),
            _policy(_on("ec2:StartInstances", "*", StringEquals={"aws:ResourceTag/Project": "example"})),
            _policy(_on("s3:GetObject", "arn:aws:s3:::example/*")),
            _policy(_on("logs:PutLogEvents", f"arn:aws:logs:eu-west-1:{_ACCOUNT}:log-group:/example:*")),
        ),
    ),
    Case(
        rule="role-cannot-widen-itself",
        at=f"{_DEPLOYER}-policy",
        weak=(
            *(
                _policy(_on(f"iam:{action}", _OWN))
                for action in (
                    "AttachRolePolicy",
                    "DeleteRolePermissionsBoundary",
                    "DeleteRolePolicy",
                    "DetachRolePolicy",
                    "PutRolePermissionsBoundary",
                    "PutRolePolicy",
                    "UpdateAssumeRolePolicy",
                )
            ),
            _policy(_on("iam:*", "*")),
            _policy(_on("iam:put*", "arn:aws:iam::*:role/example-*")),
            _policy({"NotAction": "s3:*", "Resource": _OWN}),
            _policy({"Action": "iam:PutRolePolicy", "NotResource": "arn:aws:iam::*:role/other"}),
            _policy(
                _on("iam:PutRolePolicy", "*"),
                {
                    "Effect": "Deny",
                    **_on("iam:PutRolePolicy", _OWN, Bool={"aws:MultiFactorAuthPresent": "false"}),
                },
            ),
        ),
        absent=(lambda s: altered(s, f"{_DEPLOYER}-policy", policy=ABSENT),),
        unknown=(
            lambda s: altered(s, f"{_DEPLOYER}-policy", policy=UNKNOWN),
            lambda s: altered(s, f"{_DEPLOYER}-policy", role=UNKNOWN),
        ),
        secret=(_marked(f"{_DEPLOYER}-policy", "policy"), _marked(f"{_DEPLOYER}-policy", "role")),
        fine=(
            _policy(_on("iam:PutRolePolicy", f"arn:aws:iam::{_ACCOUNT}:role/example-backup-writer")),
            _policy(_on("iam:PutRolePolicy", f"arn:aws:iam::{_OTHER}:role/*")),
            _policy(_on(["iam:GetRole", "iam:PassRole"], "*")),
            _policy(_on("iam:*", "*"), {"Effect": "Deny", "Action": "iam:*", "Resource": _OWN}),
        ),
    ),
    Case(
        rule="role-has-no-managed-administrator",
        at="extra",
        weak=(
            *(
                _extra(
                    f"aws:iam/{kind}:{kind[0].upper()}{kind[1:]}", policyArn=f"arn:aws:iam::aws:policy/{name}"
                )
                for kind, name in (
                    ("rolePolicyAttachment", "AdministratorAccess"),
                    ("groupPolicyAttachment", "PowerUserAccess"),
                    ("userPolicyAttachment", "IAMFullAccess"),
                    ("policyAttachment", "AdministratorAccess-Amplify"),
                )
            ),
            _extra(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                policyArn=secret("arn:aws-cn:iam::aws:policy/AdministratorAccess"),
            ),
            _extra(
                "aws:iam/role:Role",
                managedPolicyArns=[
                    "arn:aws:iam::aws:policy/ReadOnlyAccess",
                    "arn:aws:iam::aws:policy/AdministratorAccess",
                ],
            ),
        ),
        absent=(_extra("aws:iam/rolePolicyAttachment:RolePolicyAttachment"),),
        unknown=(
            _extra("aws:iam/rolePolicyAttachment:RolePolicyAttachment", policyArn=UNKNOWN),
            _extra("aws:iam/role:Role", managedPolicyArns=UNKNOWN),
            _extra("aws:iam/role:Role", managedPolicyArns=[UNKNOWN]),
        ),
        secret=(
            _extra(
                "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                policyArn=secret("arn:aws:iam::aws:policy/ReadOnlyAccess"),
            ),
        ),
        fine=(
            _extra("aws:iam/role:Role", managedPolicyArns=[]),
            _extra("aws:iam/role:Role", managedPolicyArns=["arn:aws:iam::aws:policy/SecurityAudit"]),
            lambda s: [
                *s,
                Toy(
                    "aws:iam/policy:Policy",
                    "own",
                    {"policy": document(_on("s3:GetObject", _OWN))},
                    provider="aws",
                ),
                Toy(
                    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
                    "extra",
                    {"policyArn": UNKNOWN},
                    made_from={"policyArn": ["own"]},
                    provider="aws",
                ),
            ],
        ),
    ),
    Case(
        rule="role-session-is-short",
        at=_DEPLOYER,
        weak=(
            lambda s: altered(s, _DEPLOYER, maxSessionDuration=7201.0),
            lambda s: altered(s, _DEPLOYER, maxSessionDuration="7200"),
        ),
        # What the provider fills in counts; where it says nothing either, nothing is known.
        absent=(
            lambda s: [
                replace(toy, outputs={}) if toy.name == _DEPLOYER else toy
                for toy in altered(s, _DEPLOYER, maxSessionDuration=ABSENT)
            ],
        ),
        unknown=(lambda s: altered(s, _DEPLOYER, maxSessionDuration=UNKNOWN),),
        secret=(_marked(_DEPLOYER, "maxSessionDuration"),),
        fine=(lambda s: altered(s, _DEPLOYER, maxSessionDuration=3600.0),),
    ),
)

_CREDENTIALS = (
    Case(
        rule="no-long-lived-key",
        at="extra",
        weak=(
            *(
                _extra(f"aws:iam/{kind}:{kind[0].upper()}{kind[1:]}")
                for kind in (
                    "accessKey",
                    "serviceSpecificCredential",
                    "signingCertificate",
                    "sshKey",
                    "user",
                    "userLoginProfile",
                )
            ),
            *(
                _extra(f"neon:index/{kind}:{kind[0].upper()}{kind[1:]}", "neon")
                for kind in ("apiKey", "orgApiKey", "projectApiKey")
            ),
        ),
        absent=(),
        unknown=(),
    ),
    Case(
        rule="secret-is-marked",
        at="alerting-incidents",
        weak=(
            lambda s: altered(s, "alerting-incidents", value="hidden"),
            lambda s: altered(s, "alerting-incidents", customHeaders={"authorization": "hidden"}),
        ),
        absent=(),
        unknown=(lambda s: altered(s, "alerting-incidents", value=UNKNOWN),),
        secret=(lambda s: altered(s, "alerting-incidents", value=secret(UNKNOWN)),),
        fine=(
            lambda s: altered(s, "neon", apiKey=ABSENT),
            _extra("aws:ssm/parameter:Parameter", type="String", value="eu-west-1"),
        ),
    ),
    Case(
        rule="secret-outputs-are-marked",
        at="job-database-heartbeat",
        weak=(
            lambda s: with_options(s, "job-database-heartbeat", additionalSecretOutputs=["httpPassword"]),
            lambda s: altered(
                with_options(s, "job-database-heartbeat", additionalSecretOutputs=[]),
                "job-database-heartbeat",
                type=secret("HEARTBEAT"),
            ),
        ),
        absent=(lambda s: with_options(s, "job-database-heartbeat", additionalSecretOutputs=[]),),
        unknown=(
            lambda s: altered(
                with_options(s, "job-database-heartbeat", additionalSecretOutputs=[]),
                "job-database-heartbeat",
                type=UNKNOWN,
            ),
        ),
        secret=(_marked("job-database-heartbeat", "type"),),
        fine=(lambda s: with_options(s, "uptime-health", additionalSecretOutputs=[]),),
    ),
    Case(
        rule="nothing-looks-like-a-secret",
        at="alerting-automation",
        weak=(
            lambda s: altered(s, "alerting-automation", postValue="key AKIA" + "ABCDEFGHIJKLMNOP"),
            lambda s: altered(
                s, "alerting-automation", extra=[{"deep": "postgresql://owner:word@example.com/a"}]
            ),
            lambda s: altered(s, "alerting-automation", extra={"sk_live_" + "a" * 16: True}),
            lambda s: [
                replace(toy, outputs={"answer": "ghp_" + "a" * 36})
                if toy.name == "alerting-automation"
                else toy
                for toy in s
            ],
        ),
        absent=(),
        unknown=(),
        secret=(
            lambda s: altered(s, "alerting-automation", postValue=secret("key AKIA" + "ABCDEFGHIJKLMNOP")),
            lambda s: altered(s, "alerting-automation", extra=secret({"sk_live_" + "a" * 16: True})),
        ),
        fine=(
            lambda s: altered(s, "alerting-automation", postValue="https://example.com:8443/a@b"),
            lambda s: altered(s, "alerting-automation", postValue=UNKNOWN),
        ),
    ),
)

_PROVIDERS = (
    Case(
        rule="provider-is-explicit",
        at="uptime-health",
        weak=(_made_with("default"), _made_with("default_1_10_0")),
        absent=(),
        unknown=(),
        fine=(
            _made_with("default-europe"),
            _extra("random:index/randomId:RandomId", "default_4_18_2", byteLength=4),
        ),
    ),
    Case(
        rule="provider-is-pinned",
        at="neon",
        weak=(
            lambda s: altered(s, "neon", version=""),
            lambda s: altered(s, "neon", version="1"),
            lambda s: altered(s, "neon", version=">=0.15.0"),
            lambda s: altered(s, "neon", version=1.0),
        ),
        absent=(lambda s: altered(s, "neon", version=ABSENT),),
        unknown=(lambda s: altered(s, "neon", version=UNKNOWN),),
        secret=(_marked("neon", "version"),),
        fine=(lambda s: altered(s, "neon", version="1.0.0-alpha.1+build"),),
    ),
    Case(
        rule="provider-is-bound-to-account",
        at="aws",
        weak=(
            lambda s: altered(s, "aws", allowedAccountIds="[]"),
            lambda s: altered(s, "aws", allowedAccountIds=f'["{_ACCOUNT}", "{_OTHER}"]'),
            lambda s: altered(s, "aws", allowedAccountIds='["1234"]'),
            lambda s: altered(s, "aws", allowedAccountIds=_ACCOUNT),
        ),
        absent=(lambda s: altered(s, "aws", allowedAccountIds=ABSENT),),
        unknown=(
            lambda s: altered(s, "aws", allowedAccountIds=UNKNOWN),
            lambda s: altered(s, "aws", allowedAccountIds=[UNKNOWN]),
        ),
        secret=(_marked("aws", "allowedAccountIds"),),
        fine=(lambda s: altered(s, "aws", allowedAccountIds=[_OTHER]),),
    ),
    Case(
        rule="provider-tags-everything",
        at="aws",
        weak=(
            lambda s: altered(s, "aws", defaultTags="{}"),
            lambda s: altered(
                s, "aws", defaultTags={"tags": {"Project": "example", "Environment": "production"}}
            ),
            lambda s: altered(
                s,
                "aws",
                defaultTags={"tags": {"Project": " ", "Environment": "production", "ManagedBy": "pulumi"}},
            ),
        ),
        absent=(lambda s: altered(s, "aws", defaultTags=ABSENT),),
        unknown=(
            lambda s: altered(s, "aws", defaultTags=UNKNOWN),
            lambda s: altered(
                s,
                "aws",
                defaultTags={
                    "tags": {"Project": UNKNOWN, "Environment": "production", "ManagedBy": "pulumi"}
                },
            ),
        ),
        secret=(_marked("aws", "defaultTags"),),
        fine=(
            lambda s: altered(
                s,
                "aws",
                defaultTags={"tags": {"Project": "a", "Environment": "b", "ManagedBy": "c", "Owner": "d"}},
            ),
        ),
    ),
)

CASES = (*_TRUST, *_PERMISSIONS, *_CREDENTIALS, *_PROVIDERS)

"""A policy that allows something on everything of a kind is refused."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import Statement, granted, identity_policies, matches
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_WITHOUT_RESOURCE: Final = (
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "cloudwatch:PutMetricData",
    "ec2:Describe*",
    "ecr:GetAuthorizationToken",
    "iam:GetAccountSummary",
    "iam:ListAccountAliases",
    "iam:ListOpenIDConnectProviders",
    "kms:CreateKey",
    "kms:GenerateRandom",
    "kms:ListAliases",
    "kms:ListKeys",
    "organizations:DescribeOrganization",
    "s3:GetAccountPublicAccessBlock",
    "s3:ListAllMyBuckets",
    "secretsmanager:GetRandomPassword",
    "secretsmanager:ListSecrets",
    "ssm:DescribeParameters",
    "sts:GetCallerIdentity",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)
"""Actions that can be allowed on `*` only (AWS Service Authorization Reference: no resource type)."""

_NAMES_OF_KEYS: Final = ("kms:CreateAlias", "kms:UpdateAlias")
"""Both need permission on the key as well, and a new key has no alias yet that it could be known by."""

_ALIASES: Final = "kms:ResourceAliases"
_NOTHING: Final = re.compile(
    # No whole ARN, as `*`; or in its last part no more than a type, as `key/*`. What stands in the place of
    # a type is with these two services the name of a bucket or an API.
    r"[^:]*(:[^:]*){0,4}|arn(:[^:]*){4}:[*?]+|"
    r"arn:[^:]*:(?!s3:|execute-api:)[^:]*:[^:]*:[^:]*:[a-z-]+[:/][*?]+"
)
"""A resource that is not named."""

_KEY: Final = re.compile(r"arn:[^:]*:kms:[^:]*:[^:]*:(key/)?[*?]+")


def _judge(policy: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    statements, lacking = granted(policy)
    return [*lacking, *(text for statement in statements if statement.allows for text in _lack(statement))]


def _lack(statement: Statement) -> Iterator[Text]:
    if not statement.resources:
        yield say("a statement allows something on whatever it does not list (NotResource)")
    tagged = any(
        op == "StringEquals" and key.startswith("aws:resourcetag/") for op, key, _ in statement.conditions
    )
    for resource in statement.resources:
        if _NOTHING.fullmatch(resource) and not tagged and not _needs_no_name(statement, resource):
            yield say("a statement allows something on every resource of a kind")


def _needs_no_name(statement: Statement, resource: str) -> bool:
    # AWS chooses a key's id, so a policy knows it by its alias (AWS KMS, "Use aliases to control access").
    by_alias = bool(statement.demands("ForAnyValue:StringEquals", _ALIASES))
    open_to_all = not resource.strip("*?")
    return bool(statement.actions) and all(
        (open_to_all and any(matches(free, action, fold=True) for free in _WITHOUT_RESOURCE))
        or (by_alias and action.lower().startswith("kms:"))
        or (
            bool(_KEY.fullmatch(resource))
            and any(matches(free, action, fold=True) for free in _NAMES_OF_KEYS)
        )
        for action in statement.actions
    )


RULE: Final = Rule(
    id="policy-names-its-resources",
    title="Every policy allows its actions on resources by name",
    violated="does not name its resources",
    severity=Severity.HIGH,
    risk="The identity reaches every bucket, key or role of the account, also those that are not made yet.",
    fix=(
        "Name the resources by ARN, a key by its alias (ForAnyValue:StringEquals on kms:ResourceAliases); "
        "keep `*` for the few actions that know no resource, in a statement of their own."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_3, Control.CIS_3_3),
    subjects=identity_policies,
    judge=_judge,
)

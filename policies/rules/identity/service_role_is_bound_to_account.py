"""A role that an AWS service could assume for another customer is refused."""

import re
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, Statement, read_statements
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameter, Parameters, Rule, of_type
from policies.framework.stack import PolicyStack, Resource

_ARN_WITH_ACCOUNT: Final = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[0-9]{12}:.+")
"""An ARN that contains the account; a bucket's does not."""

_RUN_WITHIN_ACCOUNT: Final = Parameter(
    "services_within_account",
    # They only assume roles of the account that they run in: a role can't be passed to another account (AWS
    # IAM, "Grant a user permissions to pass a role to an AWS service").
    ["ec2.amazonaws.com", "lambda.amazonaws.com"],
    {"type": "array", "items": {"type": "string"}},
    "services that act for nobody but the role's own account, and need no condition",
    looser="more",
)


def _judge(role: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    statements, problems = read_statements(role, "assumeRolePolicy")
    yield from problems
    exempt = set(limits[_RUN_WITHIN_ACCOUNT.name])
    for statement in statements:
        services = {who for kind, who in statement.principals if kind == "Service"}
        if statement.allows and services - exempt and not _is_bound(statement):
            yield message(
                "a service may take it on for any account (no aws:SourceAccount, and no full ARN as source)"
            )


def _is_bound(statement: Statement) -> bool:
    owners = [*statement.allowed_values("aws:SourceAccount"), *statement.allowed_values("aws:SourceOrgID")]
    arns = statement.allowed_values("aws:SourceArn")
    return (
        bool(owners or arns)
        and not any("*" in owner for owner in owners)
        and all(owners or _ARN_WITH_ACCOUNT.fullmatch(arn) for arn in arns)
    )


RULE: Final = Rule(
    id="service-role-is-bound-to-account",
    title="Every role of an AWS service is taken on for one's own account only",
    violated="is not bound to an account",
    severity=Severity.HIGH,
    risk="Another customer can have the service act with this role (the confused deputy of AWS IAM).",
    fix="Add StringEquals on aws:SourceAccount, or ArnLike on aws:SourceArn with its account, to the trust.",
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.ISO_A_5_15),
    subjects=of_type(ROLE),
    judge=_judge,
    parameters=(_RUN_WITHIN_ACCOUNT,),
)

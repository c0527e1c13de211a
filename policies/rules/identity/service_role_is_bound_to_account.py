"""A role that an AWS service could take on for another customer is refused."""

import re
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, Statement, read
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameter, Parameters, Rule, of
from policies.framework.stack import PolicyStack, Resource

_OWNED: Final = re.compile(r"arn:[^:]+:[^:]+:[^:]*:[0-9]{12}:.+")
"""An ARN that says whose the resource is; a bucket's does not."""

_RUN_WITHIN_ACCOUNT: Final = Parameter(
    "services_within_account",
    # They take a role on for what runs in its own account: a role can be passed within one account only (AWS
    # IAM, "Grant a user permissions to pass a role to an AWS service").
    ["ec2.amazonaws.com", "lambda.amazonaws.com"],
    {"type": "array", "items": {"type": "string"}},
    "services that act for nobody but the role's own account, and need no condition",
)


def _judge(role: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    statements, lacking = read(role, "assumeRolePolicy")
    yield from lacking
    exempt = set(limits[_RUN_WITHIN_ACCOUNT.name])
    for statement in statements:
        services = {who for kind, who in statement.principals if kind == "Service"}
        if statement.allows and services - exempt and not _is_bound(statement):
            yield say(
                "a service may take it on for any account (no aws:SourceAccount, and no full ARN as source)"
            )


def _is_bound(statement: Statement) -> bool:
    owners = [*statement.leaves("aws:SourceAccount"), *statement.leaves("aws:SourceOrgID")]
    arns = statement.leaves("aws:SourceArn")
    return (
        bool(owners or arns)
        and not any("*" in owner for owner in owners)
        and all(owners or _OWNED.fullmatch(arn) for arn in arns)
    )


RULE: Final = Rule(
    id="service-role-is-bound-to-account",
    title="Every role of an AWS service is taken on for one's own account only",
    violated="is not bound to an account",
    severity=Severity.HIGH,
    risk="Another customer can have the service act with this role (the confused deputy of AWS IAM).",
    fix="Add StringEquals on aws:SourceAccount, or ArnLike on aws:SourceArn with its account, to the trust.",
    controls=(Control.NIST_AC_3, Control.SOC_CC6_1, Control.ISO_A_5_15),
    subjects=of(ROLE),
    judge=_judge,
    parameters=(_RUN_WITHIN_ACCOUNT,),
)

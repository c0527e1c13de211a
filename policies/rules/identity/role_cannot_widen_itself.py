"""A policy that lets a role change its own permissions or trust is refused."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, Statement, identity_policies, read_identity_statements
from policies.facts.iam_roles import POLICY, ROLE_POLICY, Roles
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_HELD_BY_ROLES: Final = (POLICY, ROLE, ROLE_POLICY)
_WIDENING: Final = (
    "iam:AttachRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
)
"""Actions that change a role's permissions or trust (AWS Service Authorization Reference, IAM)."""

_SOME_ACCOUNT: Final = "000000000000"
_ACCOUNT: Final = re.compile(r":iam::[0-9]{12}:")
_PARTITION: Final = re.compile(r"^arn:aws[a-z-]*:")


def _judge(policy: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    statements, problems = read_identity_statements(policy)
    yield from problems
    for role, name in stack.view(Roles).with_policy(policy):
        match name:
            case Known(str(path)):
                if _widens(statements, path, role.provider_input("allowedAccountIds").each()):
                    yield message("it lets {role} change its own permissions or trust", role=role)
            case Unknown():
                yield unknown_value(role, "name")
            case _:
                yield message("{role} does not say whose it is", role=role)


def _widens(statements: list[Statement], path: str, accounts: list[PropertyValue]) -> bool:
    known = [str(account.value) for account in accounts if isinstance(account, Known)]
    arns = [f"arn:aws:iam::{account}:role{path}" for account in known or [_SOME_ACCOUNT]]
    statements = [_normalize(statement, any_account=not known) for statement in statements]
    denied = [statement for statement in statements if not statement.allows and not statement.conditions]
    return any(
        statement.allows
        and statement.covers(action, arn)
        and not any(denial.covers(action, arn) for denial in denied)
        for statement in statements
        for action in _WIDENING
        for arn in arns
    )


def _normalize(statement: Statement, *, any_account: bool) -> Statement:
    """Replace the partition in its ARNs by `aws` and, with `any_account`, the account by `_SOME_ACCOUNT`."""

    def normalize(arns: tuple[str, ...]) -> tuple[str, ...]:
        arns = tuple(_PARTITION.sub("arn:aws:", arn) for arn in arns)
        return tuple(_ACCOUNT.sub(f":iam::{_SOME_ACCOUNT}:", arn) for arn in arns) if any_account else arns

    return replace(
        statement, resources=normalize(statement.resources), not_resources=normalize(statement.not_resources)
    )


RULE: Final = Rule(
    id="role-cannot-widen-itself",
    title="No role can change what itself is allowed",
    violated="lets a role widen itself",
    severity=Severity.CRITICAL,
    risk="Whoever runs one job with this role can make it an administrator, and then do anything.",
    fix="Leave the role itself out of the ARNs on which the policy allows changing roles, or deny it there.",
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_2),
    subjects=lambda stack: [policy for policy in identity_policies(stack) if policy.type in _HELD_BY_ROLES],
    judge=_judge,
)

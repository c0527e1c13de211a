"""A policy that lets a role make or change a role without a permissions boundary is refused."""

from collections.abc import Iterable, Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.iam_documents import ROLE, Statement, identity_policies, read_identity_statements
from policies.facts.iam_roles import POLICY, ROLE_POLICY, RoleArns, allows_everything, boundaries
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Absent, Known
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_HELD_BY_ROLES: Final = (POLICY, ROLE, ROLE_POLICY)
_LIMITED: Final[tuple[LiteralString, ...]] = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
)
"""Actions that IAM can allow for roles with a given boundary alone (Service Authorization Reference, IAM)."""

_TRUST: Final = "iam:UpdateAssumeRolePolicy"
_UNBIND: Final = "iam:DeleteRolePermissionsBoundary"
_CHANGE_POLICY: Final[tuple[LiteralString, ...]] = (
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:SetDefaultPolicyVersion",
)


def _judge(policy: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    statements, problems = read_identity_statements(policy)
    yield from problems
    allowed = [statement for statement in statements if statement.allows]
    for statement in allowed:
        yield from _check_limits(statement, allowed)
    changing = [one for one in allowed if any(map(one.covers_action, (*_LIMITED, _TRUST)))]
    for role in stack.view(RoleArns).find_covered(changing) if changing else ():
        bound = role.at("permissionsBoundary")
        if isinstance(bound, Absent):
            yield message("it may change {role}, which has no permissions boundary", role=role)
        elif isinstance(bound, Known) and allows_everything(str(bound.value)):
            yield message("it may change {role}, whose permissions boundary allows everything", role=role)
        elif isinstance(bound, Known) and stack.view(boundaries) and role not in stack.view(boundaries):
            yield message("it may change {role}, whose permissions boundary nobody declares", role=role)


def _check_limits(statement: Statement, allowed: list[Statement]) -> Iterator[Message]:
    if statement.covers_action(_UNBIND):
        yield message("it may take the permissions boundary off a role")
    for action in _LIMITED:
        if not statement.covers_action(action):
            continue
        limits = statement.allowed_values("iam:PermissionsBoundary")
        if not limits or any(set(arn) & {"*", "?"} for arn in limits):
            yield message("it may do " + action + " for a role without a given permissions boundary")
        for change in _CHANGE_POLICY:
            if any(one.covers(change, arn) for one in allowed for arn in limits):
                yield message("it may change the permissions boundary itself, by " + change)


RULE: Final = Rule(
    id="role-is-bounded",
    title="Whoever may make or change roles gives them no more than a permissions boundary allows",
    violated="may make a role that is allowed anything",
    severity=Severity.CRITICAL,
    risk="Whoever runs one job with it writes a policy of everything onto a role that it then takes on.",
    fix=(
        "Give each of these roles a permissionsBoundary, and allow changing them where "
        "iam:PermissionsBoundary is its ARN; allow nothing that changes or removes the boundary."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_2),
    subjects=lambda stack: [
        policy
        for policy in identity_policies(stack)
        if policy.type in _HELD_BY_ROLES and policy not in set(stack.view(boundaries).values())
    ],
    judge=_judge,
)

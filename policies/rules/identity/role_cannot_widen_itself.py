"""A policy by which a role can change what itself, or a role that it can take on, is allowed is refused."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pulumi_policy import Severity

from policies.facts.guards import find_guard
from policies.facts.iam_documents import (
    ROLE,
    Statement,
    identity_policies,
    read_identity_statements,
    read_statements,
)
from policies.facts.iam_roles import (
    POLICY,
    ROLE_POLICY,
    SOME_ACCOUNT,
    RoleArns,
    Roles,
    arns_of,
    boundaries,
)
from policies.facts.s3_access import IamIdentities
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

_GRANTING: Final = ("iam:AttachRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy")
"""Those that can give more, and that IAM can limit to roles with a given permissions boundary."""

_BOUNDARY: Final = "iam:PermissionsBoundary"
_BREAK_GLASS: Final = "breakGlassArn"
_ASSUME: Final = "sts:AssumeRole"
_TRUST: Final = "iam:UpdateAssumeRolePolicy"
_ACCOUNT: Final = re.compile(r":iam::[0-9]{12}:")
_PARTITION: Final = re.compile(r"^arn:aws[a-z-]*:")


def _judge(policy: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    statements, problems = read_identity_statements(policy)
    yield from problems
    for role, name in stack.view(Roles).with_policy(policy):
        match name:
            case Known(str(path)):
                for guard in _find_guards(role, statements, stack):
                    yield message("it lets {role} take on {guard}, which people keep", role=role, guard=guard)
                if _widens(statements, path, role.provider_input("allowedAccountIds").each()):
                    yield message("it lets {role} change its own permissions or trust", role=role)
                elif _takes_part(statements):
                    for other in _find_ways(role, stack):
                        yield message(
                            "it lets {role} take on {other} with any permission", role=role, other=other
                        )
            case Unknown():
                yield unknown_value(role, "name")
            case _:
                yield message("{role} does not say whose it is", role=role)


def _widens(statements: list[Statement], path: str, accounts: list[PropertyValue]) -> bool:
    known = [str(account.value) for account in accounts if isinstance(account, Known)]
    arns = [f"arn:aws:iam::{account}:role{path}" for account in known or [SOME_ACCOUNT]]
    statements = [_normalize(statement, any_account=not known) for statement in statements]
    return any(_allows(statements, action, arn) for action in _WIDENING for arn in arns)


def _find_guards(role: Resource, statements: list[Statement], stack: PolicyStack) -> list[Resource]:
    """Return the roles for emergencies that a workload's role is allowed to take on."""
    if role.type != ROLE or not _takes_part(statements) or not _is_of_workload(role):
        return []
    return [
        guard
        for arn in stack.view(_find_published_arns)
        if _allows(statements, _ASSUME, arn) and (guard := find_guard(arn, stack)) and guard is not role
    ]


def _find_published_arns(stack: PolicyStack) -> list[str]:
    published = (component.at(_BREAK_GLASS) for component in stack.publishers(_BREAK_GLASS))
    return [str(arn.value) for arn in published if isinstance(arn, Known)]


def _is_of_workload(role: Resource) -> bool:
    """Tell whether a service or a token takes on a role, and no person."""
    return any(
        kind == "Service" or (kind == "Federated" and ":saml-provider/" not in who)
        for statement in read_statements(role, "assumeRolePolicy")[0]
        if statement.allows
        for kind, who in statement.principals
    )


def _takes_part(statements: list[Statement]) -> bool:
    """Tell whether statements allow anything that such a way begins with."""
    return any(one.allows and one.covers_action(action) for one in statements for action in (_ASSUME, _TRUST))


def _find_ways(role: Resource, stack: PolicyStack) -> list[Resource]:
    """Return the roles that a role can get into, and whose permissions it can widen from any of these."""
    reached = [role]

    def may(actor: Resource, action: str, other: Resource, *, unless: str = "") -> bool:
        # What the role itself is allowed is judged as if nothing bounded it.
        most = None if actor is role else stack.view(boundaries).get(actor)
        limits = read_statements(most)[0] if most else None
        identity = stack.view(IamIdentities).by_resource.get(actor)
        own = [*identity.statements] if identity else []
        return any(
            _allows(own, action, arn, unless=unless) and (limits is None or _allows(limits, action, arn))
            for arn in arns_of(other)
        )

    def find_allowed(actor: Resource, action: str) -> list[Resource]:
        identity = stack.view(IamIdentities).by_resource.get(actor)
        own = identity.statements if identity else ()
        covered = stack.view(RoleArns).find_covered(
            one for one in own if one.allows and one.covers_action(action)
        )
        return [other for other in covered if may(actor, action, other)]

    trust = stack.view(_index_trust)
    for actor in reached:  # grows meanwhile
        arns = arns_of(actor)
        of_account = {other for one in ("*", *_accounts(arns)) for other in trust.get(one, ())}
        found = {
            *find_allowed(actor, _TRUST),
            *(other for one in ("*", *arns) for other in trust.get(one, ())),
            *of_account.intersection(find_allowed(actor, _ASSUME)),
        }
        reached += sorted(found.difference(reached), key=lambda other: other.urn)
    return [
        other
        for other in reached
        if other is not role
        and any(may(actor, action, other, unless=_BOUNDARY) for actor in reached for action in _GRANTING)
    ]


def _index_trust(stack: PolicyStack) -> dict[str, list[Resource]]:
    """Return the roles by the AWS principals that their trust policies name; `*` is anyone."""
    trusting: dict[str, list[Resource]] = defaultdict(list)
    for role in stack.of_type(ROLE):
        for statement in read_statements(role, "assumeRolePolicy")[0]:
            if statement.allows and statement.covers_action(_ASSUME):
                for kind, who in statement.principals:
                    if kind == "AWS":
                        trusting[who].append(role)
    return trusting


def _accounts(arns: Iterable[str]) -> Iterable[str]:
    """Yield both spellings of the accounts of some ARNs, as principals."""
    for account in {arn.split(":")[4] for arn in arns}:
        yield from (account, f"arn:aws:iam::{account}:root")


def _allows(statements: list[Statement], action: str, arn: str, *, unless: str = "") -> bool:
    """Tell whether statements allow an action, `unless` they limit the values of that condition key."""
    return any(
        statement.allows
        and statement.covers(action, arn)
        and not (unless and statement.allowed_values(unless))
        for statement in statements
    ) and not any(
        denial.covers(action, arn) for denial in statements if not denial.allows and not denial.conditions
    )


def _normalize(statement: Statement, *, any_account: bool) -> Statement:
    """Replace the partition in its ARNs by `aws` and, with `any_account`, the account by `SOME_ACCOUNT`."""

    def normalize(arns: tuple[str, ...]) -> tuple[str, ...]:
        arns = tuple(_PARTITION.sub("arn:aws:", arn) for arn in arns)
        return tuple(_ACCOUNT.sub(f":iam::{SOME_ACCOUNT}:", arn) for arn in arns) if any_account else arns

    return replace(
        statement, resources=normalize(statement.resources), not_resources=normalize(statement.not_resources)
    )


RULE: Final = Rule(
    id="role-cannot-widen-itself",
    title="No role can change what itself is allowed, nor take on a role that it can change",
    violated="lets a role widen itself",
    severity=Severity.CRITICAL,
    risk="Whoever runs one job with this role can make it an administrator, and then do anything.",
    fix=(
        "Leave the role itself out of the ARNs on which the policy allows changing roles, or deny it there; "
        "let it change other roles where iam:PermissionsBoundary is a given one."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_2),
    subjects=lambda stack: [policy for policy in identity_policies(stack) if policy.type in _HELD_BY_ROLES],
    judge=_judge,
)

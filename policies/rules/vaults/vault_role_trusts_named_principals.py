"""A role with rights in a vault of production that a whole account, or a service without need, takes on."""

from collections.abc import Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import Buckets, arn_of, vaults
from policies.facts.guards import find_missing_second_factor, find_replicator
from policies.facts.iam_documents import ROLE, read_statements
from policies.facts.s3_access import PUT, IamIdentities, IamIdentity
from policies.framework.closing_rules import find_production
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_USES: Final[tuple[LiteralString, ...]] = (PUT, "s3:GetObject", "s3:GetObjectVersion", "s3:GetBucketPolicy")
"""What a role writes, reads or looks after a vault by."""


def _judge(role: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    statements, problems = read_statements(role, "assumeRolePolicy")
    yield from problems
    if not any(find_missing_second_factor(role)):
        return
    for statement in statements if not problems else ():
        if not statement.allows:
            continue
        named = statement.allowed_values("aws:PrincipalArn")
        if statement.whole_accounts and (not named or "*" in "".join(named)):
            yield message("whoever its account lets use sts:AssumeRole may take it on")
        is_of_service = any(kind == "Service" for kind, _ in statement.principals)
        if is_of_service and role not in stack.view(_find_replicators):
            yield message("a service of AWS may take it on, and no replication of this stack names it")


def _find_replicators(stack: PolicyStack) -> set[Resource | None]:
    return {find_replicator(replication, stack) for _, replication, _ in stack.view(Buckets).replications}


def _find_roles(stack: PolicyStack) -> list[Resource]:
    # Elsewhere an application's own server may well keep its backups by the role of its machine.
    if not find_production(stack):
        return []
    return [
        identity.resource
        for identity in stack.view(IamIdentities).all
        if identity.resource.type == ROLE and _uses_a_vault(identity, stack)
    ]


def _uses_a_vault(identity: IamIdentity, stack: PolicyStack) -> bool:
    return any(
        identity.statements_allowing(action, arn_of(vault)) for action in _USES for vault in vaults(stack)
    )


RULE: Final = Rule(
    id="vault-role-trusts-named-principals",
    title="Who writes, reads or looks after a vault of production is one workload, or a person with a second "
    "factor",
    violated="trusts more than who needs it",
    severity=Severity.HIGH,
    risk="Any key, machine or function of the account that may assume roles reads every backup, or adds "
    "false ones.",
    fix=(
        "Trust the one subject of GitHub's tokens that the role is for, name the roles that may take it on "
        "by aws:PrincipalArn, or demand aws:MultiFactorAuthPresent and a short aws:MultiFactorAuthAge of "
        "people."
    ),
    controls=(Control.NIST_AC_3, Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_5_15),
    subjects=_find_roles,
    judge=_judge,
)

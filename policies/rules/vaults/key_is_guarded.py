"""A vault's key that anybody but a break-glass role may take away is refused."""

from collections.abc import Iterable, Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.guards import ROOT_MAY, find_exempt, find_guard, judge_exempt
from policies.facts.iam_documents import read_statements
from policies.facts.key_authority import OPEN, join_authorities
from policies.facts.kms_keys import GRANT, KmsKeys
from policies.facts.s3_access import IamIdentities, IamIdentity
from policies.framework.controls import Control
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

ACTIONS: Final[tuple[LiteralString, ...]] = (
    "kms:CreateGrant",
    "kms:DeleteImportedKeyMaterial",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
    "kms:UpdateAlias",
)
"""Actions that take a key away or give it to somebody (AWS Service Authorization Reference, KMS)."""


def _judge(key: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    policies = stack.view(KmsKeys).policies_of(key)
    inline = [key] if not policies or not isinstance(key.at("policy"), Absent) else []
    exempt: dict[str, None] = {}
    for holder in [*inline, *policies, *stack.view(KmsKeys).replicas_of(key)]:
        statements, unreadable = read_statements(holder)
        yield from unreadable
        for action in ACTIONS if not unreadable else ():
            arns = find_exempt(statements, action)
            if arns is None:
                yield message("{holder} does not deny " + action + " to all but named roles", holder=holder)
            elif not arns:
                yield message("{holder} leaves nobody who could do " + action, holder=holder)
            exempt.update(dict.fromkeys(arns or ()))
    yield from _judge_grants(key, stack)
    yield from judge_exempt(exempt, stack, root_may=limits[ROOT_MAY.name])
    guards = {guard for arn in exempt if (guard := find_guard(arn, stack))}
    yield from _judge_identities(guards, join_authorities([key], stack), stack)


def _judge_grants(key: Resource, stack: PolicyStack) -> Iterator[Message]:
    keys = stack.view(KmsKeys)
    for grant in stack.of_type(GRANT):
        if key in keys.resolve(grant, "keyId", grant.at("keyId")):
            grantee, retiring = grant.at("granteePrincipal"), grant.at("retiringPrincipal")
            for who in (grantee, retiring):
                if isinstance(who, Known) and not find_guard(str(who.value), stack):
                    yield message("{grant} is for somebody who is no role of this stack", grant=grant)
            operations = grant.at("operations").each()
            if Known("CreateGrant") in operations:
                yield message("{grant} lets its grantee hand the key on", grant=grant)
            elif Unknown() in operations:
                yield unknown_value(grant, "operations")


def _judge_identities(
    guards: set[Resource], authorities: frozenset[str] | None, stack: PolicyStack
) -> Iterator[Message]:
    for identity, actions in stack.view(_find_able):
        # What another account's identities are allowed counts if the key's policy lets that account.
        if identity.account and authorities is not None and not {identity.account, *OPEN} & authorities:
            continue
        if identity.resource not in guards:
            for action in actions:
                yield message("{who} may do " + action, who=identity.resource)


def _find_able(stack: PolicyStack) -> list[tuple[IamIdentity, list[LiteralString]]]:
    """Return the identities that may do any of `ACTIONS` with some key, and which."""
    able: list[tuple[IamIdentity, list[LiteralString]]] = []
    for identity in stack.view(IamIdentities).all:
        actions: list[LiteralString] = [action for action in ACTIONS if identity.allows_anywhere(action)]
        if actions:
            able.append((identity, actions))
    return able


def _find_keys(stack: PolicyStack) -> list[Resource]:
    keys = stack.view(KmsKeys)
    return list(dict.fromkeys(key for vault in vaults(stack) for key in keys.of_bucket(vault)))


RULE: Final = Rule(
    id="key-is-guarded",
    title="Nobody but a role for emergencies can take away the key of a bucket that holds backups",
    violated="is not guarded",
    severity=Severity.CRITICAL,
    risk="The lock keeps every version, and who disables or deletes the key makes all of them unreadable.",
    fix=(
        "Let the key's policy deny these actions to everybody whose aws:PrincipalArn is not that of a role "
        "of this stack which demands aws:MultiFactorAuthPresent and a short aws:MultiFactorAuthAge."
    ),
    controls=(Control.NIST_SC_12, Control.NIST_AC_6, Control.SOC_CC6_1, Control.ISO_A_8_24),
    subjects=_find_keys,
    judge=_judge,
    parameters=(ROOT_MAY,),
)

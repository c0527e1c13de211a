"""Which roles of a stack can take away what a bucket holds: its objects, or the key that opens them."""

from collections.abc import Iterable
from typing import Final

from policies.facts.buckets import LOCK, POLICY, Buckets, arn_of
from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import ROLE, Statement, read_statements
from policies.facts.key_authority import OPEN, TAKES_KEY_AWAY, join_authorities
from policies.facts.kms_keys import KmsKeys, arn_of_key
from policies.facts.s3_access import IamIdentities, IamIdentity, applies_to
from policies.framework.property_values import Absent, Known
from policies.framework.stack import PolicyStack, Resource

_DELETES: Final = "s3:DeleteObjectVersion"
_BYPASSES: Final = "s3:BypassGovernanceRetention"
_EXPIRES: Final = "s3:PutLifecycleConfiguration"


def roles(stack: PolicyStack) -> list[IamIdentity]:
    """Return the roles of a stack, with what their policies say."""
    return [identity for identity in stack.view(IamIdentities).all if identity.resource.type == ROLE]


def can_take_away(role: IamIdentity, bucket: Resource, stack: PolicyStack) -> bool | None:
    """
    Tell whether a role can take away what a bucket holds; None if one of the documents can't be read.

    Conditions of what a policy allows count as met.
    """
    statements: list[Statement] = []
    unreadable = bool(role.unreadable)
    for holder in stack.view(Buckets).parts_or_inline(bucket, POLICY, "policy"):
        found, problems = read_statements(holder)
        statements += found
        unreadable |= bool(problems)
    keys = stack.view(KmsKeys).of_bucket(bucket)
    takes_key = [_can_take_key(role, key, stack) for key in keys]
    if True in takes_key or _can_delete(role, bucket, statements, stack):
        return True
    return None if unreadable or None in takes_key else False


def _can_delete(role: IamIdentity, bucket: Resource, policy: list[Statement], stack: PolicyStack) -> bool:
    arn = arn_of(bucket)
    here = FailureDomain.of(bucket, stack).account
    owns = role.account is None or here in (Known(role.account), Absent())

    def may(action: str, resource: str) -> bool:
        if any(not one.allows and one.covers(action, resource) and applies_to(one, role) for one in policy):
            return False
        allowed = any(one.allows and one.covers(action, resource) and applies_to(one, role) for one in policy)
        return bool(role.statements_allowing(action, arn)) and (owns or allowed)

    match _lock_mode(bucket, stack):
        case "COMPLIANCE":
            return False
        case "GOVERNANCE":
            return may(_DELETES, f"{arn}/*") and may(_BYPASSES, f"{arn}/*")
        case _:
            return may(_DELETES, f"{arn}/*") or may(_EXPIRES, arn)


def _lock_mode(bucket: Resource, stack: PolicyStack) -> str:
    modes = {
        str(mode.value)
        for part in stack.view(Buckets).parts(bucket, LOCK)
        if isinstance(mode := part.at("rule", "defaultRetention", "mode"), Known)
    }
    return modes.pop() if len(modes) == 1 else ""


def _can_take_key(role: IamIdentity, key: Resource, stack: PolicyStack) -> bool | None:
    authorities = join_authorities([key], stack)
    if authorities is None or role.unreadable:
        return None
    if role.account and not {role.account, *OPEN} & authorities:
        return False
    statements = _statements_of(stack.view(KmsKeys).policies_of(key) or [key])
    arn = arn_of_key(key, stack)
    return any(
        any(one.allows and one.covers(action, arn) for one in role.statements)
        and not any(not one.allows and one.covers(action) and applies_to(one, role) for one in statements)
        for action in TAKES_KEY_AWAY
    )


def _statements_of(holders: Iterable[Resource]) -> list[Statement]:
    return [
        statement
        for holder in holders
        if not isinstance(holder.at("policy"), Absent)
        for statement in read_statements(holder)[0]
    ]

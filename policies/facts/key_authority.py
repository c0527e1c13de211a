"""Who has authority over the key of a store or a copy: the accounts that can take the key away."""

from collections.abc import Iterable, Iterator
from typing import Final

from policies.facts.buckets import BUCKET
from policies.facts.failure_domain import FailureDomain
from policies.facts.guards import find_exempt
from policies.facts.iam_documents import Statement, read_statements
from policies.facts.kms_keys import KmsKeys, encryption_rules, key_id_of
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack, Resource

ANYONE: Final = "*"
UNDECLARED: Final = ""
OPEN: Final = frozenset({ANYONE, UNDECLARED})
"""Who may be anybody."""

TAKES_KEY_AWAY: Final = (
    "kms:DeleteImportedKeyMaterial",
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
)
"""Actions after which nothing can be decrypted (AWS Service Authorization Reference, KMS)."""

_CALLERS: Final = ("aws:PrincipalAccount", "kms:CallerAccount")


def find_authorities(holder: Resource, stack: PolicyStack) -> frozenset[str] | None:
    """
    Return the accounts, or the vendor, that can take away the key of a store or a copy; None if unknown.

    A key's own account always can: it may be closed. `ANYONE` and `UNDECLARED` may be among them.
    """
    domain = FailureDomain.of(holder, stack)
    if holder.type != BUCKET:
        # Encrypted here to a public key: whoever keeps the private half is nobody whom the stack knows.
        encrypted = holder.at("encryptedTo").each()
        return frozenset({f"of {holder.name}"}) if encrypted else _join(_owner(domain))
    keys = stack.view(KmsKeys)
    rules = [
        (keys.resolve(part, name, key_id_of(rule)), key_id_of(rule))
        for part, name, rule in encryption_rules(holder, stack)
    ] or [([], Absent())]
    return _unite(
        join_authorities(resolved, stack) if resolved else _of_key_id(key_id, domain)
        for resolved, key_id in rules
    )


def join_authorities(keys: Iterable[Resource], stack: PolicyStack) -> frozenset[str] | None:
    """Return who can take away any of some keys of the stack; None if that is unknown."""
    return _unite(_of_key(key, stack) for key in keys)


def _unite(found: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    united: frozenset[str] = frozenset()
    for accounts in found:
        if accounts is None:
            return None
        united |= accounts
    return united


def have_nobody_in_common(first: frozenset[str] | None, second: frozenset[str] | None) -> bool | None:
    """Tell whether nobody can take away the keys of both; None if that is unknown."""
    if first is None or second is None:
        return None
    return not (first & second or OPEN & (first | second))


def _owner(domain: FailureDomain) -> PropertyValue:
    """Return the account that a resource is in, or the vendor if accounts of that vendor aren't declared."""
    if isinstance(domain.account, Absent) and domain.vendor != Known("aws"):
        return domain.vendor
    return domain.account


def _join(owner: PropertyValue, more: Iterable[str] = ()) -> frozenset[str] | None:
    match owner:
        case Known(name):
            return frozenset({str(name), *more})
        case Unknown():
            return None
        case _:
            return frozenset({UNDECLARED, *more})


def _of_key_id(key_id: PropertyValue, domain: FailureDomain) -> frozenset[str] | None:
    """Return who can take away a key that the stack doesn't declare; an id or alias is of the own account."""
    match key_id:
        case Known(str(arn)) if arn.startswith("arn:") and arn.count(":") >= 5:
            return frozenset({arn.split(":")[4]})
        case Unknown():
            return None
        case _:
            return _join(domain.account)


def _of_key(key: Resource, stack: PolicyStack) -> frozenset[str] | None:
    policies = stack.view(KmsKeys).policies_of(key)
    accounts: set[str] = set()
    for holder in policies or [key]:
        if isinstance(holder.at("policy"), Absent):
            continue
        statements, unreadable = read_statements(holder)
        if unreadable:
            return None
        for action in TAKES_KEY_AWAY:
            accounts |= _accounts_that_may(action, statements)
    return _join(FailureDomain.of(key, stack).account, accounts)


def _accounts_that_may(action: str, statements: list[Statement]) -> set[str]:
    allowed = {
        account
        for statement in statements
        if statement.allows and statement.covers(action)
        for account in _accounts_of(statement)
    }
    exempt = find_exempt(statements, action)
    if exempt is None:
        return allowed
    left_out = {_account_of(arn) for arn in exempt}
    if ANYONE in left_out:
        return allowed
    return left_out if ANYONE in allowed else allowed & left_out


def _accounts_of(statement: Statement) -> Iterator[str]:
    """Yield the accounts whose principals a statement is about."""
    limited = next(filter(None, map(statement.allowed_values, _CALLERS)), ())
    if statement.has_not_principal:
        yield ANYONE
    for kind, who in statement.principals:
        if kind == "AWS":
            account = _account_of(who)
            yield from limited if account == ANYONE and limited else (account,)


def _account_of(principal: str) -> str:
    """Return the account of a principal; `ANYONE` for a pattern of accounts."""
    account = principal.split(":")[4] if principal.count(":") >= 5 else principal
    return account if account.isdigit() else ANYONE

"""
Whether a role's request would be allowed: by its own policies, its boundary, and the policy of what it asks.

It is decided as AWS does ("Policy evaluation logic"), for a request whose context is known. What can't be
decided counts against the request: an allowance with it does not allow, and a denial with it denies.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from policies.facts.iam_documents import ANYONE, Statement, matches

_EQUAL: Final = {"stringequals", "stringequalsignorecase", "arnequals", "bool"}
_LIKE: Final = {"stringlike", "arnlike"}
_NUMERIC: Final[dict[str, Callable[[float, float], bool]]] = {
    "numericequals": lambda left, right: left == right,
    "numericlessthan": lambda left, right: left < right,
    "numericlessthanequals": lambda left, right: left <= right,
    "numericgreaterthan": lambda left, right: left > right,
    "numericgreaterthanequals": lambda left, right: left >= right,
}
_ANY, _ALL = "foranyvalue:", "forallvalues:"
_IF_EXISTS: Final = "ifexists"


@dataclass(frozen=True)
class IamRequest:
    """A request of a role."""

    action: str
    resource: str
    """ARN of what it asks for. With a literal `*` at its end it is about all that begins so."""

    role_arn: str
    context: Mapping[str, tuple[str, ...]]
    """Condition key in lower case -> its values; a key that is missing is not in the request."""

    @property
    def account(self) -> str:
        return self.role_arn.split(":")[4]


def is_allowed(
    request: IamRequest,
    *,
    identity: Sequence[Statement],
    boundary: Sequence[Statement] | None,
    resource: Sequence[Statement],
    in_own_account: bool,
    needs_resource: bool = False,
) -> bool:
    """
    Tell whether a request is allowed.

    Args:
        request: The request.
        identity: The statements of the role's policies.
        boundary: Those of its boundary; None without one.
        resource: Those of the policy of what it asks for.
        in_own_account: Whether what it asks for is in the role's account; in another, both have to allow it.
        needs_resource: Whether that policy has to allow it even in the same account, as that of a key.
    """
    if any(_denies(one, request, named=False) for one in (*identity, *(boundary or ()))):
        return False
    if any(_denies(one, request, named=True) for one in resource):
        return False
    if boundary is not None and not any(_allows(one, request) for one in boundary):
        return False
    by_identity = any(_allows(one, request) for one in identity)
    by_resource = [one for one in resource if _allows(one, request) and _names(one, request)]
    if in_own_account and any(("AWS", request.role_arn) in one.principals for one in by_resource):
        return True
    return by_identity and (bool(by_resource) or (in_own_account and not needs_resource))


def _allows(statement: Statement, request: IamRequest) -> bool:
    return (
        statement.allows
        and statement.covers(request.action, request.resource)
        and all(_is_met(*condition, request.context, otherwise=False) for condition in statement.conditions)
    )


def _denies(statement: Statement, request: IamRequest, *, named: bool) -> bool:
    return (
        not statement.allows
        and _touches(statement, request)
        and (not named or statement.has_not_principal or _names(statement, request))
        and all(_is_met(*condition, request.context, otherwise=True) for condition in statement.conditions)
    )


def _touches(statement: Statement, request: IamRequest) -> bool:
    """Tell whether a denial is about a part of what is asked for, if not about all of it."""
    if statement.covers(request.action, request.resource):
        return True
    begin = request.resource.removesuffix("*")
    return (
        begin != request.resource
        and statement.covers_action(request.action)
        and any(resource.startswith(begin) for resource in statement.resources)
    )


def _names(statement: Statement, request: IamRequest) -> bool:
    account = request.account
    own = {account, f"arn:aws:iam::{account}:root", request.role_arn}
    return ANYONE in statement.principals or any(
        kind == "AWS" and who in own for kind, who in statement.principals
    )


def _is_met(
    operator: str, key: str, values: Iterable[str], context: Mapping[str, tuple[str, ...]], *, otherwise: bool
) -> bool:
    """Tell whether a condition is met; `otherwise` for an operator that isn't known here."""
    name = operator.lower()
    quantifier = next((one for one in (_ANY, _ALL) if name.startswith(one)), "")
    name = name.removeprefix(quantifier)
    if_exists = name.endswith(_IF_EXISTS)
    name = name.removesuffix(_IF_EXISTS)
    found = context.get(key)
    if name == "null":
        return (found is None) in {value.lower() == "true" for value in values}
    negated = "not" in name
    positive = name.replace("not", "")
    if positive not in _EQUAL | _LIKE and name not in _NUMERIC:
        return otherwise
    if found is None:
        return if_exists or quantifier == _ALL or negated
    fits = [any(_fits(positive, value, one) for value in values) != negated for one in found]
    return any(fits) if quantifier == _ANY else all(fits)


def _fits(operator: str, pattern: str, value: str) -> bool:
    if operator in _NUMERIC:
        try:
            return _NUMERIC[operator](float(value), float(pattern))
        except ValueError:
            return False
    if operator in _LIKE or operator == "arnequals":
        return matches(pattern, value)
    fold = operator in {"stringequalsignorecase", "bool"}
    return pattern.casefold() == value.casefold() if fold else pattern == value

"""Principals outside the stack's own AWS accounts, and what admits them."""

import re
from collections.abc import Collection
from typing import Final

from policies.facts.iam_documents import Statement
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack

_ACCOUNT_ID: Final = re.compile(r"[0-9]{12}")
_ARN: Final = re.compile(r"arn:[^:]+:[^:]*:[^:]*:([0-9]{12}):.+", re.DOTALL)
_CALLER_ACCOUNTS: Final = ("aws:PrincipalAccount", "aws:SourceAccount", "kms:CallerAccount")
_CALLER_ARNS: Final = ("aws:PrincipalArn", "aws:SourceArn")
"""Condition keys that say whose call it is, as an account or as an ARN with one."""


def own_accounts(stack: PolicyStack) -> frozenset[str]:
    """Return the ids of the AWS accounts that the stack's providers are bound to."""
    return stack.view(_find_own_accounts)


def admits_strangers(statement: Statement, own: Collection[str]) -> bool:
    """
    Tell whether a statement allows something to somebody outside of some accounts.

    A service of AWS acts for whoever asks it, and anyone is anyone: both need a condition that names an
    account. A user of another kind, such as a canonical one, has no account that could be seen.
    """
    if not statement.allows or _demands_own_caller(statement, own):
        return False
    return statement.has_not_principal or any(
        kind != "AWS" or not is_own(who, own) for kind, who in statement.principals
    )


def is_own(principal: str, own: Collection[str]) -> bool:
    """Tell whether an account's id or an ARN is of one of these accounts."""
    match = _ARN.fullmatch(principal)
    return (match[1] if match else principal) in own


def judge_account(value: PropertyValue, own: Collection[str]) -> bool | None:
    """Tell whether an account's id or a principal's ARN is of these accounts; None if it is not known yet."""
    match value:
        case Known(str(text)):
            return is_own(text, own)
        case Unknown():
            return None
        case _:
            return False


def _demands_own_caller(statement: Statement, own: Collection[str]) -> bool:
    accounts = [values for key in _CALLER_ACCOUNTS if (values := statement.allowed_values(key))]
    arns = [values for key in _CALLER_ARNS if (values := statement.allowed_values(key))]
    return any(all(value in own for value in values) for values in accounts) or any(
        all(is_own(value, own) for value in values) for values in arns
    )


def _find_own_accounts(stack: PolicyStack) -> frozenset[str]:
    values = [
        value
        for resource in stack.resources
        if resource.type == "pulumi:providers:aws"
        for value in resource.at("allowedAccountIds").each()
    ]
    return frozenset(
        value.value
        for value in values
        if isinstance(value, Known) and isinstance(value.value, str) and _ACCOUNT_ID.fullmatch(value.value)
    )

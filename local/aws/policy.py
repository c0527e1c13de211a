"""Bucket policies as S3 judges them, for the conditions that a request alone can decide."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from moto.iam.access_control import PermissionResult

Context = Mapping[str, str]
"""Condition key in lower case (`s3:x-amz-server-side-encryption`) -> the request's value."""


def judge(policy: str, action: str, resource: str, context: Context) -> PermissionResult:
    """
    Judge an anonymous-or-anyone request: statements for named principals do not apply.

    moto takes any statement with a condition for a refusal, so that a policy which demands TLS or an
    encryption would refuse every object. A statement whose condition cannot be decided here (an operator or
    key that is not the request's own) is left out.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    effects = {
        statement["Effect"]
        for statement in _listed(json.loads(policy)["Statement"])
        if _is_for_anyone(statement.get("Principal"))
        and _covers(statement, "Action", action, ignore_case=True)
        and _covers(statement, "Resource", resource, ignore_case=False)
        and _holds(statement.get("Condition", {}), context)
    }
    if "Deny" in effects:
        return PermissionResult.DENIED
    return PermissionResult.PERMITTED if "Allow" in effects else PermissionResult.NEUTRAL


def _is_for_anyone(principal: Any) -> bool:
    match principal:
        case "*":
            return True
        case {"AWS": accounts}:
            return "*" in _listed(accounts)
        case _:
            return False


def _covers(statement: Mapping[str, Any], element: str, value: str, *, ignore_case: bool) -> bool:
    if f"Not{element}" in statement:
        return not _like_any(statement[f"Not{element}"], value, ignore_case=ignore_case)
    return _like_any(statement.get(element, []), value, ignore_case=ignore_case)


def lets_service_put(policy: str, service: str, resource: str) -> bool:
    """Tell whether an AWS service is allowed to write objects below `resource`, whatever the condition."""
    return any(
        statement["Effect"] == "Allow"
        and service in _listed((statement.get("Principal") or {}).get("Service"))
        and _covers(statement, "Action", "s3:PutObject", ignore_case=True)
        and _covers(statement, "Resource", resource, ignore_case=False)
        for statement in _listed(json.loads(policy)["Statement"])
        if isinstance(statement.get("Principal"), dict)
    )


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    return all(
        _decide(operator, context.get(key.lower()), [_text(item) for item in _listed(expected)], key)
        for operator, keys in condition.items()
        for key, expected in keys.items()
    )


def _decide(operator: str, actual: str | None, expected: list[str], key: str) -> bool:
    if not key.lower().startswith(("s3:x-amz-", "s3:object-lock-", "aws:securetransport")):
        return False
    if operator == "Null":
        return (actual is None) == (expected == ["true"])
    name = operator.removesuffix("IfExists")
    if name not in _OPERATORS:
        return False
    if actual is None:
        return name != operator or name in _NEGATED
    return _OPERATORS[name](expected, actual)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like_any(patterns: Iterable[str] | str, value: str, *, ignore_case: bool = False) -> bool:
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), value, flags)
        for pattern in _listed(patterns)
    )


_OPERATORS: dict[str, Callable[[list[str], str], bool]] = {
    "Bool": lambda expected, actual: actual in expected,
    "StringEquals": lambda expected, actual: actual in expected,
    "StringNotEquals": lambda expected, actual: actual not in expected,
    "StringLike": _like_any,
    "StringNotLike": lambda expected, actual: not _like_any(expected, actual),
    "ArnEquals": _like_any,
    "ArnNotEquals": lambda expected, actual: not _like_any(expected, actual),
    "ArnLike": _like_any,
    "ArnNotLike": lambda expected, actual: not _like_any(expected, actual),
}
_NEGATED = {"StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike"}

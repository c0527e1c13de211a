"""IAM's policy language: the evaluation of one document for one permission."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache, lru_cache
from operator import eq, ge, gt, le, lt
from typing import Any, Literal

Context = Mapping[str, str | tuple[str, ...]]
"""Condition key in lower case -> its value, or its values for a key such as `kms:ResourceAliases`."""


class Decision(IntEnum):
    """The decision of a document; of several statements or documents the highest decision counts."""

    NEUTRAL = 0
    DELEGATED = 1
    """Allowed to the principal's account, whose identity policies then decide."""

    ALLOWED = 2
    ALLOWED_DIRECTLY = 3
    """Allowed to the session itself or to everybody, and so not limited by the role's boundary."""

    DENIED = 4

    @property
    def allows(self) -> bool:
        return self in {Decision.ALLOWED, Decision.ALLOWED_DIRECTLY}


@dataclass(frozen=True)
class Principal:
    """The sender of a request; all fields are empty for an anonymous one."""

    kind: Literal["", "AWS", "Service", "Federated"] = ""
    arn: str = ""
    """The role's ARN for a role's session, the root's for an administrator, the name for a service."""

    account: str = ""
    session: str = ""
    """The ARN of a role's session."""

    @property
    def context(self) -> dict[str, str]:
        """
        Return the condition keys of the principal. The twin's loopback address counts as https.

        A role's session carries no second factor, even if its role was assumed with one; requests with an
        access key lack the condition key.

        Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html
        """
        context = {"aws:securetransport": "true", "aws:sourceip": "127.0.0.1"}
        if self.kind:
            context |= {"aws:principalarn": self.arn, "aws:principalaccount": self.account}
            context["kms:calleraccount"] = self.account
        if self.session:
            context["aws:multifactorauthpresent"] = "false"
        return context


@dataclass(frozen=True)
class RequiredPermission:
    """A permission that a request needs; it may need several."""

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict[str, str | tuple[str, ...]])

    def with_context(self, more: Context) -> "RequiredPermission":
        return RequiredPermission(self.action, self.resource, {**self.context, **more})


def evaluate(document: str, permission: RequiredPermission, principal: Principal) -> Decision:
    """
    Return the decision of a document. A statement without principals applies to every principal.

    A statement with an unknown operator or a policy variable counts against the request: as a Deny it denies,
    as an Allow it allows nothing.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    decision = Decision.NEUTRAL
    for statement in _parse_statements(document):
        principal_decision = _match_principal(statement, principal)
        if (
            principal_decision
            and _element_matches(statement, "Action", permission.action, ignore_case=True)
            and _element_matches(statement, "Resource", permission.resource)
            and _conditions_hold(statement, permission.context)
        ):
            effect = Decision.DENIED if statement["Effect"] == "Deny" else principal_decision
            decision = max(decision, effect)
    return decision


def list_condition_keys(document: str, permission: RequiredPermission) -> set[str]:
    """Return the keys of the conditions of all statements about an action on a resource."""
    return {
        key
        for statement in _parse_statements(document)
        if _element_matches(statement, "Action", permission.action, ignore_case=True)
        and _element_matches(statement, "Resource", permission.resource)
        for keys in statement.get("Condition", {}).values()
        for key in keys
    }


def allows_service_put(document: str, service: str, resource: str) -> bool:
    """Tell whether a document allows an AWS service to write to `resource`; conditions are ignored."""
    return any(
        statement["Effect"] == "Allow"
        and _match_principal(statement, Principal("Service", service))
        and _element_matches(statement, "Action", "s3:PutObject", ignore_case=True)
        and _element_matches(statement, "Resource", resource)
        for statement in _parse_statements(document)
    )


@lru_cache(256)
def _parse_statements(document: str) -> list[Mapping[str, Any]]:
    return as_list(json.loads(document)["Statement"])


def _match_principal(statement: Mapping[str, Any], principal: Principal) -> Decision:
    if "NotPrincipal" in statement:
        excluded = _match_names(statement["NotPrincipal"], principal)
        return Decision.NEUTRAL if excluded else Decision.ALLOWED_DIRECTLY
    if "Principal" in statement:
        return _match_names(statement["Principal"], principal)
    return Decision.ALLOWED


def _match_names(principals: Any, principal: Principal) -> Decision:
    """
    Return how a statement's principals include one.

    A role's boundary limits what is allowed to the role by name, and not what is allowed to its session or
    to everybody.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics-single-account.html
    """
    names = ["*"] if principals == "*" else as_list(principals.get(principal.kind or "AWS", []))
    # "*" means every principal but a service: services must be named.
    if ("*" in names and principal.kind != "Service") or {principal.session} & {*names} - {""}:
        return Decision.ALLOWED_DIRECTLY
    if {principal.arn} & {*names} - {""}:
        return Decision.ALLOWED
    account = {principal.account, f"arn:aws:iam::{principal.account}:root"} if principal.account else set()
    return Decision.DELEGATED if account & {*names} else Decision.NEUTRAL


def _element_matches(
    statement: Mapping[str, Any], element: str, value: str, *, ignore_case: bool = False
) -> bool:
    excluding = f"Not{element}" in statement
    # Only a trust policy has no Resource; it applies to its own role.
    patterns = as_list(statement.get(f"Not{element}" if excluding else element, "*"))
    if any("${" in pattern for pattern in patterns):
        return statement["Effect"] == "Deny"
    return excluding != any(_pattern_matches(pattern, value, ignore_case=ignore_case) for pattern in patterns)


def _conditions_hold(statement: Mapping[str, Any], context: Context) -> bool:
    return all(
        _condition_holds(
            operator,
            context.get(key.lower()),
            [_condition_text(item) for item in as_list(expected)],
            statement,
        )
        for operator, keys in statement.get("Condition", {}).items()
        for key, expected in keys.items()
    )


def _condition_holds(
    operator: str, actual: str | tuple[str, ...] | None, expected: list[str], statement: Mapping[str, Any]
) -> bool:
    quantifier, _, name = operator.rpartition(":")
    if name == "Null":
        return (actual is None) == (expected == ["true"])
    name, if_exists = name.removesuffix("IfExists"), name.endswith("IfExists")
    negated = "Not" in name
    if actual is None:
        return if_exists or quantifier == "ForAllValues" or (negated and not quantifier)
    compare = _OPERATORS.get(name.replace("Not", ""))
    if compare is None or any("${" in value for value in expected):
        return statement["Effect"] == "Deny"
    values = (actual,) if isinstance(actual, str) else actual
    matches = [negated != any(compare(item, value) for item in expected) for value in values]
    return all(matches) if quantifier == "ForAllValues" else any(matches)


def as_list(value: Any) -> list[Any]:
    """Return a list; a policy may have one value in place of a list."""
    return value if isinstance(value, list) else [value]


def _condition_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _pattern_matches(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    return _compile_pattern(pattern, ignore_case=ignore_case).fullmatch(value) is not None


@cache
def _compile_pattern(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), flags)


def _arn_matches(pattern: str, value: str) -> bool:
    """Compare ARNs by their six parts: a wildcard matches inside one part only."""
    patterns, parts = pattern.split(":", 5), value.split(":", 5)
    return len(patterns) == len(parts) and all(map(_pattern_matches, patterns, parts))


def _compare_numbers(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    """Return an operator of two numbers (expected, actual), which holds for none that is no number."""

    def operator(expected: str, actual: str) -> bool:
        try:
            return compare(float(actual), float(expected))
        except ValueError:
            return False

    return operator


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
    "StringEquals": lambda expected, actual: expected == actual,
    "StringEqualsIgnoreCase": lambda expected, actual: expected.lower() == actual.lower(),
    "StringLike": _pattern_matches,
    "ArnEquals": _arn_matches,
    "ArnLike": _arn_matches,
    "NumericEquals": _compare_numbers(eq),
    "NumericLessThan": _compare_numbers(lt),
    "NumericLessThanEquals": _compare_numbers(le),
    "NumericGreaterThan": _compare_numbers(gt),
    "NumericGreaterThanEquals": _compare_numbers(ge),
}
"""Operator -> comparison of one expected with one actual value. `Not` in an operator's name negates it."""

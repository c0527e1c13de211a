"""IAM's policy language: what one document says of one request."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache, lru_cache
from typing import Any, Literal

Context = Mapping[str, str | tuple[str, ...]]
"""Condition key in lower case -> its value, several of a key such as `kms:ResourceAliases`."""


class Decision(IntEnum):
    """What a document says; of several statements or documents the highest counts."""

    NEUTRAL = 0
    DELEGATED = 1
    """Allowed to the principal's account, whose own policies decide who in it may."""

    ALLOWED = 2
    DENIED = 3


@dataclass(frozen=True)
class Principal:
    """Whoever asks, as policies name them; everything is empty of somebody anonymous."""

    kind: Literal["", "AWS", "Service", "Federated"] = ""
    arn: str = ""
    """Of a role's session: the role's. Of an account's administrator: its root's. Of a service: its name."""

    account: str = ""
    session: str = ""
    """The ARN of a role's session."""

    @property
    def context(self) -> dict[str, str]:
        """Return what conditions may ask about whoever asks; loopback stands for AWS's https endpoint."""
        known = {"aws:securetransport": "true", "aws:sourceip": "127.0.0.1"}
        if self.kind:
            known |= {"aws:principalarn": self.arn, "aws:principalaccount": self.account}
        return known


@dataclass(frozen=True)
class AuthorizationRequest:
    """One permission that a request needs; a request may need several."""

    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict[str, str | tuple[str, ...]])


def judge(document: str, asked: AuthorizationRequest, principal: Principal) -> Decision:
    """
    Return what a document says; one of an identity, which has no principals, speaks to whoever has it.

    What can't be decided here (an operator or a variable that is not known) counts against the request: such
    a statement denies, and allows nothing.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    """
    verdict = Decision.NEUTRAL
    for statement in _statements(document):
        addressed = _addressed(statement, principal)
        if (
            addressed
            and _covers(statement, "Action", asked.action, ignore_case=True)
            and _covers(statement, "Resource", asked.resource)
            and _holds(statement, asked.context)
        ):
            verdict = max(verdict, Decision.DENIED if statement["Effect"] == "Deny" else addressed)
    return verdict


def lets_service_put(document: str, service: str, resource: str) -> bool:
    """Tell whether an AWS service is allowed to write objects below `resource`, whatever the condition."""
    return any(
        statement["Effect"] == "Allow"
        and _addressed(statement, Principal("Service", service))
        and _covers(statement, "Action", "s3:PutObject", ignore_case=True)
        and _covers(statement, "Resource", resource)
        for statement in _statements(document)
    )


@lru_cache(256)
def _statements(document: str) -> list[Mapping[str, Any]]:
    return listed(json.loads(document)["Statement"])


def _addressed(statement: Mapping[str, Any], principal: Principal) -> Decision:
    if "NotPrincipal" in statement:
        return Decision.NEUTRAL if _named(statement["NotPrincipal"], principal) else Decision.ALLOWED
    if "Principal" in statement:
        return _named(statement["Principal"], principal)
    return Decision.ALLOWED


def _named(principals: Any, principal: Principal) -> Decision:
    names = ["*"] if principals == "*" else listed(principals.get(principal.kind or "AWS", []))
    # Everybody is AWS's word for whoever asks; of services, each is named.
    if ("*" in names and principal.kind != "Service") or {principal.arn, principal.session} & {*names} - {""}:
        return Decision.ALLOWED
    account = {principal.account, f"arn:aws:iam::{principal.account}:root"} if principal.account else set()
    return Decision.DELEGATED if account & {*names} else Decision.NEUTRAL


def _covers(statement: Mapping[str, Any], element: str, value: str, *, ignore_case: bool = False) -> bool:
    excluding = f"Not{element}" in statement
    # Only a trust policy has no resource: it is the role that it belongs to.
    patterns = listed(statement.get(f"Not{element}" if excluding else element, "*"))
    if any("${" in pattern for pattern in patterns):
        return statement["Effect"] == "Deny"
    return excluding != any(_like(pattern, value, ignore_case=ignore_case) for pattern in patterns)


def _holds(statement: Mapping[str, Any], context: Context) -> bool:
    return all(
        _decide(operator, context.get(key.lower()), [_text(item) for item in listed(expected)], statement)
        for operator, keys in statement.get("Condition", {}).items()
        for key, expected in keys.items()
    )


def _decide(
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
    if compare is None or any("${" in one for one in expected):
        return statement["Effect"] == "Deny"
    values = (actual,) if isinstance(actual, str) else actual
    found = [negated != any(compare(one, value) for one in expected) for value in values]
    return all(found) if quantifier == "ForAllValues" else any(found)


def listed(value: Any) -> list[Any]:
    """Return what a policy gives as one value or a list, as a list."""
    return value if isinstance(value, list) else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    return _compiled(pattern, ignore_case=ignore_case).fullmatch(value) is not None


@cache
def _compiled(pattern: str, *, ignore_case: bool) -> re.Pattern[str]:
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    return re.compile(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), flags)


def _arn_like(pattern: str, value: str) -> bool:
    """Compare ARNs by their six parts: a wildcard ends where its part does."""
    patterns, parts = pattern.split(":", 5), value.split(":", 5)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "Bool": lambda expected, actual: expected.lower() == actual.lower(),
    "StringEquals": lambda expected, actual: expected == actual,
    "StringEqualsIgnoreCase": lambda expected, actual: expected.lower() == actual.lower(),
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
}
"""What compares one expected with one actual value; with `Not` in its name, an operator says the opposite."""

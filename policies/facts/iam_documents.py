"""AWS IAM policy documents: their statements, and how IAM matches actions, resources and conditions."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, LiteralString, cast

from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.stack import PolicyStack, Resource

ANYONE: Final = ("AWS", "*")
ROLE: Final = "aws:iam/role:Role"
_IDENTITY_POLICIES: Final = (
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
)

_PERMISSION_SET_POLICY: Final = "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy"

_ALLOW_LIST_OPERATORS: Final = ("StringEquals", "StringLike", "ArnEquals", "ArnLike")
"""Condition operators that allow only the listed values. StringEquals has no wildcards (IAM, "Condition")."""

_WHOLE_ACCOUNT: Final = re.compile(r"(?:arn:[^:]+:iam::)?([0-9]{12})(?::root)?")


class _UnknownPartError(Exception):
    """A part of a policy document is unknown."""


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document. Fields that may be a text or a list are tuples here."""

    allows: bool
    """Whether its effect is not Deny. AWS refuses any effect but Allow and Deny."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    resources: tuple[str, ...]
    not_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    """(kind, who): kind is AWS, Service or Federated; a bare `*` is ("AWS", "*")."""

    has_not_principal: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """(operator, key in lower case, values)."""

    position: int = field(compare=False)
    """Where it stands in its document, from 1."""

    _covered_actions: dict[str, bool] = field(
        default_factory=dict[str, bool], init=False, repr=False, compare=False
    )
    """What `covers_action` has found: many rules ask for the same actions."""

    def covers(self, action: str, arn: str = "*") -> bool:
        """Tell whether it is about this action on this resource, without regard to conditions."""
        return self.covers_action(action) and self.covers_resource(arn)

    @property
    def whole_accounts(self) -> set[str]:
        """The ids of the accounts that it names as a whole: by id, or by the ARN of the root user."""
        named = (_WHOLE_ACCOUNT.fullmatch(who) for kind, who in self.principals if kind == "AWS")
        return {match[1] for match in named if match}

    def covers_resource(self, arn: str) -> bool:
        """Tell whether it is about this resource, without regard to actions and conditions."""
        if self.not_resources:
            return not any(matches(pattern, arn) for pattern in self.not_resources)
        return not self.resources or any(matches(pattern, arn) for pattern in self.resources)

    def covers_action(self, action: str) -> bool:
        """Tell whether it is about this action, on any resource."""
        covered = self._covered_actions.get(action)
        if covered is None:
            patterns = self.not_actions or self.actions
            named = any(_matches_action(pattern, action) for pattern in patterns)
            covered = self._covered_actions[action] = named != bool(self.not_actions)
        return covered

    def condition_values(self, operator: str, key: str) -> tuple[str, ...]:
        """Return the values of a condition; none if there is no such condition."""
        return next(
            (values for op, name, values in self.conditions if op == operator and name == key.lower()), ()
        )

    def allowed_values(self, key: str) -> tuple[str, ...]:
        """Return the only values of a condition key that it allows; none if it allows any, or no value."""
        return next(
            (
                values
                for operator in _ALLOW_LIST_OPERATORS
                if (values := self.condition_values(operator, key))
            ),
            (),
        )


def read_statements(
    resource: Resource, name: LiteralString = "policy"
) -> tuple[list[Statement], list[Message]]:
    """Return the statements of the policy document in an input, and why they can't be read."""
    statements, problems = resource.view(_read_document, name)
    return [*statements], [*problems]


def _read_document(resource: Resource, name: LiteralString) -> tuple[list[Statement], list[Message]]:
    return parse_statements(resource.at(name), resource, name)


def parse_statements(
    value: PropertyValue, resource: Resource, name: LiteralString
) -> tuple[list[Statement], list[Message]]:
    """
    Return the statements of a policy document, and why they can't be read.

    Args:
        value: The document: JSON text or an object.
        resource: The resource with the document, for messages.
        name: The name of its input with the document, for messages.
    """
    try:
        document = _load_document(value)
    except _UnknownPartError:
        return [], [unknown_value(resource, name)]
    entries = document.get("Statement") if isinstance(document, Mapping) else None
    statements = cast("list[Any]", entries if isinstance(entries, list) else [entries])
    if any(not isinstance(statement, Mapping) for statement in statements):
        return [], [message("{resource} has no " + name + " that can be read", resource=resource)]
    return [_parse_statement(statement, position) for position, statement in enumerate(statements, 1)], []


def identity_policies(stack: PolicyStack) -> list[Resource]:
    """Return the resources that grant permissions to identities: policies, and roles with inline policies."""
    inline = (role for role in stack.of_type(ROLE) if not isinstance(role.at("inlinePolicies"), Absent))
    return [*stack.of_type(*_IDENTITY_POLICIES, _PERMISSION_SET_POLICY), *inline]


def read_identity_statements(resource: Resource) -> tuple[list[Statement], list[Message]]:
    """Return the statements of an identity policy or a role's inline policies, and why they can't be read."""
    if resource.type == _PERMISSION_SET_POLICY:
        return read_statements(resource, "inlinePolicy")
    if resource.type != ROLE:
        return read_statements(resource)
    statements: list[Statement] = []
    problems: list[Message] = []
    for inline in resource.at("inlinePolicies").each():
        if not isinstance(inline.at("policy"), Absent):
            parsed, unreadable = parse_statements(inline.at("policy"), resource, "inlinePolicies")
            statements += parsed
            problems += unreadable
    return statements, problems


def _load_document(value: PropertyValue) -> Any:
    match value:
        case Unknown():
            raise _UnknownPartError
        case Known(str(text)):
            try:
                return json.loads(text)
            except ValueError:
                return None
        case Known(value):
            return _unwrap(value)
        case _:
            return None


def _unwrap(value: Any) -> Any:
    """Return the plain value, without the marks of secrets."""
    match value:
        case Unknown():
            raise _UnknownPartError
        case Known(inner):
            return _unwrap(inner)
        case dict():
            return {key: _unwrap(item) for key, item in cast("dict[str, Any]", value).items()}
        case list():
            return [_unwrap(item) for item in cast("list[Any]", value)]
        case _:
            return value


def _parse_statement(entry: Mapping[str, Any], position: int) -> Statement:
    return Statement(
        allows=entry.get("Effect") != "Deny",
        actions=_as_texts(entry.get("Action")),
        not_actions=_as_texts(entry.get("NotAction")),
        resources=_as_texts(entry.get("Resource")),
        not_resources=_as_texts(entry.get("NotResource")),
        principals=tuple(_parse_principals(entry.get("Principal"))),
        has_not_principal="NotPrincipal" in entry,
        conditions=tuple(_parse_conditions(entry.get("Condition"))),
        position=position,
    )


def _parse_principals(principal: Any) -> Iterator[tuple[str, str]]:
    if isinstance(principal, str):
        yield "AWS", principal
    elif isinstance(principal, Mapping):
        for kind, who in cast("Mapping[str, Any]", principal).items():
            for principal_id in _as_texts(who):
                yield kind, principal_id


def _parse_conditions(condition: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if isinstance(condition, Mapping):
        for operator, tests in cast("Mapping[str, Any]", condition).items():
            for key, values in cast("Mapping[str, Any]", tests).items() if isinstance(tests, Mapping) else ():
                yield operator, key.lower(), _as_texts(values)


def _as_texts(value: Any) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case list():
            return tuple(text for item in cast("list[Any]", value) for text in _as_texts(item))
        case bool():
            return (str(value).lower(),)
        case _:
            return (str(value),)


@lru_cache(4096)
def _compile_pattern(pattern: str, *, fold: bool) -> re.Pattern[str]:
    # Each part between two `*` is an atomic group: it matches its first occurrence and never backtracks. So a
    # pattern with many `*` takes no longer than one with few.
    flags = re.DOTALL | re.IGNORECASE if fold else re.DOTALL
    first, *others = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern))
    if not others:
        return re.compile(first, flags)
    *between, last = others
    return re.compile(first + "".join(f"(?>.*?{part})" for part in between) + ".*" + last, flags)


@lru_cache(16_384)
def _matches_action(pattern: str, action: str) -> bool:
    return matches(pattern, action, fold=True)


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Match as IAM does: `*` is any text, `?` any character; with `fold`, for actions, case is ignored."""
    if pattern == text:
        return True
    if not fold and "*" not in pattern and "?" not in pattern:
        return False
    return bool(_compile_pattern(pattern, fold=fold).fullmatch(text))

"""Policy documents of AWS: who may do what on which, under which conditions."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, LiteralString, cast

from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Absent, Known, Reading, Unknown
from policies.framework.stack import PolicyStack, Resource

ANYONE: Final = ("AWS", "*")
ROLE: Final = "aws:iam/role:Role"
_IDENTITY_POLICIES: Final = (
    "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/policy:Policy",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/userPolicy:UserPolicy",
)

_EXACT: Final = ("StringEquals", "StringLike", "ArnEquals", "ArnLike")
"""Operators that leave what they name; of these, StringEquals alone reads no wildcard (IAM, "Condition")."""


class _NotKnownYetError(Exception):
    """Something in a document is unknown."""


@dataclass(frozen=True)
class Statement:
    """One statement; whatever may be one text or several is several here."""

    allows: bool
    """Whatever doesn't say Deny is taken for an Allow; AWS refuses a third."""

    actions: tuple[str, ...]
    except_actions: tuple[str, ...]
    resources: tuple[str, ...]
    except_resources: tuple[str, ...]
    principals: tuple[tuple[str, str], ...]
    """(kind, who): kind is AWS, Service or Federated; a bare `*` is ("AWS", "*")."""

    except_principals: bool
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...]
    """(operator, key in lower case, values)."""

    def covers(self, action: str, arn: str = "*") -> bool:
        """Tell whether it speaks of this action on this resource; conditions are another matter."""
        on = any(matches(pattern, arn) for pattern in self.resources)
        if self.except_resources:
            on = not any(matches(pattern, arn) for pattern in self.except_resources)
        return self.acts(action) and (on or not (self.resources or self.except_resources))

    def acts(self, action: str) -> bool:
        """Tell whether it speaks of this action, on whatever resource."""
        if self.except_actions:
            return not any(matches(pattern, action, fold=True) for pattern in self.except_actions)
        return any(matches(pattern, action, fold=True) for pattern in self.actions)

    def demands(self, operator: str, key: str) -> tuple[str, ...]:
        """Return the values that a condition asks for; none where there is no such condition."""
        return next(
            (values for op, name, values in self.conditions if op == operator and name == key.lower()), ()
        )

    def leaves(self, key: str) -> tuple[str, ...]:
        """Return the values of a key that its conditions leave; none where it may have any, or be missing."""
        return next((found for operator in _EXACT if (found := self.demands(operator, key))), ())


def read(resource: Resource, name: LiteralString = "policy") -> tuple[list[Statement], list[Text]]:
    """Return the statements of a document in an input (JSON text or object), and why it can't be judged."""
    return read_from(resource.at(name), resource, name)


def read_from(
    reading: Reading, resource: Resource, name: LiteralString
) -> tuple[list[Statement], list[Text]]:
    """Do as `read` for a document that was found already; `name` says where."""
    try:
        document = _document(reading)
    except _NotKnownYetError:
        return [], [undecided(resource, name)]
    entries = document.get("Statement") if isinstance(document, Mapping) else None
    listed = cast("list[Any]", entries if isinstance(entries, list) else [entries])
    if any(not isinstance(entry, Mapping) for entry in listed):
        return [], [say("{resource} has no " + name + " that can be read", resource=resource)]
    return [_statement(entry) for entry in listed], []


def identity_policies(stack: PolicyStack) -> list[Resource]:
    """Return what says what an identity may do: policies, and roles that hold some inside."""
    inline = (role for role in stack.of(ROLE) if not isinstance(role.at("inlinePolicies"), Absent))
    return [*stack.of(*_IDENTITY_POLICIES), *inline]


def granted(resource: Resource) -> tuple[list[Statement], list[Text]]:
    """Return what an identity policy, or a role in its inline policies, says; and why it can't be judged."""
    if resource.type != ROLE:
        return read(resource)
    statements: list[Statement] = []
    lacking: list[Text] = []
    for inline in resource.at("inlinePolicies").each():
        if not isinstance(inline.at("policy"), Absent):
            found, lack = read_from(inline.at("policy"), resource, "inlinePolicies")
            statements += found
            lacking += lack
    return statements, lacking


def _document(reading: Reading) -> Any:
    match reading:
        case Unknown():
            raise _NotKnownYetError
        case Known(str(text)):
            try:
                return json.loads(text)
            except ValueError:
                return None
        case Known(value):
            return _plain(value)
        case _:
            return None


def _plain(value: Any) -> Any:
    """Return what stands in an object, without marks of secrets."""
    match value:
        case Unknown():
            raise _NotKnownYetError
        case Known(inner):
            return _plain(inner)
        case dict():
            return {key: _plain(item) for key, item in cast("dict[str, Any]", value).items()}
        case list():
            return [_plain(item) for item in cast("list[Any]", value)]
        case _:
            return value


def _statement(entry: Mapping[str, Any]) -> Statement:
    return Statement(
        allows=entry.get("Effect") != "Deny",
        actions=_texts(entry.get("Action")),
        except_actions=_texts(entry.get("NotAction")),
        resources=_texts(entry.get("Resource")),
        except_resources=_texts(entry.get("NotResource")),
        principals=tuple(_principals(entry.get("Principal"))),
        except_principals="NotPrincipal" in entry,
        conditions=tuple(_conditions(entry.get("Condition"))),
    )


def _principals(principal: Any) -> Iterator[tuple[str, str]]:
    if isinstance(principal, str):
        yield "AWS", principal
    elif isinstance(principal, Mapping):
        for kind, who in cast("Mapping[str, Any]", principal).items():
            for one in _texts(who):
                yield kind, one


def _conditions(condition: Any) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    if isinstance(condition, Mapping):
        for operator, tests in cast("Mapping[str, Any]", condition).items():
            for key, values in cast("Mapping[str, Any]", tests).items() if isinstance(tests, Mapping) else ():
                yield operator, key.lower(), _texts(values)


def _texts(value: Any) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case list():
            return tuple(text for item in cast("list[Any]", value) for text in _texts(item))
        case bool():
            return (str(value).lower(),)
        case _:
            return (str(value),)


@lru_cache(4096)
def _pattern(pattern: str, *, fold: bool) -> re.Pattern[str]:
    # What lies between two `*` is found where it comes first and never sought again (an atomic group): a
    # pattern of many `*` takes no longer than one of few.
    flags = re.DOTALL | re.IGNORECASE if fold else re.DOTALL
    first, *others = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern))
    if not others:
        return re.compile(first, flags)
    *between, last = others
    return re.compile(first + "".join(f"(?>.*?{part})" for part in between) + ".*" + last, flags)


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Match as IAM does: `*` any text, `?` any character; actions regardless of case (`fold`)."""
    return bool(_pattern(pattern, fold=fold).fullmatch(text))

"""A policy that allows an action on all resources of a type is refused."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.aws_actions import knows_no_resource
from policies.facts.iam_documents import Statement, identity_policies, matches, read_identity_statements
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_ALIAS_ACTIONS: Final = ("kms:CreateAlias", "kms:UpdateAlias")
"""Both also need permission on the key. A new key has no alias yet that a policy could name it by."""

_ALIAS_CONDITION: Final = "kms:ResourceAliases"
_GIVEN: Final = ("StringEquals", "aws:requesttag")
_UNNAMED: Final = re.compile(
    # An incomplete ARN such as `*`, or one whose last part is only a type, such as `key/*`. For the two
    # excluded services, the last part starts with the name of a bucket or an API instead of a type.
    r"[^:]*(:[^:]*){0,4}|arn(:[^:]*){4}:[*?]+|"
    r"arn:[^:]*:(?!s3:|execute-api:)[^:]*:[^:]*:[^:]*:[a-z-]+[:/][*?]+"
)
"""ARN patterns that don't name a resource."""

_OBJECTS: Final = re.compile(r"arn:[^:]*:s3:::(.*)", re.DOTALL)
_FITS_ANYTHING: Final = re.compile(r"[*?.-]|\$\{[^}]*\}")
"""Wildcards, what stands between them, and policy variables: without anything else there is no name."""

_ANY_KEY: Final = re.compile(r"arn:[^:]*:kms:[^:]*:[^:]*:(key/)?[*?]+")


def _judge(policy: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    statements, problems = read_identity_statements(policy)
    return [
        *problems,
        *(problem for statement in statements if statement.allows for problem in _check_statement(statement)),
    ]


def _check_statement(statement: Statement) -> Iterator[Message]:
    at = number(statement.position)
    if not statement.resources:
        yield message("statement {at} allows something on whatever it does not list (NotResource)", at=at)
    tagged = any(
        op == "StringEquals" and key.startswith("aws:resourcetag/") for op, key, _ in statement.conditions
    ) or _tags_new_keys(statement)
    for place, resource in enumerate(statement.resources, 1):
        if _names_nothing(resource) and not tagged and not _needs_no_name(statement, resource):
            text = "statement {at} allows something on every resource of a kind (its resource {place})"
            yield message(text, at=at, place=number(place))


def _names_nothing(resource: str) -> bool:
    objects = _OBJECTS.fullmatch(resource)
    bucket = _FITS_ANYTHING.sub("", objects[1]).partition("/")[0] if objects else "named"
    return bool(_UNNAMED.fullmatch(resource)) or not bucket


def _tags_new_keys(statement: Statement) -> bool:
    """Tell whether it gives one tag to keys without it alone, such as one that is being made."""
    given = {
        key.partition("/")[2] for op, key, _ in statement.conditions if (op, key.partition("/")[0]) == _GIVEN
    }
    without = {
        key.partition("/")[2]
        for op, key, values in statement.conditions
        if (op, key.partition("/")[0], values) == ("Null", "aws:resourcetag", ("true",))
    }
    return bool(given & without) and {action.lower() for action in statement.actions} == {"kms:tagresource"}


def _needs_no_name(statement: Statement, resource: str) -> bool:
    # AWS generates a key's id, so a policy names the key by alias (AWS KMS, "Use aliases to control access").
    by_alias = bool(statement.condition_values("ForAnyValue:StringEquals", _ALIAS_CONDITION))
    open_to_all = not resource.strip("*?")
    return bool(statement.actions) and all(
        (open_to_all and knows_no_resource(action))
        or (by_alias and action.lower().startswith("kms:"))
        or (
            bool(_ANY_KEY.fullmatch(resource))
            and any(matches(free, action, fold=True) for free in _ALIAS_ACTIONS)
        )
        for action in statement.actions
    )


RULE: Final = Rule(
    id="policy-names-its-resources",
    title="Every policy allows its actions on resources by name",
    violated="does not name its resources",
    severity=Severity.HIGH,
    risk="The identity reaches every bucket, key or role of the account, also those that are not made yet.",
    fix=(
        "Name the resources by ARN, a key by its alias (ForAnyValue:StringEquals on kms:ResourceAliases); "
        "keep `*` for the few actions that know no resource, in a statement of their own."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.ISO_A_8_3, Control.CIS_3_3),
    subjects=identity_policies,
    judge=_judge,
)

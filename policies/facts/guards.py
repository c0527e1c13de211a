"""Who may loosen the protection of a vault and its key: the principals that its denials leave out."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import ROLE, Statement, read_statements
from policies.facts.iam_roles import path_and_name
from policies.facts.s3_access import denies
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameter
from policies.framework.stack import PolicyStack, Resource

ROOT_MAY: Final = Parameter(
    "root_may",
    default=False,
    schema={"type": "boolean"},
    meaning="whether the account's root user may as well, which a stack that is taken down again needs",
    looser="true",
)

_OTHERS_ALONE: Final = frozenset({"ArnNotEquals", "ArnNotLike", "StringNotEquals", "StringNotLike"})
_WHO: Final = "aws:principalarn"
_ROOT: Final = re.compile(r"arn:[^:]*:iam::[0-9]{12}:root")
_ROLE_ARN: Final = re.compile(r"arn:[^:]*:iam::([0-9]{12}):role(/.+)")
_PRESENT: Final = ("Bool", "aws:multifactorauthpresent", ("true",))
_AGE: Final = "aws:MultiFactorAuthAge"
_MOST_SECONDS: Final = 3600


def find_exempt(statements: Iterable[Statement], action: str, arn: str = "*") -> tuple[str, ...] | None:
    """Return the ARNs of the only principals that are not denied an action; None if it denies it to few."""
    for statement in statements:
        if denies(statement, action, arn):
            match statement.conditions:
                case ():
                    return ()
                case ((operator, key, values),) if operator in _OTHERS_ALONE and key == _WHO:
                    return values
                case _:
                    pass
    return None


def find_guard(arn: str, stack: PolicyStack) -> Resource | None:
    """Return the role of the stack with an ARN; one whose account isn't known only if there is no other."""
    match = _ROLE_ARN.fullmatch(arn)
    unplaced: Resource | None = None
    for role in stack.of_type(ROLE) if match else ():
        named = path_and_name(role)
        if not match or not isinstance(named, Known) or named.value != match[2]:
            continue
        account = FailureDomain.of(role, stack).account
        if account == Known(match[1]):
            return role
        if not isinstance(account, Known):
            unplaced = role
    return unplaced


def judge_exempt(arns: Iterable[str], stack: PolicyStack, *, root_may: bool) -> Iterator[Message]:
    """Yield why principals that a denial leaves out are no break-glass roles of the stack."""
    for arn in arns:
        if set(arn) & {"*", "?"}:
            yield message("its denial leaves out a pattern of principals")
        elif _ROOT.fullmatch(arn):
            if not root_may:
                yield message("its denial leaves out the root user of an account")
        elif (role := find_guard(arn, stack)) is None:
            yield message("its denial leaves out somebody who is no role of this stack")
        else:
            yield from _check_second_factor(role)


def _check_second_factor(role: Resource) -> Iterator[Message]:
    if isinstance(role.at("assumeRolePolicy"), Unknown):
        yield unknown_value(role, "assumeRolePolicy")
        return
    statements, unreadable = read_statements(role, "assumeRolePolicy")
    yield from unreadable
    for statement in statements:
        if statement.allows and not _demands_second_factor(statement):
            yield message("{role} can be taken on without a second factor of just now", role=role)


def _demands_second_factor(statement: Statement) -> bool:
    age = [
        seconds
        for operator in ("NumericLessThan", "NumericLessThanEquals")
        for seconds in statement.condition_values(operator, _AGE)
    ]
    people_alone = all(kind == "AWS" and who != "*" for kind, who in statement.principals)
    recent = len(age) == 1 and age[0].isdigit() and int(age[0]) <= _MOST_SECONDS
    return people_alone and recent and _PRESENT in statement.conditions and not statement.has_not_principal

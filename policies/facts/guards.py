"""Who may loosen the protection of a vault and its key: the principals that its denials leave out."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from policies.facts.buckets import VERSIONING, Buckets
from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import ROLE, Statement, read_statements
from policies.facts.iam_roles import path_and_name
from policies.facts.lifecycles import lifecycles_of
from policies.facts.s3_access import (
    DESTRUCTIVE_BUCKET_ACTIONS,
    DESTRUCTIVE_OBJECT_ACTIONS,
    denies,
    judge_policies,
)
from policies.facts.strangers import admits_strangers, own_accounts
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameter, expect_value, in_range
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
_FEWEST_DAYS: Final = 7


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


def find_replicator(replication: Resource, stack: PolicyStack) -> Resource | None:
    """Return the role of the stack that a replication names; None without one."""
    match replication.at("role"):
        case Known(str(arn)):
            return find_guard(arn, stack)
        case Unknown():
            roles = (one for one in stack.dependencies(replication, "role") if one.type == ROLE)
            return next(roles, None)
        case _:
            return None


def judge_exempt(arns: Iterable[str], stack: PolicyStack, *, root_may: bool) -> Iterator[Message]:
    """Yield why principals that a denial leaves out are no break-glass roles of the stack."""
    for arn in arns:
        if stranger := _find_stranger(arn, stack, root_may=root_may):
            yield stranger
        elif role := find_guard(arn, stack):
            yield from find_missing_second_factor(role)


def judge_log_guard(log: Resource, stack: PolicyStack, *, root_may: bool) -> Iterator[Message]:
    """Yield why others than roles of the stack could delete the logs in a bucket, or let them be deleted."""
    index = stack.view(Buckets)
    versioned = [
        part.at("versioning", "enabled") if part == log else part.at("versioningConfiguration", "status")
        for part in index.parts_or_inline(log, VERSIONING, "versioning")
    ]
    if not versioned:
        yield message("{log} is not versioned", log=log)
    for value in versioned:
        if isinstance(value, Unknown):
            yield unknown_value(log, "versioning")
        elif value not in (Known("Enabled"), Known(value=True)):
            yield message("{log} is not versioned", log=log)

    def check(statements: list[Statement], arn: str) -> Iterator[Message]:
        own = own_accounts(stack)
        if own and any(_reveals(statement, own) for statement in statements):
            yield message("{log} lets in somebody of another account", log=log)
        exempt: dict[str, None] = {}
        for action in (*DESTRUCTIVE_OBJECT_ACTIONS, *DESTRUCTIVE_BUCKET_ACTIONS):
            covered = f"{arn}/*" if action in DESTRUCTIVE_OBJECT_ACTIONS else arn
            arns = find_exempt(statements, action, covered)
            if arns is None:
                yield message("{log} does not deny " + action + " to all but named roles", log=log)
            exempt.update(dict.fromkeys(arns or ()))
        yield from filter(None, (_find_stranger(each, stack, root_may=root_may) for each in exempt))

    yield from judge_policies(log, stack, check)


def _reveals(statement: Statement, own: Collection[str]) -> bool:
    """Tell whether it admits somebody outside of some accounts: services of AWS bring the logs."""
    return admits_strangers(statement, own) and (
        statement.has_not_principal or any(kind != "Service" for kind, _ in statement.principals)
    )


def judge_retention(log: Resource, stack: PolicyStack, least: float) -> Iterator[Message]:
    """Yield why a bucket's lifecycle deletes its logs before `least` days."""
    for part, rules in lifecycles_of(log, stack):
        for rule in rules:
            if not rule.is_off and not isinstance(rule.days, Absent):
                path = "rules.expiration.days"
                yield from expect_value(rule.days, part, path, in_range(least), "deletes the log too soon")
            if not rule.is_off and not isinstance(rule.noncurrent_days, Absent):
                path = "rules.noncurrentVersionExpiration.noncurrentDays"
                fits = in_range(min(least, _FEWEST_DAYS))
                yield from expect_value(
                    rule.noncurrent_days, part, path, fits, "takes back too soon what somebody deletes"
                )
            if not rule.is_off and not isinstance(rule.date, Absent):
                yield message("{part} deletes the log on a day, however new it is", part=part)


def _find_stranger(arn: str, stack: PolicyStack, *, root_may: bool) -> Message | None:
    """Return why a principal that a denial leaves out is no role of the stack; None if it is one."""
    if set(arn) & {"*", "?"}:
        return message("its denial leaves out a pattern of principals")
    if _ROOT.fullmatch(arn):
        return None if root_may else message("its denial leaves out the root user of an account")
    if find_guard(arn, stack) is None:
        return message("its denial leaves out somebody who is no role of this stack")
    return None


def find_missing_second_factor(role: Resource) -> Iterator[Message]:
    """Yield why others than people with a second factor of just now may take on a role of the stack."""
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

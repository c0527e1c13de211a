"""An identity that may overwrite a backup is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import POLICY, Buckets, arn_of, vaults
from policies.facts.iam_documents import Statement, read_statements
from policies.facts.lifecycles import LIVING_PREFIXES
from policies.facts.s3_access import PUT, IamIdentities, denies, identities, pattern_reaches, reaches
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_IF_NONE_MATCH: Final = "s3:if-none-match"
_CREATION_OPERATION: Final = "s3:objectcreationoperation"


def _judge(resource: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    identity = stack.view(IamIdentities).by_resource[resource]
    yield from identity.unreadable
    for vault in vaults(stack):
        arn = arn_of(vault)
        living = [f"{arn}/{prefix}" for prefix in limits[LIVING_PREFIXES.name]]
        overwriting = [
            statement
            for statement in identity.statements_allowing(PUT, arn)
            if not (_is_create_only(statement) or _is_within_prefixes(statement, arn, living))
        ]
        rewriters = stack.view(_Rewriters).of(vault, tuple(living))
        if resource in rewriters and len(rewriters) > 1:
            yield message("it and somebody else may write the same living keys of {vault}", vault=vault)
        if overwriting and vault not in stack.view(_find_create_only_vaults):
            yield message("it may write a key of {vault} a second time", vault=vault)


class _Rewriters:
    """The roles, users and groups that may write keys again that live as long as their source does."""

    def __init__(self, stack: PolicyStack) -> None:
        self._stack = stack
        self._found: dict[tuple[Resource, tuple[str, ...]], list[Resource]] = {}

    def of(self, vault: Resource, living: tuple[str, ...]) -> list[Resource]:
        if (vault, living) not in self._found:
            arn = arn_of(vault)
            self._found[vault, living] = [
                identity.resource
                for identity in self._stack.view(IamIdentities).all
                if any(
                    not _is_create_only(statement) and any(reaches(statement, prefix) for prefix in living)
                    for statement in identity.statements_allowing(PUT, arn)
                )
            ]
        return self._found[vault, living]


def _is_create_only(statement: Statement) -> bool:
    # A part of a multipart upload creates no object. Completing the upload does, under the same condition as
    # an upload in one piece (AWS S3, "Enforce conditional writes").
    header_is_missing = statement.condition_values("Null", _IF_NONE_MATCH)
    creates_object = statement.condition_values("Bool", _CREATION_OPERATION)
    return header_is_missing == ("false",) or creates_object == ("false",)


def _is_within_prefixes(statement: Statement, arn: str, prefixes: list[str]) -> bool:
    patterns = [pattern for pattern in statement.resources if pattern_reaches(pattern, arn)]
    return bool(patterns) and all(pattern.startswith(tuple(prefixes)) for pattern in patterns)


def _find_create_only_vaults(stack: PolicyStack) -> set[Resource]:
    """Return the vaults whose policies deny everyone to overwrite a key."""
    create_only: set[Resource] = set()
    for vault in vaults(stack):
        policies = [
            read_statements(policy)[0]
            for policy in stack.view(Buckets).parts_or_inline(vault, POLICY, "policy")
        ]
        if policies and all(
            any(_demands_create_only(statement, arn_of(vault)) for statement in statements)
            for statements in policies
        ):
            create_only.add(vault)
    return create_only


def _demands_create_only(statement: Statement, arn: str) -> bool:
    conditions = set(statement.conditions)
    return (
        denies(statement, PUT, f"{arn}/*")
        and ("Null", _IF_NONE_MATCH, ("true",)) in conditions
        and conditions <= {("Null", _IF_NONE_MATCH, ("true",)), ("Bool", _CREATION_OPERATION, ("true",))}
    )


RULE: Final = Rule(
    id="writer-cannot-overwrite",
    title="Nobody who adds to a bucket that holds backups may write a key of it twice",
    violated="can overwrite backups",
    severity=Severity.HIGH,
    risk=(
        "A backup is hidden under a worthless newer version of the same name, and the next drill restores "
        "that."
    ),
    fix=(
        "Allow s3:PutObject with the condition that s3:if-none-match is not null, and for parts of uploads "
        "where s3:ObjectCreationOperation is false; without them only where every version is kept."
    ),
    controls=(Control.NIST_AC_6, Control.NIST_CP_9_8, Control.CIS_11_3),
    subjects=identities,
    judge=_judge,
    parameters=(LIVING_PREFIXES,),
)

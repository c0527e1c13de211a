"""A vault whose bucket policy does not deny its writers to delete or unlock backups is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import Buckets, vaults
from policies.facts.iam_documents import Statement
from policies.facts.s3_access import (
    DESTRUCTIVE_BUCKET_ACTIONS,
    DESTRUCTIVE_OBJECT_ACTIONS,
    applies_to,
    judge_policies,
    reaches,
    writers,
)
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_OBJECTS: Final = (
    "aws:s3/bucketObject:BucketObject",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/objectCopy:ObjectCopy",
)
_PRINCIPAL_KEY: Final = "aws:principalarn"


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    stack_writers = writers(stack)

    def check(statements: list[Statement], arn: str) -> Iterator[Message]:
        for action in (*DESTRUCTIVE_OBJECT_ACTIONS, *DESTRUCTIVE_BUCKET_ACTIONS):
            resource = f"{arn}/*" if action in DESTRUCTIVE_OBJECT_ACTIONS else arn
            if any(
                statement.allows and statement.covers_action(action) and reaches(statement, arn)
                for statement in statements
            ):
                yield message("its policy allows " + action)
            denying = [statement for statement in statements if _denies(statement, action, resource)]
            for writer in stack_writers:
                if not any(applies_to(statement, writer) for statement in denying):
                    yield message("its policy does not deny {who} " + action, who=writer.resource)
            # Another stack declares the writer, so the rule can't tell which principal it is.
            if not stack_writers and not any(_names_principal(statement) for statement in denying):
                yield message("its policy denies no writer " + action)

    yield from judge_policies(vault, stack, check)
    for token in _OBJECTS:
        for written in stack.view(Buckets).parts(vault, token):
            yield message("{written} is written over by a deployment, and deleted with it", written=written)


def _denies(statement: Statement, action: str, arn: str) -> bool:
    exceptions = statement.not_actions or statement.not_resources
    return not statement.allows and not exceptions and statement.covers(action, arn)


def _names_principal(statement: Statement) -> bool:
    conditions_are_known = all(key == _PRINCIPAL_KEY for _, key, _ in statement.conditions)
    return conditions_are_known and bool(statement.principals) and not statement.has_not_principal


RULE: Final = Rule(
    id="vault-denies-deletion",
    title="Every bucket that holds backups keeps its writers from deleting, unlocking and expiring them",
    violated="lets its writers take backups away",
    severity=Severity.CRITICAL,
    risk=(
        "Whoever gets hold of the credentials that write backups deletes the old ones too, as soon as one "
        "role policy allows more than it should."
    ),
    fix=(
        "Let the bucket policy deny its writers to delete objects and versions, to change locks, and to "
        "change the bucket's versioning, lock configuration and lifecycle; and let it allow nobody to."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.CIS_11_3, Control.ISO_A_8_3),
    subjects=vaults,
    judge=_judge,
)

"""A vault whose policy doesn't keep its writers from taking backups away is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.iam_documents import Statement
from policies.facts.s3_access import TAKES_BUCKETS, TAKES_OBJECTS, is_about, judge_policies, reaches, writers
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_WHO: Final = "aws:principalarn"


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    found = writers(stack)

    def lack(statements: list[Statement], arn: str) -> Iterator[Text]:
        for action in (*TAKES_OBJECTS, *TAKES_BUCKETS):
            whole = f"{arn}/*" if action in TAKES_OBJECTS else arn
            if any(one.allows and one.acts(action) and reaches(one, arn) for one in statements):
                yield say("its policy allows " + action)
            denying = [one for one in statements if _denies(one, action, whole)]
            for writer in found:
                if not any(is_about(one, writer) for one in denying):
                    yield say("its policy does not deny {who} " + action, who=writer.resource)
            # The writer is not of this stack, so whom it means can't be seen.
            if not found and not any(_names_somebody(one) for one in denying):
                yield say("its policy denies no writer " + action)

    return judge_policies(vault, stack, lack)


def _denies(statement: Statement, action: str, arn: str) -> bool:
    exceptions = statement.except_actions or statement.except_resources
    return not statement.allows and not exceptions and statement.covers(action, arn)


def _names_somebody(statement: Statement) -> bool:
    known = all(key == _WHO for _, key, _ in statement.conditions)
    return known and bool(statement.principals) and not statement.except_principals


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

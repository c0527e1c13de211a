"""An identity that may write a backup's key a second time is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import POLICY, Buckets, arn_of, vaults
from policies.facts.iam_documents import Statement, read
from policies.facts.lifecycles import LIVING
from policies.facts.s3_access import PUT, Holders, denies, holders, pattern_reaches
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_NEW_ONLY: Final = "s3:if-none-match"
_CREATES: Final = "s3:objectcreationoperation"


def _judge(identity: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    holder = stack.view(Holders).by_resource[identity]
    yield from holder.unreadable
    for vault in vaults(stack):
        arn = arn_of(vault)
        living = [f"{arn}/{prefix}" for prefix in limits[LIVING.name]]
        again = [
            one for one in holder.allowed(PUT, arn) if not (_is_once(one) or _is_within(one, arn, living))
        ]
        if again and vault not in stack.view(_asking):
            yield say("it may write a key of {vault} a second time", vault=vault)


def _is_once(statement: Statement) -> bool:
    # A part of a multipart upload creates nothing: completing the upload does, under the same condition as an
    # upload in one piece (AWS S3, "Enforce conditional writes").
    new, part = statement.demands("Null", _NEW_ONLY), statement.demands("Bool", _CREATES)
    return new == ("false",) or part == ("false",)


def _is_within(statement: Statement, arn: str, living: list[str]) -> bool:
    here = [pattern for pattern in statement.resources if pattern_reaches(pattern, arn)]
    return bool(here) and all(pattern.startswith(tuple(living)) for pattern in here)


def _asking(stack: PolicyStack) -> set[Resource]:
    """Return the vaults that refuse every write of a key that is there, whoever may do it."""
    found: set[Resource] = set()
    for vault in vaults(stack):
        policies = [read(policy)[0] for policy in stack.view(Buckets).configuring(vault, POLICY, "policy")]
        if policies and all(any(_asks(one, arn_of(vault)) for one in policy) for policy in policies):
            found.add(vault)
    return found


def _asks(statement: Statement, arn: str) -> bool:
    conditions = set(statement.conditions)
    return (
        denies(statement, PUT, f"{arn}/*")
        and ("Null", _NEW_ONLY, ("true",)) in conditions
        and conditions <= {("Null", _NEW_ONLY, ("true",)), ("Bool", _CREATES, ("true",))}
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
    subjects=holders,
    judge=_judge,
    parameters=(LIVING,),
)

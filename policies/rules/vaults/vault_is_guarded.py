"""A vault that anybody but a break-glass role may loosen is refused."""

from collections.abc import Iterable, Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.guards import ROOT_MAY, find_exempt, judge_exempt
from policies.facts.iam_documents import Statement
from policies.facts.s3_access import DESTRUCTIVE_BUCKET_ACTIONS, DESTRUCTIVE_OBJECT_ACTIONS, judge_policies
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_BUCKET_ACTIONS: Final[tuple[LiteralString, ...]] = (
    *DESTRUCTIVE_BUCKET_ACTIONS,
    "s3:PutBucketAcl",
    "s3:PutBucketLogging",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutEncryptionConfiguration",
)
_OBJECT_ACTIONS: Final[tuple[LiteralString, ...]] = (
    *DESTRUCTIVE_OBJECT_ACTIONS,
    # Gives a locked object another key (S3 API, UpdateObjectEncryption).
    "s3:UpdateObjectEncryption",
)


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    def check(statements: list[Statement], arn: str) -> Iterator[Message]:
        exempt: dict[str, None] = {}
        for action in (*_OBJECT_ACTIONS, *_BUCKET_ACTIONS):
            covered = f"{arn}/*" if action in _OBJECT_ACTIONS else arn
            arns = find_exempt(statements, action, covered)
            if arns is None:
                yield message("its policy does not deny " + action + " to all but named roles")
            exempt.update(dict.fromkeys(arns or ()))
        yield from judge_exempt(exempt, stack, root_may=limits[ROOT_MAY.name])

    return judge_policies(vault, stack, check)


RULE: Final = Rule(
    id="vault-is-guarded",
    title="Nobody but a role for emergencies can loosen a bucket that holds backups",
    violated="can be loosened",
    severity=Severity.HIGH,
    risk="Any administrator of the account, or who stole the token of one, lets the backups expire or leak.",
    fix=(
        "Let the bucket's policy deny these actions to everybody whose aws:PrincipalArn is not that of a "
        "role of this stack which demands aws:MultiFactorAuthPresent and a short aws:MultiFactorAuthAge."
    ),
    controls=(Control.NIST_AC_6, Control.NIST_CP_9_8, Control.SOC_CC6_3, Control.ISO_A_8_3),
    subjects=vaults,
    judge=_judge,
    parameters=(ROOT_MAY,),
)

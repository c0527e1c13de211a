"""An identity that adds backups and may also take them away is refused."""

from collections.abc import Iterable
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import arn_of, vaults
from policies.facts.s3_access import PUT, TAKES_BUCKETS, TAKES_OBJECTS, Holders, holders
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_ADDS: Final = (PUT, "s3:ReplicateObject")
_TAKES: Final[tuple[LiteralString, ...]] = (
    *TAKES_OBJECTS,
    *TAKES_BUCKETS,
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:ReplicateDelete",
)
_TAKES_KEYS: Final[tuple[LiteralString, ...]] = (
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
)
"""A key's ARN isn't known before it exists, so these must not be allowed on any."""


def _judge(identity: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Text]:
    holder = stack.view(Holders).by_resource[identity]
    yield from holder.unreadable
    found = vaults(stack)
    if not any(holder.allowed(action, arn_of(vault)) for action in _ADDS for vault in found):
        return
    taking: list[LiteralString] = [action for action in _TAKES if holder.speaks_of(action)]
    for vault in found:
        for action in taking:
            if holder.allowed(action, arn_of(vault)):
                yield say("it adds to a vault and may also do " + action + " in {vault}", vault=vault)
    for action in _TAKES_KEYS:
        if holder.speaks_of(action):
            yield say("it adds to a vault and may also do " + action)


RULE: Final = Rule(
    id="writer-cannot-delete",
    title="Nobody who adds to a bucket that holds backups may take anything away from it",
    violated="can take backups away",
    severity=Severity.CRITICAL,
    risk=(
        "Whoever gets hold of the credentials of the backup job deletes the old backups, or lets them expire."
    ),
    fix=(
        "Let the writer's policies allow s3:PutObject and reading alone; leave deletion to the bucket's "
        "lifecycle, and the bucket's configuration to a role that writes nothing into it."
    ),
    controls=(Control.NIST_AC_6, Control.SOC_CC6_3, Control.CIS_6_8, Control.CIS_11_3, Control.ISO_A_8_2),
    subjects=holders,
    judge=_judge,
)

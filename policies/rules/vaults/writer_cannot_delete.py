"""An identity that may both write and delete backups, or mark those of others as gone, is refused."""

from collections.abc import Iterable, Iterator
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import arn_of, vaults
from policies.facts.lifecycles import lifecycles_of
from policies.facts.s3_access import (
    DESTRUCTIVE_BUCKET_ACTIONS,
    DESTRUCTIVE_OBJECT_ACTIONS,
    PUT,
    IamIdentities,
    IamIdentity,
    identities,
    reaches,
)
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.property_values import Known
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_MARK_ACTIONS: Final[tuple[LiteralString, ...]] = ("s3:PutObjectTagging", "s3:PutObjectVersionTagging")
_WRITE_ACTIONS: Final = (PUT, "s3:ReplicateObject")
_DESTRUCTIVE_ACTIONS: Final[tuple[LiteralString, ...]] = (
    *DESTRUCTIVE_OBJECT_ACTIONS,
    *DESTRUCTIVE_BUCKET_ACTIONS,
    "s3:ReplicateDelete",
)
_DESTRUCTIVE_KEY_ACTIONS: Final[tuple[LiteralString, ...]] = (
    "kms:DisableKey",
    "kms:PutKeyPolicy",
    "kms:ScheduleKeyDeletion",
)
"""A key's ARN isn't known before it exists, so these must not be allowed on any key."""


def _judge(resource: Resource, stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    identity = stack.view(IamIdentities).by_resource[resource]
    yield from identity.unreadable
    stack_vaults = vaults(stack)
    marking: list[LiteralString] = [action for action in _MARK_ACTIONS if identity.allows_anywhere(action)]
    for vault, prefix in stack.view(_find_marked) if marking else ():
        yield from _check_marks(identity, marking, vault, prefix)
    if not any(
        identity.adds_backups(action, arn_of(vault))
        for action in filter(identity.allows_anywhere, _WRITE_ACTIONS)
        for vault in stack_vaults
    ):
        return
    destructive: list[LiteralString] = [
        action for action in _DESTRUCTIVE_ACTIONS if identity.allows_anywhere(action)
    ]
    for vault in stack_vaults:
        for action in destructive:
            if identity.statements_allowing(action, arn_of(vault)):
                yield message("it adds to a vault and may also do " + action + " in {vault}", vault=vault)
    for action in _DESTRUCTIVE_KEY_ACTIONS:
        if identity.allows_anywhere(action):
            yield message("it adds to a vault and may also do " + action)


def _find_marked(stack: PolicyStack) -> list[tuple[Resource, str]]:
    """Return each vault with each prefix under which objects with a tag expire."""
    marked = (
        (vault, str(rule.prefix.value))
        for vault in vaults(stack)
        for _, rules in lifecycles_of(vault, stack)
        for rule in rules
        if rule.tags and not rule.is_off and isinstance(rule.prefix, Known)
    )
    return sorted(set(marked), key=lambda pair: (pair[0].urn, pair[1]))


def _check_marks(
    identity: IamIdentity, actions: Iterable[LiteralString], vault: Resource, prefix: str
) -> Iterator[Message]:
    """Yield a right to give objects a tag by which they expire, of somebody who doesn't write them."""
    arn = arn_of(vault)
    beneath = f"{arn}/{prefix}"
    writes = any(reaches(one, beneath) for one in identity.statements_allowing(PUT, arn))
    for action in actions:
        marks = any(reaches(one, beneath) for one in identity.statements_allowing(action, arn))
        if marks and not writes:
            yield message("it may do " + action + " where a tag lets {vault} expire it", vault=vault)


RULE: Final = Rule(
    id="writer-cannot-delete",
    title="Nobody who adds to a bucket that holds backups may take anything away, nor mark what others add",
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
    subjects=identities,
    judge=_judge,
)

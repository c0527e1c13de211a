"""A vault whose backups lie where the first byte takes longer than a recovery may is refused."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, LiteralString

from pulumi_policy import Severity

from policies.facts.buckets import LIFECYCLE, Buckets, vaults
from policies.framework.controls import Control
from policies.framework.messages import Message, duration, message, unknown_value
from policies.framework.property_values import Absent, Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_TIERING: Final = "aws:s3/bucketIntelligentTieringConfiguration:BucketIntelligentTieringConfiguration"
_AT_ONCE: Final = frozenset({"STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER_IR"})
_IN_ONE_PLACE: Final = frozenset({"EXPRESS_ONEZONE", "ONEZONE_IA", "REDUCED_REDUNDANCY"})
_HOURS: Final = {"GLACIER": 5, "DEEP_ARCHIVE": 12, "ARCHIVE_ACCESS": 5, "DEEP_ARCHIVE_ACCESS": 12}
"""Class -> hours to its first byte, by the standard retrieval (AWS S3, "Archive retrieval options")."""


def _judge(vault: Resource, stack: PolicyStack, _limits: Parameters) -> Iterator[Message]:
    index, limit = stack.view(Buckets), _find_limit(stack)
    for lifecycle in index.parts_or_inline(vault, LIFECYCLE, "lifecycleRules"):
        name = "rules" if lifecycle != vault else "lifecycleRules"
        for rule in lifecycle.at(name).each():
            for moves in ("transitions", "noncurrentVersionTransitions"):
                for move in rule.at(moves).each():
                    yield from _check(lifecycle, name, move.at("storageClass"), limit)
    for tiering in index.parts(vault, _TIERING):
        for tier in tiering.at("tierings").each():
            yield from _check(tiering, "tierings", tier.at("accessTier"), limit)
    for _, replication, target in index.replications:
        if target == vault:
            for rule in replication.at("rules").each():
                yield from _check(replication, "rules", rule.at("destination", "storageClass"), limit)


def _check(
    part: Resource, name: LiteralString, storage_class: PropertyValue, limit: timedelta
) -> Iterator[Message]:
    match storage_class:
        case Unknown():
            yield unknown_value(part, name)
        case Known(str(called)) if called in _HOURS:
            if (wait := timedelta(hours=_HOURS[called])) > limit:
                yield message(
                    "{part} puts it where the first byte takes {wait}, and recovery has {limit}",
                    part=part,
                    wait=duration(wait),
                    limit=duration(limit),
                )
        case Known(called) if called in _IN_ONE_PLACE:
            yield message("{part} puts it where the loss of one data centre takes it", part=part)
        case Known(called) if called not in _AT_ONCE:
            yield message("{part} puts it in a class that is not known", part=part)
        case Known() | Absent() | _:
            pass


def _find_limit(stack: PolicyStack) -> timedelta:
    """Return the shortest recovery that a component promises; nothing may wait where none does."""
    promised = [
        component.at("objectives", "recovery_time_minutes") for component in stack.publishers("objectives")
    ]
    minutes = [
        one.value
        for one in promised
        if isinstance(one, Known) and isinstance(one.value, int | float) and one.value > 0
    ]
    return timedelta(minutes=min(minutes, default=0))


RULE: Final = Rule(
    id="vault-is-read-in-time",
    title="Every backup lies in several places, and its first byte comes back while a recovery has time",
    violated="keeps backups where they can't be read in time",
    severity=Severity.HIGH,
    risk="The backup is there, and the recovery waits for hours until an archive hands it out.",
    fix="Leave out the transitions, tiers and storage classes of archives, or promise a longer recovery.",
    controls=(Control.NIST_CP_9_8, Control.NIST_CP_10, Control.ISO_A_8_13, Control.SOC_A1_2),
    subjects=vaults,
    judge=_judge,
)

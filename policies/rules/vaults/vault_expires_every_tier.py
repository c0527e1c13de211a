"""A vault that keeps backups longer than its tiers promise, or for ever, is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.lifecycles import (
    LIVING_PREFIXES,
    LifecycleRule,
    days_by_prefix,
    has_unknown_tiers,
    is_living,
    lifecycles_of,
    lock_days,
    promised_tiers,
)
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number, unknown_value
from policies.framework.property_values import Known, PropertyValue, Unknown
from policies.framework.rule import Parameters, Rule, expect_value, in_range, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    promised = promised_tiers(vault, stack)
    if has_unknown_tiers(promised):
        yield unknown_value(vault, "tiers of the component around")
    lifecycles = lifecycles_of(vault, stack)
    if not lifecycles:
        yield message("it has no lifecycle")
    for part, rules in lifecycles:
        for rule in rules:
            yield from expect_value(
                rule.status, part, "rules.status", one_of("Enabled"), "has a rule that is not Enabled"
            )
        for prefix, days in days_by_prefix(promised).items():
            living = is_living(prefix, limits[LIVING_PREFIXES.name])
            yield from _check_tier(part, rules, prefix, days, lock=lock_days(vault, stack), living=living)
        # A vault without tiers must at least expire earlier versions.
        if not promised.items():
            version_days = [rule.noncurrent_days for rule in rules if rule.covers("")]
            problem = message("{part} expires no earlier versions in the whole bucket", part=part)
            yield from _check_expiration(version_days, float("inf"), part, problem)


def _check_tier(
    part: Resource, rules: list[LifecycleRule], prefix: str, days: float, *, lock: float, living: bool
) -> Iterator[Message]:
    covering = [rule for rule in rules if rule.covers(prefix)]
    if not living:
        problem = message(
            "{part} does not expire a tier in time, after {days} days", part=part, days=number(days)
        )
        yield from _check_expiration([rule.days for rule in covering], days, part, problem)
    problem = message(
        "{part} does not expire earlier versions in time, in a tier of {days} days",
        part=part,
        days=number(days),
    )
    version_days = [rule.noncurrent_days for rule in covering]
    yield from _check_expiration(version_days, max(days, lock), part, problem)


def _check_expiration(
    values: list[PropertyValue], most: float, part: Resource, problem: Message
) -> list[Message]:
    if any(isinstance(value, Known) and in_range(1, most)(value.value) for value in values):
        return []
    return [unknown_value(part, "rules") if Unknown() in values else problem]


RULE: Final = Rule(
    id="vault-expires-every-tier",
    title="Every bucket that holds backups expires each of its tiers when its time is over",
    violated="keeps backups longer than promised",
    severity=Severity.MEDIUM,
    risk=(
        "Personal data stays years after it should be gone, and storage that only ever grows becomes a cost "
        "that somebody cuts in a hurry."
    ),
    fix=(
        "Declare a BucketLifecycleConfiguration whose rules are all Enabled, with an expiration and a "
        "noncurrent version expiration for each tier, in the days that the tier promises."
    ),
    controls=(Control.CIS_3_1, Control.ISO_A_8_13, Control.NIST_CP_9),
    subjects=vaults,
    judge=_judge,
    parameters=(LIVING_PREFIXES,),
)

"""A vault that expires backups before their time is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.jobs import jobs_copying_to
from policies.facts.lifecycles import (
    GONE_TAGS,
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
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule, expect, expect_value, in_range
from policies.framework.stack import PolicyStack, Resource


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    promised = promised_tiers(vault, stack)
    if has_unknown_tiers(promised):
        yield unknown_value(vault, "tiers of the component around")
    days_of = days_by_prefix(promised)
    jobs = jobs_copying_to(vault, stack)
    longest = max(days_of.values(), default=float("inf"))
    for job in jobs:
        yield from expect(
            job,
            "retentionDays",
            in_range(1, longest),
            "does not say for how long, or longer than the vault keeps",
        )
    lock = lock_days(vault, stack)
    living = {
        prefix: days for prefix, days in days_of.items() if is_living(prefix, limits[LIVING_PREFIXES.name])
    }
    others = {prefix: days for prefix, days in days_of.items() if prefix not in living}
    # Jobs don't publish which tier they fill. Without tiers, the whole bucket keeps the longest retention.
    retentions = [] if days_of else [_known_days(job) for job in jobs]
    for part, rules in lifecycles_of(vault, stack):
        for rule in rules:
            if not rule.is_off:
                least = max([lock, *retentions, *_covered_days(rule, others)])
                if not rule.is_for_deleted_sources(limits):
                    yield from _check_expiration(rule, part, least, bool(_covered_days(rule, living)))
                yield from _check_version_expiration(rule, part, max([lock, *_covered_days(rule, living)]))


def _check_expiration(rule: LifecycleRule, part: Resource, least: float, living: bool) -> Iterator[Message]:
    match rule.date:
        case Absent():
            pass
        case Unknown():
            yield unknown_value(part, "rules.expiration.date")
        case _:
            yield message("{part} expires everything on a day, however new it is", part=part)
    if isinstance(rule.days, Absent):
        return
    if living:
        yield message("{part} expires what its source may still hold", part=part)
    path = "rules.expiration.days"
    yield from expect_value(rule.days, part, path, in_range(least), "expires a tier before its days are over")


def _check_version_expiration(rule: LifecycleRule, part: Resource, least: float) -> list[Message]:
    if isinstance(rule.noncurrent_days, Absent):
        return []
    path = "rules.noncurrentVersionExpiration.noncurrentDays"
    return expect_value(
        rule.noncurrent_days, part, path, in_range(least), "expires earlier versions too soon"
    )


def _covered_days(rule: LifecycleRule, days_of: dict[str, float]) -> list[float]:
    return [days for prefix, days in days_of.items() if rule.may_cover(prefix)]


def _known_days(job: Resource) -> float:
    days = job.at("retentionDays")
    return days.value if isinstance(days, Known) and in_range(0)(days.value) else 0


RULE: Final = Rule(
    id="vault-expires-nothing-early",
    title="No bucket that holds backups expires them before the time that was promised",
    violated="expires backups early",
    severity=Severity.CRITICAL,
    risk=(
        "The backup from before an error that was noticed late is gone, by a rule that did what it was told."
    ),
    fix=(
        "Let every lifecycle rule wait for the lock's days and for those of each tier that it touches; "
        "expire only earlier versions where a backup lives as long as its source."
    ),
    controls=(Control.NIST_CP_9, Control.CIS_11_3, Control.ISO_A_8_13, Control.CIS_3_1),
    subjects=vaults,
    judge=_judge,
    parameters=(LIVING_PREFIXES, GONE_TAGS),
)

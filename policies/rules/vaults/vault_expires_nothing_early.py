"""A vault that expires backups before their time is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.jobs import filling
from policies.facts.lifecycles import (
    GONE,
    LIVING,
    Expiry,
    days_by_prefix,
    is_living,
    lifecycles,
    lock_days,
    tiers,
    tiers_unknown,
)
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Absent, Known, Unknown
from policies.framework.rule import Parameters, Rule, expect, expect_of, from_to
from policies.framework.stack import PolicyStack, Resource


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    promised = tiers(vault, stack)
    if tiers_unknown(promised):
        yield undecided(vault, "tiers of the component around")
    days_of = days_by_prefix(promised)
    jobs = filling(vault, stack)
    longest = max(days_of.values(), default=float("inf"))
    for job in jobs:
        yield from expect(
            job,
            "retentionDays",
            from_to(1, longest),
            "does not say for how long, or longer than the vault keeps",
        )
    lock = lock_days(vault, stack)
    living = {prefix: days for prefix, days in days_of.items() if is_living(prefix, limits[LIVING.name])}
    dying = {prefix: days for prefix, days in days_of.items() if prefix not in living}
    # Which job fills which tier isn't said; where there are no tiers, all that jobs bring is kept alike.
    kept = [] if days_of else [_known_days(job) for job in jobs]
    for part, expiries in lifecycles(vault, stack):
        for expiry in expiries:
            if not expiry.is_off:
                least = max([lock, *kept, *_touched(expiry, dying)])
                if not expiry.hides_gone(limits):
                    yield from _early(expiry, part, least, bool(_touched(expiry, living)))
                yield from _early_versions(expiry, part, max([lock, *_touched(expiry, living)]))


def _early(expiry: Expiry, part: Resource, least: float, living: bool) -> Iterator[Text]:
    match expiry.date:
        case Absent():
            pass
        case Unknown():
            yield undecided(part, "rules.expiration.date")
        case _:
            yield say("{part} expires everything on a day, however new it is", part=part)
    if isinstance(expiry.days, Absent):
        return
    if living:
        yield say("{part} expires what its source may still hold", part=part)
    path = "rules.expiration.days"
    yield from expect_of(expiry.days, part, path, from_to(least), "expires a tier before its days are over")


def _early_versions(expiry: Expiry, part: Resource, least: float) -> list[Text]:
    if isinstance(expiry.noncurrent_days, Absent):
        return []
    path = "rules.noncurrentVersionExpiration.noncurrentDays"
    return expect_of(expiry.noncurrent_days, part, path, from_to(least), "expires earlier versions too soon")


def _touched(expiry: Expiry, days_of: dict[str, float]) -> list[float]:
    return [days for prefix, days in days_of.items() if expiry.touches(prefix)]


def _known_days(job: Resource) -> float:
    days = job.at("retentionDays")
    return days.value if isinstance(days, Known) and from_to(0)(days.value) else 0


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
    parameters=(LIVING, GONE),
)

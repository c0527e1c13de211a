"""A vault that keeps backups longer than promised, or for ever, is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import vaults
from policies.facts.lifecycles import (
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
from policies.framework.messages import Text, number, say, undecided
from policies.framework.property_values import Known, Reading, Unknown
from policies.framework.rule import Parameters, Rule, expect_of, from_to, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    promised = tiers(vault, stack)
    if tiers_unknown(promised):
        yield undecided(vault, "tiers of the component around")
    found = lifecycles(vault, stack)
    if not found:
        yield say("it has no lifecycle")
    for part, expiries in found:
        for expiry in expiries:
            yield from expect_of(
                expiry.status, part, "rules.status", one_of("Enabled"), "has a rule that is not Enabled"
            )
        for prefix, days in days_by_prefix(promised).items():
            living = is_living(prefix, limits[LIVING.name])
            yield from _lack(part, expiries, prefix, days, lock=lock_days(vault, stack), living=living)
        # A vault of whoever promises nothing must at least not grow for ever.
        if not promised.items():
            old = [expiry.noncurrent_days for expiry in expiries if expiry.covers("")]
            otherwise = say("{part} expires no earlier versions in the whole bucket", part=part)
            yield from _within(old, float("inf"), part, otherwise)


def _lack(
    part: Resource, expiries: list[Expiry], prefix: str, days: float, *, lock: float, living: bool
) -> Iterator[Text]:
    here = [expiry for expiry in expiries if expiry.covers(prefix)]
    shown = number(days)
    if not living:
        otherwise = say("{part} does not expire a tier in time, after {days} days", part=part, days=shown)
        yield from _within([expiry.days for expiry in here], days, part, otherwise)
    otherwise = say(
        "{part} does not expire earlier versions in time, in a tier of {days} days", part=part, days=shown
    )
    yield from _within([expiry.noncurrent_days for expiry in here], max(days, lock), part, otherwise)


def _within(readings: list[Reading], most: float, part: Resource, otherwise: Text) -> list[Text]:
    if any(isinstance(reading, Known) and from_to(1, most)(reading.value) for reading in readings):
        return []
    return [undecided(part, "rules") if Unknown() in readings else otherwise]


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
    parameters=(LIVING,),
)

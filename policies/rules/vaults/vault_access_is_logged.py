"""A vault whose requests nobody records, or whose record can be forged or is gone too soon, is refused."""

from collections.abc import Iterable, Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import LOGGING, Buckets, vaults
from policies.facts.iam_documents import Statement
from policies.facts.lifecycles import lifecycles
from policies.facts.s3_access import PUT, TAKES_OBJECTS, is_bound, judge_policies, reaches
from policies.framework.controls import Control
from policies.framework.messages import Text, say, undecided
from policies.framework.property_values import Absent, Unknown
from policies.framework.rule import Parameters, Rule, at_least, expect_of, from_to
from policies.framework.stack import PolicyStack, Resource

_DELIVERY: Final = ("Service", "logging.s3.amazonaws.com")


def _judge(vault: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    found = stack.view(Buckets)
    logging = found.configuring(vault, LOGGING, "logging")
    if not logging:
        yield say("its access is not logged")
    for part in logging:
        targets = [bucket for bucket in found.log_targets(part) if bucket != vault]
        if not targets:
            target = part.at("targetBucket") if part != vault else part.at("logging", "targetBucket")
            yield (
                undecided(part, "targetBucket")
                if isinstance(target, Unknown)
                else say("{part} logs to no other bucket of this stack", part=part)
            )
        for target in targets:
            yield from judge_policies(
                target, stack, lambda said, arn, target=target: _lack(said, arn, target)
            )
            yield from _forgets(target, stack, limits["minimum_days"])


def _lack(statements: list[Statement], arn: str, log: Resource) -> Iterator[Text]:
    allowing = [one for one in statements if one.allows and reaches(one, arn)]
    delivering = [one for one in allowing if one.covers(PUT, f"{arn}/*") and one.principals == (_DELIVERY,)]
    if not delivering:
        yield say("{log} does not take what log delivery brings", log=log)
    if not all(is_bound(one) for one in delivering):
        yield say("{log} takes what log delivery brings of any account", log=log)
    forging = (one for one in allowing if one.principals != (_DELIVERY,))
    if any(one.acts(action) for one in forging for action in (PUT, *TAKES_OBJECTS)):
        yield say("{log} lets others than log delivery write or delete", log=log)


def _forgets(log: Resource, stack: PolicyStack, least: float) -> Iterator[Text]:
    for part, expiries in lifecycles(log, stack):
        for expiry in expiries:
            if not expiry.is_off and not isinstance(expiry.days, Absent):
                path = "rules.expiration.days"
                yield from expect_of(expiry.days, part, path, from_to(least), "deletes the log too soon")
            if not expiry.is_off and not isinstance(expiry.date, Absent):
                yield say("{part} deletes the log on a day, however new it is", part=part)


RULE: Final = Rule(
    id="vault-access-is-logged",
    title="Every request to a bucket that holds backups is recorded, and the record is kept",
    violated="has no access log to rely on",
    severity=Severity.HIGH,
    risk="After an incident nobody can tell who read the backups, or who tried to delete them.",
    fix=(
        "Declare a BucketLogging to another bucket whose policy lets logging.s3.amazonaws.com alone write, "
        "for this account, and whose lifecycle keeps the log for months."
    ),
    controls=(
        Control.NIST_AU_2,
        Control.NIST_AU_9,
        Control.NIST_AU_11,
        Control.ISO_A_8_15,
        Control.CIS_8_2,
        Control.CIS_8_10,
        Control.SOC_CC7_2,
    ),
    subjects=vaults,
    judge=_judge,
    # 90 days: the least that CIS Controls 8.10 asks for.
    parameters=(at_least("minimum_days", 90, "for how long the record must be kept, in days"),),
)

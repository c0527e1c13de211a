"""A bucket that keeps the parts of uploads that never ended is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import buckets
from policies.facts.lifecycles import lifecycles
from policies.framework.controls import Control
from policies.framework.messages import Text, say
from policies.framework.rule import Parameters, Rule, at_least, best, expect_of, from_to, one_of
from policies.framework.stack import PolicyStack, Resource


def _judge(bucket: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    found = lifecycles(bucket, stack)
    if not found:
        yield say("it has no lifecycle")
    in_time = from_to(1, limits["maximum_days"])
    for part, expiries in found:
        attempts = [
            [
                *expect_of(expiry.status, part, "rules.status", one_of("Enabled"), "has a rule that is off"),
                *expect_of(
                    expiry.abort_days, part, "rules.abort", in_time, "has a rule that aborts none in time"
                ),
            ]
            for expiry in expiries
            if expiry.covers("")
        ]
        yield from best(attempts, [say("{part} has no rule for the whole bucket", part=part)])


RULE: Final = Rule(
    id="bucket-cleans-up-aborted-uploads",
    title="Every bucket removes what is left of aborted uploads",
    violated="keeps what is left of aborted uploads",
    severity=Severity.LOW,
    risk="Parts of uploads are paid for, hold data that no listing shows, and stay for ever.",
    fix=(
        "Declare an Enabled lifecycle rule for the whole bucket that aborts incomplete uploads within a week."
    ),
    controls=(Control.CIS_3_1, Control.ISO_A_8_9, Control.NIST_CM_2),
    subjects=buckets,
    judge=_judge,
    parameters=(
        at_least("maximum_days", 7, "after how many days an upload counts as aborted, at the latest"),
    ),
)

"""A bucket that keeps the parts of incomplete uploads is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.buckets import buckets
from policies.facts.lifecycles import lifecycles_of
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import (
    Parameters,
    Rule,
    accept_any,
    expect_value,
    in_range,
    number_parameter,
    one_of,
)
from policies.framework.stack import PolicyStack, Resource


def _judge(bucket: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    lifecycles = lifecycles_of(bucket, stack)
    if not lifecycles:
        yield message("it has no lifecycle")
    in_time = in_range(1, limits["maximum_days"])
    for part, rules in lifecycles:
        alternatives = [
            [
                *expect_value(rule.status, part, "rules.status", one_of("Enabled"), "has a rule that is off"),
                *expect_value(
                    rule.abort_days, part, "rules.abort", in_time, "has a rule that aborts none in time"
                ),
            ]
            for rule in rules
            if rule.covers("")
        ]
        yield from accept_any(alternatives, [message("{part} has no rule for the whole bucket", part=part)])


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
        number_parameter(
            "maximum_days",
            7,
            "after how many days an upload counts as aborted, at the latest",
            looser="higher",
        ),
    ),
)

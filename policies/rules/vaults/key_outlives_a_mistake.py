"""A KMS key with a short deletion window is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.kms_keys import KEY
from policies.framework.controls import Control
from policies.framework.messages import Message
from policies.framework.rule import Parameters, Rule, expect, in_range, number_parameter, of_type
from policies.framework.stack import PolicyStack, Resource


def _judge(key: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    return expect(
        key,
        "deletionWindowInDays",
        in_range(limits["minimum_days"]),
        "must declare a window that is long enough",
    )


RULE: Final = Rule(
    id="key-outlives-a-mistake",
    title="Every KMS key can be brought back for weeks after its deletion was asked for",
    violated="would be deleted too soon",
    severity=Severity.HIGH,
    risk="A deleted key takes everything that it encrypted with it, and nobody notices within a few days.",
    fix="Declare deletionWindowInDays of 30, the most that KMS allows.",
    controls=(Control.NIST_SC_12, Control.ISO_A_8_24, Control.CIS_11_3),
    subjects=of_type(KEY),
    judge=_judge,
    # The longest window (AWS KMS API, ScheduleKeyDeletion, PendingWindowInDays).
    parameters=(
        number_parameter("minimum_days", 30, "how many days must pass before a key is gone", looser="lower"),
    ),
)

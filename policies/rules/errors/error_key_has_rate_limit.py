"""A key that lets one client use up the quota of all is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.controls import Control
from policies.resources import Resource, Stack
from policies.rule import Parameters, Rule, expect, from_to, of
from policies.sentry import KEY
from policies.wording import Text


def _judge(key: Resource, _stack: Stack, _limits: Parameters) -> Iterator[Text]:
    yield from expect(key, "rateLimitCount", from_to(1), "must declare a rateLimitCount above 0")
    yield from expect(key, "rateLimitWindow", from_to(1), "must declare a rateLimitWindow above 0")


RULE: Final = Rule(
    id="error-key-has-rate-limit",
    title="Every Sentry key has a rate limit",
    violated="accepts any number of events",
    severity=Severity.MEDIUM,
    risk="The key is public in every browser: whoever has it can use up the quota, and errors are dropped.",
    fix="Declare rateLimitCount (events) and rateLimitWindow (seconds), both above 0.",
    controls=(Control.NIST_SC_5, Control.NIST_SI_13, Control.ISO_A_8_9),
    subjects=of(KEY),
    judge=_judge,
)

"""A Sentry key without a rate limit is refused."""

from collections.abc import Iterator
from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import KEY
from policies.framework.controls import Control
from policies.framework.messages import Message, message, number
from policies.framework.property_values import Known
from policies.framework.rule import Parameter, Parameters, Rule, expect, in_range, of_type
from policies.framework.stack import PolicyStack, Resource

_MAXIMUM: Final = Parameter(
    "maximum_per_minute",
    1_000,
    {"type": "number", "minimum": 1},
    "the most events that one key may accept in a minute; one client in a loop sends as many",
    looser="higher",
)
_MINIMUM: Final = Parameter(
    "minimum_per_minute",
    10,
    {"type": "number", "minimum": 1},
    "the fewest events that one key accepts in a minute: with less, one kind of error hides the others",
    looser="lower",
)


def _judge(key: Resource, _stack: PolicyStack, limits: Parameters) -> Iterator[Message]:
    problems = [
        *expect(key, "rateLimitCount", in_range(1), "must declare a rateLimitCount above 0"),
        *expect(key, "rateLimitWindow", in_range(1), "must declare a rateLimitWindow above 0"),
    ]
    yield from problems
    count, window, most = key.at("rateLimitCount"), key.at("rateLimitWindow"), limits[_MAXIMUM.name]
    if problems or not isinstance(count, Known) or not isinstance(window, Known):
        return
    if count.value * 60 > most * window.value:
        yield message("{key} accepts more than {most} events a minute", key=key, most=number(most))
    least = limits[_MINIMUM.name]
    if count.value * 60 < least * window.value:
        yield message("{key} accepts fewer than {least} events a minute", key=key, least=number(least))


RULE: Final = Rule(
    id="error-key-has-rate-limit",
    title="Every Sentry key has a rate limit that fits",
    violated="accepts too many events, or too few",
    severity=Severity.MEDIUM,
    risk="The key is public in every browser: whoever has it can use up the quota, and errors are dropped.",
    fix="Declare rateLimitCount (events) and rateLimitWindow (seconds), both above 0, that fit the quota and "
    "leave room for each kind of error.",
    controls=(Control.NIST_SC_5, Control.NIST_SI_13, Control.ISO_A_8_9),
    subjects=of_type(KEY),
    judge=_judge,
    parameters=(_MAXIMUM, _MINIMUM),
)

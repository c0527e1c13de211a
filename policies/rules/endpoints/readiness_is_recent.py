"""A platform in production that was not found ready lately is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.endpoints import PLATFORM
from policies.framework.controls import Control
from policies.framework.drill_history import CLOCK_TOLERANCE, IS_READY, LONGEST_UNREADY_DAYS
from policies.framework.messages import Message, duration, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource

_HOUR: Final = timedelta(hours=1)


def _list_production(stack: PolicyStack) -> list[Resource]:
    """Return the platforms that may be in production; a rehearsal deploys nothing that could be looked at."""
    if stack.drill_history and stack.drill_history.rehearsal:
        return []
    return [
        platform
        for platform in stack.of_type(PLATFORM)
        if platform.at("environment") in (Known("production"), Unknown())
    ]


def _judge(platform: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    history = stack.drill_history
    if history is None or history.readiness is None:
        return [unknown_value(platform, "last report of readiness")]
    readiness = history.readiness
    # What was never deployed can't be looked at. The time until the first report counts from the deployment.
    start = readiness.passed or readiness.since or history.now
    age, longest = history.now - start, timedelta(days=limits["maximum_days"])
    if age < -CLOCK_TOLERANCE:
        return [message("what is known of its readiness is from a time that is yet to come")]
    if age <= longest:
        return []
    parts = {"age": duration(age // _HOUR * _HOUR), "longest": duration(longest)}
    if readiness.passed:
        return [message("it was found ready {age} ago, and {longest} are allowed", **parts)]
    return [message("it is deployed for {age}, was never found ready, and {longest} are allowed", **parts)]


RULE: Final = Rule(
    id=IS_READY,
    title="The platform in production was looked at and found ready, not long ago",
    violated="is not shown to be ready",
    severity=Severity.HIGH,
    risk="What the settings declare and what runs have parted: a header, a limit, a certificate or a monitor "
    "is gone, and each deploy carries it on.",
    fix=(
        "Run ./bulwark ready, correct what it finds, let drift.yml keep the report, and deploy with "
        "./bulwark, which asks the vault for it. If only the deploy makes it pass again, waive the rule "
        "until then."
    ),
    controls=(Control.NIST_SI_4, Control.SOC_CC7_2, Control.ISO_A_8_9),
    subjects=_list_production,
    judge=_judge,
    parameters=(
        number_parameter(
            "maximum_days",
            LONGEST_UNREADY_DAYS,
            "the age of the last report that found it ready, in days; a new platform has as long for its "
            "first one",
            looser="higher",
        ),
    ),
)

"""A data store without a recently passed drill is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.stores import tried_stores
from policies.framework.controls import Control
from policies.framework.drill_history import CLOCK_TOLERANCE, IS_RECENT, LONGEST_DAYS, StoreHistory
from policies.framework.messages import Message, duration, message, unknown_value
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource

_HOUR: Final = timedelta(hours=1)


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    drills = stack.drill_history
    if drills is None:
        return [unknown_value(store, "last passed drill")]
    history = drills.stores.get(store.urn, StoreHistory())
    # A store without a backup can't be drilled. The time until its first drill counts from its first backup.
    start = history.passed or history.since or drills.now
    age, longest = drills.now - start, timedelta(days=limits["maximum_days"])
    if age < -CLOCK_TOLERANCE:
        return [message("what is known of its drills is from a time that is yet to come")]
    if age <= longest:
        return []
    parts = {"age": duration(age // _HOUR * _HOUR), "longest": duration(longest)}
    if history.passed:
        return [message("its last drill that passed was {age} ago, and {longest} are allowed", **parts)]
    return [
        message(
            "it is backed up for {age}, no drill of it has passed, and {longest} are allowed for the first",
            **parts,
        )
    ]


RULE: Final = Rule(
    id=IS_RECENT,
    title="Every data store came back in a drill that passed, not long ago",
    violated="is not shown to come back",
    severity=Severity.CRITICAL,
    risk="Nobody knows any longer whether the data would come back, nor how long that would take.",
    fix=(
        "Run ./bulwark drill until it passes, and deploy with ./bulwark, which asks the vault for it. "
        "If only the deploy makes it pass again, waive the rule until then. Another program hands over what "
        "its own drills have shown, as BULWARK_DRILLS."
    ),
    controls=(
        Control.NIST_CP_4,
        Control.NIST_CP_9_1,
        Control.SOC_A1_3,
        Control.ISO_A_5_30,
        Control.ISO_A_8_13,
        Control.CIS_11_5,
    ),
    subjects=lambda stack: tried_stores(stack, "drills"),
    judge=_judge,
    parameters=(
        number_parameter(
            "maximum_days",
            LONGEST_DAYS,
            "the age of the last passed drill, in days; a new store has as long for its first one, and the "
            "default lets one weekly drill fail, but not two",
            looser="higher",
        ),
    ),
)

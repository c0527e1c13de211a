"""A data store whose backups were not proven lately is refused."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.recovery_paths import read_objective
from policies.facts.stores import tried_stores
from policies.framework.controls import Control
from policies.framework.drill_history import CLOCK_TOLERANCE, StoreHistory
from policies.framework.messages import Message, duration, message, unknown_value
from policies.framework.rule import Parameters, Rule, number_parameter
from policies.framework.stack import PolicyStack, Resource

_MINUTE: Final = timedelta(minutes=1)


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    drills = stack.drill_history
    if drills is None:
        return [unknown_value(store, "last proof")]
    hours, problems = read_objective(store, stack, "proof_age_hours", limits["maximum_hours"])
    history = drills.stores.get(store.urn, StoreHistory())
    # Without a backup there is nothing to prove. The time until the first proof counts from the first backup.
    start = history.proven or history.since or drills.now
    age, longest = drills.now - start, timedelta(hours=hours)
    if age < -CLOCK_TOLERANCE:
        return [*problems, message("what is known of its proofs is from a time that is yet to come")]
    if age <= longest:
        return problems
    parts = {"age": duration(age // _MINUTE * _MINUTE), "longest": duration(longest)}
    if history.proven:
        return [*problems, message("its last proof is {age} old, and {longest} are allowed", **parts)]
    first = "it is backed up for {age}, no backup of it was proven, and {longest} are allowed for the first"
    return [*problems, message(first, **parts)]


RULE: Final = Rule(
    id="store-proof-is-recent",
    title="A backup of every data store was restored and compared, not long ago",
    violated="has no backup that is proven lately",
    severity=Severity.CRITICAL,
    risk="Backups are made and nobody knows whether they hold the data; the deploy may need one of them.",
    fix=(
        "Run the workflow of the backups until it proves one of the store, and deploy with ./bulwark, which "
        "asks the vault for it. If only the deploy makes it pass again, waive the rule until then."
    ),
    controls=(
        Control.NIST_CP_4,
        Control.NIST_CP_9_1,
        Control.SOC_A1_3,
        Control.ISO_A_5_30,
        Control.ISO_A_8_13,
        Control.CIS_11_5,
    ),
    subjects=lambda stack: tried_stores(stack, "proves"),
    judge=_judge,
    parameters=(
        number_parameter(
            "maximum_hours",
            30,
            "the age of the last proof, in hours; what a platform publishes may be less, and a new store has "
            "as long for its first one",
            looser="higher",
        ),
    ),
)

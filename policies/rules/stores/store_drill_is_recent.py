"""A deploy is refused while it is not shown that its data stores come back."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from pulumi_policy import Severity

from policies.facts.stores import saved_by_jobs
from policies.framework.controls import Control
from policies.framework.drill_history import StoreHistory
from policies.framework.messages import Text, duration, say, undecided
from policies.framework.rule import Parameters, Rule, at_least
from policies.framework.stack import PolicyStack, Resource

_CLOCKS_DIFFER: Final = timedelta(hours=1)
_HOUR: Final = timedelta(hours=1)


def _judge(store: Resource, stack: PolicyStack, limits: Parameters) -> Iterable[Text]:
    drills = stack.drills
    if drills is None:
        return [undecided(store, "last passed drill")]
    known = drills.stores.get(store.urn, StoreHistory())
    # A store that nothing has backed up yet can't be drilled; it has as long for its first drill as for any.
    begun = known.passed or known.since or drills.now
    age, longest = drills.now - begun, timedelta(days=limits["maximum_days"])
    if age < -_CLOCKS_DIFFER:
        return [say("what is known of its drills is from a time that is yet to come")]
    if age <= longest:
        return []
    parts = {"age": duration(age // _HOUR * _HOUR), "longest": duration(longest)}
    if known.passed:
        return [say("its last drill that passed was {age} ago, and {longest} are allowed", **parts)]
    return [
        say(
            "it is backed up for {age}, no drill of it has passed, and {longest} are allowed for the first",
            **parts,
        )
    ]


def _subjects(stack: PolicyStack) -> list[Resource]:
    # A rehearsal deploys nothing that could be lost, and says nothing of production's drills.
    return [] if stack.drills and stack.drills.rehearsal else saved_by_jobs(stack)


RULE: Final = Rule(
    id="store-drill-is-recent",
    title="Every data store came back in a drill that passed, not long ago",
    violated="is not shown to come back",
    severity=Severity.CRITICAL,
    risk="Nobody knows any longer whether the data would come back, nor how long that would take.",
    fix=(
        "Run ./bulwark drill until it passes, and deploy with ./bulwark, which asks the vault for it. "
        "If only the deploy makes it pass again, waive the rule until then."
    ),
    controls=(
        Control.NIST_CP_4,
        Control.NIST_CP_9_1,
        Control.SOC_A1_3,
        Control.ISO_A_5_30,
        Control.ISO_A_8_13,
        Control.CIS_11_5,
    ),
    subjects=_subjects,
    judge=_judge,
    parameters=(
        at_least(
            "maximum_days",
            15,
            "the age of the last passed drill, in days; a new store has as long for its first one, and the "
            "default lets one weekly drill fail, but not two",
        ),
    ),
)

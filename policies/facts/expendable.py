"""
Stores that hold nothing of value, as the program itself says.

A component of any type publishes them: `holdsNothing`, a list of the stores' URNs, and `reason`, a sentence
of why nothing is lost with them. Of such a store no rule asks whether its data comes back.
"""

from typing import Final

from policies.facts.buckets import Buckets
from policies.facts.jobs import backup_jobs_of, has_unknown_urns, resolve_urns
from policies.framework.messages import Message, message, unknown_value
from policies.framework.property_values import Known, Unknown
from policies.framework.stack import PolicyStack, Resource

FACT: Final = "holdsNothing"
SHORTEST_REASON: Final = 20


class Expendable:
    """The stores that components declare to hold nothing of value."""

    def __init__(self, stack: PolicyStack) -> None:
        """Read the declarations. One with a problem frees nothing."""
        self.declared: Final = {
            component: resolve_urns(component, FACT, stack) for component in stack.publishers(FACT)
        }
        """Component -> the stores that it names."""

        self.all: Final = {
            store
            for component, stores in self.declared.items()
            if not find_problems(component, stores, stack)
            for store in stores
        }


def find_problems(component: Resource, stores: list[Resource], stack: PolicyStack) -> list[Message]:
    """Return why a declaration does not count."""
    problems: list[Message] = []
    match component.at("reason"):
        case Known(str(reason), secret=False) if len(reason.strip()) >= SHORTEST_REASON:
            pass
        case Unknown():
            problems.append(unknown_value(component, "reason"))
        case _:
            problems.append(message("it gives no reason of at least 20 characters that everybody may read"))
    if has_unknown_urns(component, FACT) and not stores:
        problems.append(unknown_value(component, FACT))
    elif len(stores) < len(component.at(FACT).each()) or not stores:
        problems.append(message("it names a store that this stack does not have"))
    vaults = stack.view(Buckets).vaults
    for store in stores:
        if store in vaults:
            problems.append(message("{store} holds backups", store=store))
        elif backup_jobs_of(store, stack):
            problems.append(message("{store} is backed up, so it holds something", store=store))
    return problems

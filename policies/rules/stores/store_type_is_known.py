"""A store of a type that the pack can't judge is refused."""

from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.facts.stores import KNOWN_STORES, vendor_stores
from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameters, Rule
from policies.framework.stack import PolicyStack, Resource


def _judge(store: Resource, _stack: PolicyStack, _limits: Parameters) -> Iterable[Message]:
    if store.type not in KNOWN_STORES:
        yield message("nothing is known of the history that such a store keeps")


RULE: Final = Rule(
    id="store-type-is-known",
    title="Every resource that looks like a data store is of a type that the pack can judge",
    violated="looks like a data store of a type that the pack does not know",
    severity=Severity.HIGH,
    risk="Data could live in it whose history no rule looks at.",
    fix=(
        "Classify the type in policies/facts/stores.py: as a store, with its history in store-has-history, "
        "or as one that holds nothing."
    ),
    controls=(Control.ISO_A_5_9, Control.NIST_CM_8, Control.CIS_1_1),
    subjects=vendor_stores,
    judge=_judge,
)

"""Data stores: the resources that hold data."""

from typing import Final

from policies.facts.buckets import LIFECYCLE, LOCK, POLICY, REPLICATION, VERSIONING, Buckets
from policies.facts.expendable import Expendable
from policies.facts.jobs import backup_jobs_of, jobs_by_fact
from policies.facts.resource_types import TypeClass, TypeClasses, classify
from policies.framework.closing_rules import find_production
from policies.framework.property_values import Absent, Known
from policies.framework.stack import PolicyStack, Resource

DATA_DEPENDS_ON: Final = frozenset(
    {
        "aws:kms/key:Key",  # data that it encrypted can't be read without it
        "gcp:sql/database:Database",
        "neon:index/database:Database",
        "neon:index/role:Role",  # a role that is created again has another password and owns nothing
        "pulumi-python:dynamic/bulwark:ApplicationRole",  # likewise
    }
)
"""Types that hold no data, but whose deletion loses data or the access to it."""

_GUARDS: Final = (LIFECYCLE, LOCK, POLICY, REPLICATION, VERSIONING)
"""Types that protect a vault, so that a deployment which leaves one out does not take it away."""


def may_hold_data(token: str) -> bool:
    """Tell whether a type holds data, or may: the pack knows nothing of it."""
    return classify(token) in {TypeClass.HOLDS_DATA, TypeClass.NOT_CLASSIFIED}


class Stores:
    """The data stores of a stack."""

    def __init__(self, stack: PolicyStack) -> None:
        """Find the stores. A component is a store if it publishes `holdsData`."""
        classes = stack.view(TypeClasses)
        expendable = stack.view(Expendable).all
        found = [
            resource
            for resource in stack.resources
            if (resource.is_custom and classes.of(resource) is TypeClass.HOLDS_DATA)
            or (resource.is_component and resource.at("holdsData") not in (Absent(), Known(value=False)))
        ]
        self.all: Final = [store for store in found if store not in expendable]
        """All stores with something of value, including access logs."""

        logs = stack.view(Buckets).access_logs
        self.data: Final = [store for store in self.all if store not in logs]
        """The stores without access logs, which need no backup."""


def data_stores(stack: PolicyStack) -> list[Resource]:
    """Return the data stores of a stack, without access logs."""
    return stack.view(Stores).data


def vendor_stores(stack: PolicyStack) -> list[Resource]:
    """Return the stores that this stack creates, without those that a component only publishes."""
    return [store for store in stack.view(Stores).all if store.is_custom]


def protected_resources(stack: PolicyStack) -> list[Resource]:
    """Return whatever loses data if a deployment deletes or replaces it, and what protects a vault."""
    return stack.view(_find_protected)


def _find_protected(stack: PolicyStack) -> list[Resource]:
    found = [*vendor_stores(stack), *stack.of_type(*sorted(DATA_DEPENDS_ON))]
    if find_production(stack):
        index = stack.view(Buckets)
        found += [part for vault in index.vaults for token in _GUARDS for part in index.parts(vault, token)]
    return list(dict.fromkeys(found))


def tried_stores(stack: PolicyStack, fact: str) -> list[Resource]:
    """
    Return the stores that must be shown to come back: in production all, else those that a job names.

    Args:
        stack: The stack. A run against the twin deploys no data, and knows nothing of production's backups.
        fact: `drills` or `proves`, in which a job names them.
    """
    if stack.drill_history and stack.drill_history.rehearsal:
        return []
    backed_up = job_backed_stores(stack)
    return (
        backed_up if find_production(stack) else [one for one in backed_up if jobs_by_fact(fact, one, stack)]
    )


def job_backed_stores(stack: PolicyStack) -> list[Resource]:
    """
    Return the data stores that need a backup by a scheduled job.

    A vault or a replicated bucket needs none; it is only included if a job protects it.
    """
    buckets = stack.view(Buckets)
    replicated = {
        *buckets.vaults,
        *(bucket for source, _, target in buckets.replications for bucket in (source, target)),
    }
    return [store for store in data_stores(stack) if store not in replicated or backup_jobs_of(store, stack)]

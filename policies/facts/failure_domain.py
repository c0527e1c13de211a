"""Where a resource is: the part of the world that takes it down with it."""

from dataclasses import dataclass

from policies.framework.property_values import Absent, Known, Reading, Unknown, first
from policies.framework.stack import PolicyStack, Resource


@dataclass(frozen=True)
class FailureDomain:
    """What fails together: everything of one provider, in one account and region."""

    provider: Reading
    account: Reading
    region: Reading

    @classmethod
    def of(cls, store: Resource, stack: PolicyStack) -> "FailureDomain":
        """
        Return where a store is.

        What it and its provider declare counts before what a component around it says of it.
        """
        around = [
            resource.at("failureDomain")
            for resource in (store, *stack.around(store))
            if resource.is_component
        ]
        said = first(around)
        accounts = store.configuration("allowedAccountIds").each()
        own_provider = Known(store.type.partition(":")[0]) if store.is_custom else Absent()
        return cls(
            provider=first([own_provider, said.at("provider")]),
            account=first([accounts[0] if len(accounts) == 1 else Absent(), said.at("account")]),
            region=first(
                [store.at("region"), store.at("regionId"), store.configuration("region"), said.at("region")]
            ),
        )

    def is_apart_from(self, other: "FailureDomain") -> bool | None:
        """Tell whether one survives the other's loss; None where something unknown would decide."""
        provider = (self.provider, other.provider)
        pairs = (provider, (self.account, other.account), (self.region, other.region))
        if isinstance(self.provider, Known) and any(_differ(*pair) for pair in pairs):
            return True
        return None if any(isinstance(reading, Unknown) for pair in pairs for reading in pair) else False


def _differ(mine: Reading, theirs: Reading) -> bool:
    match mine, theirs:
        case Known(str(here)), Known(str(there)):
            return here.casefold() != there.casefold()
        case _:
            return False

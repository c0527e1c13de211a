"""Failure domains: the provider, account and region of a resource, which fail together."""

from dataclasses import dataclass

from policies.framework.property_values import Absent, Known, PropertyValue, Unknown, first_present
from policies.framework.stack import PolicyStack, Resource


@dataclass(frozen=True)
class FailureDomain:
    """Everything of one provider, in one account and region."""

    provider: PropertyValue
    account: PropertyValue
    region: PropertyValue

    @classmethod
    def of(cls, store: Resource, stack: PolicyStack) -> "FailureDomain":
        """
        Return the failure domain of a store.

        What the store and its provider declare takes precedence over what a component around it publishes.
        """
        published = first_present(
            resource.at("failureDomain")
            for resource in (store, *stack.ancestors(store))
            if resource.is_component
        )
        accounts = store.provider_input("allowedAccountIds").each()
        own_provider = Known(store.type.partition(":")[0]) if store.is_custom else Absent()
        return cls(
            provider=first_present([own_provider, published.at("provider")]),
            account=first_present([accounts[0] if len(accounts) == 1 else Absent(), published.at("account")]),
            region=first_present(
                [
                    store.at("region"),
                    store.at("regionId"),
                    store.provider_input("region"),
                    published.at("region"),
                ]
            ),
        )

    def is_apart_from(self, other: "FailureDomain") -> bool | None:
        """Tell whether one survives the loss of the other; None if that depends on something unknown."""
        provider = (self.provider, other.provider)
        pairs = (provider, (self.account, other.account), (self.region, other.region))
        if isinstance(self.provider, Known) and any(_differ(*pair) for pair in pairs):
            return True
        return None if any(isinstance(value, Unknown) for pair in pairs for value in pair) else False


def _differ(first: PropertyValue, second: PropertyValue) -> bool:
    match first, second:
        case Known(str(name)), Known(str(other_name)):
            return name.casefold() != other_name.casefold()
        case _:
            return False

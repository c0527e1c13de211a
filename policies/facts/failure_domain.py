"""Failure domains: what fails, or turns hostile, together with a resource."""

from dataclasses import dataclass
from typing import Final

from policies.framework.property_values import Absent, Known, PropertyValue, Unknown, first_present
from policies.framework.stack import PolicyStack, Resource

HOSTING_CLOUDS: Final = {
    "aws": "aws",
    "aws-native": "aws",
    "azure": "azure",
    "azure-native": "azure",
    "gcp": "gcp",
    "railway": "gcp",
    "supabase": "aws",
    "vercel": "aws",
}
"""
Vendor -> the cloud whose machines it runs on.

Sources: https://supabase.com/docs/guides/platform/regions, https://vercel.com/docs/regions,
https://blog.railway.com (incident of 19 May 2026). Neon says it in its region ids.
"""


@dataclass(frozen=True)
class FailureDomain:
    """The vendor and account that can take a resource away, and the cloud and region that it lies in."""

    vendor: PropertyValue
    account: PropertyValue
    cloud: PropertyValue
    region: PropertyValue

    @classmethod
    def of(cls, store: Resource, stack: PolicyStack) -> "FailureDomain":
        """
        Return the failure domain of a store.

        What the store and its provider declare takes precedence over what a component around it publishes.
        """
        return stack.view(cls._find, store)

    @classmethod
    def _find(cls, stack: PolicyStack, store: Resource) -> "FailureDomain":
        published = first_present(
            resource.at("failureDomain")
            for resource in (store, *stack.ancestors(store))
            if resource.is_component
        )
        accounts = store.provider_input("allowedAccountIds").each()
        own_vendor = Known(store.type.partition(":")[0]) if store.is_custom else Absent()
        vendor = first_present([own_vendor, published.at("provider")])
        region = first_present(
            [
                store.at("region"),
                store.at("regionId"),
                store.provider_input("region"),
                published.at("region"),
            ]
        )
        cloud, region = _split_region(region)
        return cls(
            vendor=vendor,
            account=first_present([accounts[0] if len(accounts) == 1 else Absent(), published.at("account")]),
            cloud=first_present([published.at("cloud"), cloud, _host_of(vendor)]),
            region=region,
        )

    def differs_in_account(self, other: "FailureDomain") -> bool | None:
        """Tell whether the other is at another vendor or in another account; None if that is unknown."""
        if not isinstance(self.vendor, Known):
            return None if isinstance(self.vendor, Unknown) else False
        return _differ((self.vendor, other.vendor), (self.account, other.account))

    def differs_in_place(self, other: "FailureDomain") -> bool | None:
        """Tell whether the other is in another cloud or region; None if that is unknown."""
        return _differ((self.cloud, other.cloud), (self.region, other.region))


def _differ(*pairs: tuple[PropertyValue, PropertyValue]) -> bool | None:
    """Tell whether any pair differs; None if none is known to, and one is unknown."""
    for first, second in pairs:
        match first, second:
            case Known(str(name)), Known(str(other_name)) if name.casefold() != other_name.casefold():
                return True
            case _:
                pass
    return None if any(isinstance(value, Unknown) for pair in pairs for value in pair) else False


def _split_region(region: PropertyValue) -> tuple[PropertyValue, PropertyValue]:
    """Split a region id of Neon, such as `aws-eu-central-1`, into the cloud and the cloud's own region."""
    match region:
        case Known(str(name)) if name.partition("-")[0] in {"aws", "azure", "gcp"}:
            cloud, _, rest = name.partition("-")
            return Known(cloud), Known(rest)
        case _:
            return Absent(), region


def _host_of(vendor: PropertyValue) -> PropertyValue:
    match vendor:
        case Known(str(name)) if name.casefold() in HOSTING_CLOUDS:
            return Known(HOSTING_CLOUDS[name.casefold()])
        case _:
            return Absent()

"""What may exist at PagerDuty: schedules, escalation policies, services and their integrations."""

from collections.abc import Callable, Iterator
from typing import Final

from cli.adoption.finding import ResourceKind, VendorObject, Vendors
from live.declared import StateResource, inputs_of, name_of
from live.pagerduty import PagerDutyCollection, PagerDutyObject, list_collection

_SERVICE: Final = "pagerduty:index/service:Service"


def _ask(vendors: Vendors, collection: PagerDutyCollection) -> list[PagerDutyObject]:
    return vendors.ask_once(
        ("pagerduty", collection), lambda: list_collection(vendors.apis.pagerduty, collection)
    )


def _list_named(
    collection: PagerDutyCollection,
) -> Callable[[Vendors, StateResource], Iterator[VendorObject]]:
    def ask(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
        for item in _ask(vendors, collection):
            yield VendorObject(item.id, {"name": item.name})

    return ask


def _list_integrations(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    """Yield the integrations of the service whose component has the resource: others have the same names."""
    name = name_of(resource).rpartition("-")[0]
    declared = {
        inputs_of(item).get("name")
        for item in vendors.declared.of_type(_SERVICE)
        if str(item["urn"]).endswith(f"::{name}-service")
    }
    for service in _ask(vendors, "services"):
        if service.name in declared:
            for item in service.integrations:
                yield VendorObject(item.id, {"name": item.summary}, f"{service.id}.{item.id}")


KINDS: Final = (
    ResourceKind("pagerduty:index/schedule:Schedule", "schedule", _list_named("schedules")),
    ResourceKind(
        "pagerduty:index/escalationPolicy:EscalationPolicy",
        "escalation policy",
        _list_named("escalation_policies"),
    ),
    ResourceKind(_SERVICE, "service at PagerDuty", _list_named("services")),
    ResourceKind(
        "pagerduty:index/serviceIntegration:ServiceIntegration", "integration key", _list_integrations
    ),
)

"""What may exist at UptimeRobot: monitors with heartbeats, contacts, integrations, groups, windows, pages."""

from collections.abc import Callable, Iterator

from cli.adoption.finding import ResourceKind, VendorObject, Vendors
from live.declared import StateResource, inputs_of
from live.uptimerobot import list_contacts, list_monitors, list_objects


def _list_monitors(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    for item in vendors.ask_once(("monitors",), lambda: list_monitors(vendors.apis.uptimerobot)):
        # A heartbeat's address is a key that UptimeRobot chose.
        url = {} if item.type == "HEARTBEAT" or not item.url else {"url": item.url}
        yield VendorObject(str(item.id), {"name": item.friendlyName, "type": item.type, **url})


def _list_collection(collection: str) -> Callable[[Vendors, StateResource], Iterator[VendorObject]]:
    def ask(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
        for item in vendors.ask_once(
            (collection,), lambda: list_objects(vendors.apis.uptimerobot, collection)
        ):
            kind = {"type": item.type} if item.type else {}
            yield VendorObject(str(item.id), {"name": item.name, **kind})

    return ask


def _list_contacts(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    """Yield the contacts; that of the channel's address counts as of its name, whatever name it has."""
    name = str(inputs_of(resource).get("name"))
    channel = vendors.settings.alerting.channels.get(name)
    address = channel.address if channel and channel.type == "email" else None
    for item in vendors.ask_once(("contacts",), lambda: list_contacts(vendors.apis.uptimerobot)):
        yield VendorObject(
            str(item.id), {"name": name if item.value == address else item.name, "type": item.type}
        )


KINDS = (
    ResourceKind("uptimerobot:index/alertContact:AlertContact", "contact", _list_contacts, fixed=("type",)),
    ResourceKind(
        "uptimerobot:index/integration:Integration",
        "integration",
        _list_collection("integrations"),
        fixed=("type",),
    ),
    ResourceKind("uptimerobot:index/monitorGroup:MonitorGroup", "group", _list_collection("monitor-groups")),
    ResourceKind(
        "uptimerobot:index/maintenanceWindow:MaintenanceWindow",
        "maintenance window",
        _list_collection("maintenance-windows"),
    ),
    ResourceKind(
        "uptimerobot:index/monitor:Monitor", "monitor", _list_monitors, ("url", "name"), fixed=("type",)
    ),
    ResourceKind("uptimerobot:index/psp:Psp", "status page", _list_collection("psps")),
)

"""Planned faults: some requests at a vendor's HTTP API fail before they succeed. For tests only."""

import re
from dataclasses import asdict, dataclass, field

from twin.vendor.store import VendorStore

_KIND = "fault"

CREATION = "creation"
"""
In the place of a vendor: faults of the stand-ins. Their method is CREATE, their path matches a resource type,
and they always come after the effect; the status 0 is an answer that never comes.
"""


@dataclass(frozen=True)
class Fault:
    """
    The next `times` requests of `method` whose path matches the regular expression `path` as a whole fail.

    The response has `status`, `message` and `headers`, after `delay_seconds`. With `applied` the request
    takes effect nevertheless. With `cut` it takes effect, and the connection breaks in the middle of its
    response.
    """

    method: str
    path: str
    status: int = 500
    message: str = "Something went wrong."
    headers: dict[str, str] = field(default_factory=dict[str, str])
    times: int = 1
    applied: bool = False
    cut: bool = False
    delay_seconds: float = 0.0


def plan(store: VendorStore, vendor: str, fault: Fault) -> None:
    """Add a fault. A request that several faults of a vendor match meets the one that was planned first."""
    store.insert(vendor, _KIND, str(store.next_number(f"{vendor}-{_KIND}")), asdict(fault))


def cancel(store: VendorStore, vendor: str) -> None:
    """Remove the vendor's remaining faults."""
    for number in store.list(vendor, _KIND):
        store.remove(vendor, _KIND, number)


def take_fault(store: VendorStore, vendor: str, method: str, path: str) -> Fault | None:
    """Return the fault that this request meets, None without one, and reduce its `times` by one."""
    for number, planned in store.list(vendor, _KIND).items():
        fault = Fault(**planned)
        if fault.method != method or not re.fullmatch(fault.path, path):
            continue
        with store.transaction():
            if fault.times > 1:
                store.replace(vendor, _KIND, number, planned | {"times": fault.times - 1})
            else:
                store.remove(vendor, _KIND, number)
        return fault
    return None

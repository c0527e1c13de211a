"""A vendor's bad day, planned: some requests at its HTTP door fail before they succeed. For tests only."""

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from twin.vendor.store import VendorStore

_KIND = "fault"


@dataclass(frozen=True)
class Fault:
    """
    The next `times` requests of `method` whose path matches the regular expression `path` as a whole fail.

    They are answered with `status`, `message` and `headers`, `delay_seconds` late. With `applied` they take
    effect all the same, and with `cut` the connection breaks in the middle of the answer.
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

    @classmethod
    def of(cls, planned: dict[str, Any]) -> Self:
        return cls(**planned)


def plan(store: VendorStore, vendor: str, fault: Fault) -> None:
    """Let it happen; faults of one vendor strike in the order of their planning."""
    store.insert(vendor, _KIND, str(store.next_number(f"{vendor}-{_KIND}")), asdict(fault))


def cancel(store: VendorStore, vendor: str) -> None:
    """Forget what has not struck yet."""
    for number in store.list(vendor, _KIND):
        store.remove(vendor, _KIND, number)


def strike(store: VendorStore, vendor: str, method: str, path: str) -> Fault | None:
    """Return the fault that this request meets; it is then met once less."""
    for number, planned in store.list(vendor, _KIND).items():
        fault = Fault.of(planned)
        if fault.method != method or not re.fullmatch(fault.path, path):
            continue
        with store.transaction():
            if fault.times > 1:
                store.replace(vendor, _KIND, number, planned | {"times": fault.times - 1})
            else:
                store.remove(vendor, _KIND, number)
        return fault
    return None

"""What the vendor models share: objects in the store, credentials, and creation that can be repeated."""

import hmac
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from twin.host.home import TwinHome
from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes, VendorStore

Made = tuple[str, Attributes]
"""A new object's id and its attributes, those that the vendor computed included."""

_UNCONFIRMED = "unconfirmed"


class VendorModel(ABC):
    """
    One vendor: what exists there and what it accepts. Free of doors: no HTTP, no gRPC.

    Kinds are the bridged resource names with a small first letter ("monitor"); attributes have the
    bridged providers' names and plain JSON values. An attribute that a request leaves out is left to
    the vendor; one that is None is cleared.
    """

    vendor: ClassVar[str]
    secret_name: ClassVar[str]
    """Under this name the home keeps the credential that the vendor accepts."""

    def __init__(self, home: TwinHome) -> None:
        self.home = home
        self.store = VendorStore(home.vendors)

    def authenticate(self, credential: str) -> None:
        """Raise VendorError (401) unless `credential` is the account's."""
        expected = self.home.secret(self.secret_name)
        if not hmac.compare_digest(credential.encode(), expected.encode()):
            raise VendorError(401, "The API key is not valid.")

    def create(self, kind: str, attributes: Attributes, request: str = "") -> Made:
        """
        Make an object.

        `request` names the request. When an earlier one of that name was cut short, so that its result is
        known to nobody (see `confirm`), what it left is removed first: repeating makes no duplicate.

        Raises:
            VendorError: the vendor refuses.
        """
        if request:
            self._undo(kind, request)
        return self._create(kind, attributes, request)

    def confirm(self, kind: str, identifier: str) -> None:
        """Note that whoever created the object knows its id."""
        record = f"{kind}:{identifier}"
        if self.store.get(self.vendor, _UNCONFIRMED, record):
            self.store.remove(self.vendor, _UNCONFIRMED, record)

    @abstractmethod
    def read(self, kind: str, identifier: str) -> Attributes | None:
        """Return what the vendor's API tells about an object, or None when there is no such object."""

    def every(self, kind: str) -> dict[str, Attributes]:
        """Return what the vendor's API tells about all objects of a kind, by id, oldest first."""
        return self.store.list(self.vendor, kind)

    @abstractmethod
    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        """Change an object and return it. Raises VendorError."""

    @abstractmethod
    def delete(self, kind: str, identifier: str) -> None:
        """Remove an object. Raises VendorError, 404 when there is no such object."""

    @abstractmethod
    def lookup(self, function: str, arguments: Attributes) -> Attributes:
        """Answer a data source ("getProject") in the bridged provider's terms. Raises VendorError."""

    @abstractmethod
    def _create(self, kind: str, attributes: Attributes, request: str) -> Made: ...

    def _insert(self, kind: str, identifier: str, attributes: Attributes, request: str) -> None:
        """Add an object together with the note that nobody knows of it yet."""
        with self.store.transaction():
            self.store.insert(self.vendor, kind, identifier, attributes)
            if request:
                record = f"{kind}:{identifier}"
                self.store.remove(self.vendor, _UNCONFIRMED, record)
                self.store.insert(self.vendor, _UNCONFIRMED, record, {"request": request})

    def _remove(self, kind: str, identifier: str) -> None:
        with self.store.transaction():
            self.store.remove(self.vendor, kind, identifier)
            self.store.remove(self.vendor, _UNCONFIRMED, f"{kind}:{identifier}")

    def _undo(self, kind: str, request: str) -> None:
        for record, note in self.store.list(self.vendor, _UNCONFIRMED).items():
            made, _, identifier = record.partition(":")
            if made == kind and note["request"] == request:
                self._discard(kind, identifier)
                self.store.remove(self.vendor, _UNCONFIRMED, record)

    def _discard(self, kind: str, identifier: str) -> None:
        """Remove what an interrupted creation left, be it whole or half."""
        if self.store.get(self.vendor, kind, identifier) is not None:
            self.delete(kind, identifier)

    def _number(self) -> str:
        """Draw an id of the numeric kind."""
        return str(1_000_000 + self.store.next_number(self.vendor))

    def _existing(self, kind: str, identifier: str) -> Attributes:
        found = self.store.get(self.vendor, kind, identifier)
        if found is None:
            raise VendorError(404, f"There is no {kind} {identifier}.")
        return found


def merged(old: Attributes, new: Attributes) -> Attributes:
    """Apply a change request: what it leaves out stays, what is None goes."""
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def only(found: list[Attributes], what: str) -> Attributes:
    """Return the single element. Raises VendorError (404) for none, (409) for several."""
    if not found:
        raise VendorError(404, f"No {what} matches.")
    if len(found) > 1:
        raise VendorError(409, f"{len(found)} {what}s match; one is needed.")
    return found[0]


def matching(objects: dict[str, Attributes], criteria: dict[str, Any]) -> list[Attributes]:
    """Return the objects, each with its `id`, that have all the given values."""
    named = [{**attributes, "id": identifier} for identifier, attributes in objects.items()]
    return [one for one in named if all(one.get(name) == value for name, value in criteria.items())]

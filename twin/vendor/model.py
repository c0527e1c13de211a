"""The base class of the vendors' models: stored objects, credentials and repeatable creation."""

import hmac
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from twin.host.home import TwinHome
from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes, VendorStore

CreatedObject = tuple[str, Attributes]
"""A new object's id and its attributes, including those that the vendor computed."""

_UNCONFIRMED = "unconfirmed"


def read_only_name(secret_name: str) -> str:
    """Return the name of the credential that only reads, beside the one that may do everything."""
    return f"{secret_name}_READ_ONLY"


class VendorModel(ABC):
    """
    One vendor: its objects and the rules by which it accepts them. The model knows neither HTTP nor gRPC.

    Kinds are the bridged resource names with a small first letter ("monitor"). Attributes have the names of
    the bridged providers and plain JSON values. The vendor chooses an attribute that a request leaves out; an
    attribute that is None is cleared.
    """

    vendor: ClassVar[str]
    secret_name: ClassVar[str]
    """The name of the vendor's credential among the secrets of the twin's home."""

    has_read_only_token: ClassVar[bool] = True
    """Whether the vendor has credentials that only read; the twin keeps one below `read_only_name`."""

    def __init__(self, home: TwinHome) -> None:
        self.home = home
        self.store = VendorStore(home.vendors)

    def authenticate(self, credential: str, *, writes: bool) -> None:
        """Raise VendorError: 401 if it is not the account's, 403 if it only reads and this `writes`."""

        def is_secret(name: str) -> bool:
            return hmac.compare_digest(credential.encode(), self.home.secret(name).encode())

        if is_secret(self.secret_name):
            return
        if not (self.has_read_only_token and is_secret(read_only_name(self.secret_name))):
            raise VendorError(401, "The API key is not valid.")
        if writes:
            raise VendorError(403, "You do not have permission to perform this action.")

    def create(self, kind: str, attributes: Attributes, request: str = "") -> CreatedObject:
        """
        Create an object.

        `request` names the request. An object that an earlier request of this name created and that nobody
        confirmed (see `confirm`) is removed first: a repeated request leaves no duplicate.

        Raises:
            VendorError: the vendor refuses.
        """
        if request:
            self._undo_unconfirmed(kind, request)
        return self._create(kind, attributes, request)

    def confirm(self, kind: str, identifier: str) -> None:
        """Record that the client that created the object has received its id."""
        record = f"{kind}:{identifier}"
        if self.store.get(self.vendor, _UNCONFIRMED, record):
            self.store.remove(self.vendor, _UNCONFIRMED, record)

    @abstractmethod
    def read(self, kind: str, identifier: str) -> Attributes | None:
        """Return an object as the vendor's API shows it, None if there is no such object."""

    def list_objects(self, kind: str) -> dict[str, Attributes]:
        """Return all objects of a kind as the vendor's API shows them, by id, oldest first."""
        return self.store.list(self.vendor, kind)

    @abstractmethod
    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        """Change an object and return it. Raises VendorError."""

    @abstractmethod
    def delete(self, kind: str, identifier: str) -> None:
        """Remove an object. Raises VendorError, 404 when there is no such object."""

    @abstractmethod
    def read_data_source(self, function: str, arguments: Attributes) -> Attributes:
        """Return the result of a data source ("getProject") of the bridged provider. Raises VendorError."""

    @abstractmethod
    def _create(self, kind: str, attributes: Attributes, request: str) -> CreatedObject: ...

    def _insert(self, kind: str, identifier: str, attributes: Attributes, request: str) -> None:
        """Add an object, and for a named request the record that it is unconfirmed."""
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

    def _undo_unconfirmed(self, kind: str, request: str) -> None:
        for record, creation in self.store.list(self.vendor, _UNCONFIRMED).items():
            created_kind, _, identifier = record.partition(":")
            if created_kind == kind and creation["request"] == request:
                self._discard(kind, identifier)
                self.store.remove(self.vendor, _UNCONFIRMED, record)

    def _discard(self, kind: str, identifier: str) -> None:
        """Remove an object that an interrupted creation left, complete or not."""
        if self.store.get(self.vendor, kind, identifier) is not None:
            self.delete(kind, identifier)

    def _next_id(self) -> str:
        """Return a new numeric id."""
        return str(1_000_000 + self.store.next_number(self.vendor))

    def _require_object(self, kind: str, identifier: str) -> Attributes:
        stored = self.store.get(self.vendor, kind, identifier)
        if stored is None:
            raise VendorError(404, f"There is no {kind} {identifier}.")
        return stored


def merge(old: Attributes, new: Attributes) -> Attributes:
    """Apply a change request: attributes that it leaves out stay, those that are None are removed."""
    return {name: value for name, value in {**old, **new}.items() if value is not None}


def require_single(objects: list[Attributes], what: str) -> Attributes:
    """Return the single element. Raises VendorError (404) for none, (409) for several."""
    if not objects:
        raise VendorError(404, f"No {what} matches.")
    if len(objects) > 1:
        raise VendorError(409, f"{len(objects)} {what}s match; one is needed.")
    return objects[0]


def find_matching(objects: dict[str, Attributes], criteria: dict[str, Any]) -> list[Attributes]:
    """Return the objects, each with its `id`, that have all the values of `criteria`."""
    candidates = [{**attributes, "id": identifier} for identifier, attributes in objects.items()]
    return [
        candidate
        for candidate in candidates
        if all(candidate.get(name) == value for name, value in criteria.items())
    ]

"""Creation of AWS resources that can be repeated after an interruption, and the error of a refused call."""

import secrets
from collections.abc import Callable

from twin.host.home import TwinHome
from twin.provider.server import StandInError
from twin.vendor.faults import CREATION, Fault, take_fault
from twin.vendor.store import VendorStore

_VENDOR = "aws"
_UNCONFIRMED = "unconfirmed"


class AwsCallError(StandInError):
    """A call that AWS refused; `code` is AWS's error code, such as NoSuchBucket."""

    def __init__(self, action: str, code: str, message: str) -> None:
        super().__init__(f"{action}: {code}: {message}")
        self.code = code


class Creations:
    """
    Records which resources are being created, by URN, until the engine shows that it knows their ids.

    AWS keeps no such record: a creation whose response is lost leaves a resource that must be imported by
    hand. On the twin an interrupted `up` converges when it is repeated.
    """

    def __init__(self, home: TwinHome) -> None:
        self._store = VendorStore(home.vendors)

    def create_once(
        self, urn: str, find: Callable[[str], str | None], create: Callable[[str], str], conflict: Exception
    ) -> str:
        """
        Create a resource, or find the one that an interrupted creation for the same URN left; return its id.

        `find` and `create` get a token that stays the same when the creation is repeated. `conflict` is
        raised when `find` returns a resource although no creation for this URN is recorded.
        """
        record = self._store.get(_VENDOR, _UNCONFIRMED, urn)
        token = str(record["token"]) if record else secrets.token_hex(8)
        if identifier := find(token):
            if record is None:
                raise conflict
            return identifier
        if record is None:
            self._store.insert(_VENDOR, _UNCONFIRMED, urn, {"token": token})
        try:
            return create(token)
        except AwsCallError:
            self.confirm(urn)
            raise

    def take_fault(self, token: str) -> Fault | None:
        """Return the planned fault that the creation of a resource of this type meets."""
        return take_fault(self._store, CREATION, "CREATE", token)

    def confirm(self, urn: str) -> None:
        """Record that the engine knows the id, so that no later creation takes the resource for its own."""
        if self._store.get(_VENDOR, _UNCONFIRMED, urn):
            self._store.remove(_VENDOR, _UNCONFIRMED, urn)

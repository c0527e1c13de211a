"""Creation that can be repeated: what an interrupted one left is taken up instead of made twice."""

import secrets
from collections.abc import Callable

from twin.host.home import TwinHome
from twin.provider.server import StandInError
from twin.vendor.store import VendorStore

_VENDOR = "aws"
_UNCONFIRMED = "unconfirmed"


class Creations:
    """
    Notes which resources are being made, by URN, until the engine is seen to know their ids.

    AWS has no such memory: there a creation whose answer was lost leaves a resource that must be imported by
    hand. In the twin an interrupted `up` converges when it is repeated.
    """

    def __init__(self, home: TwinHome) -> None:
        self._store = VendorStore(home.vendors)

    def once(
        self, urn: str, find: Callable[[str], str | None], make: Callable[[str], str], taken: Exception
    ) -> str:
        """
        Return the id of what `make` makes, or of what an interrupted `make` for the same URN has made.

        Both get a token that is the same whenever a creation is repeated. When `find` finds something that no
        such creation made, `taken` is raised.
        """
        note = self._store.get(_VENDOR, _UNCONFIRMED, urn)
        token = str(note["token"]) if note else secrets.token_hex(8)
        if found := find(token):
            if note is None:
                raise taken
            return found
        if note is None:
            self._store.insert(_VENDOR, _UNCONFIRMED, urn, {"token": token})
        try:
            return make(token)
        except RefusedError:
            self.confirm(urn)
            raise

    def confirm(self, urn: str) -> None:
        """Note that the engine knows the id: what was made is no longer anybody's to take up."""
        if self._store.get(_VENDOR, _UNCONFIRMED, urn):
            self._store.remove(_VENDOR, _UNCONFIRMED, urn)


class RefusedError(StandInError):
    """What AWS refused; `code` is AWS's own, such as NoSuchBucket."""

    def __init__(self, doing: str, code: str, message: str) -> None:
        super().__init__(f"{doing}: {code}: {message}")
        self.code = code

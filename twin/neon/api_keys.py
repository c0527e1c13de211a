"""
The keys of Neon's API beside the account's first one: personal ones, an organization's, a project's.

Source: neon.com/docs/manage/api-keys. An organization's key opens its projects; a project's key opens that
project, and can't delete it. Only a personal key makes another one. A revoked key is refused from then on.
"""

import hashlib
import secrets
import string
import time
from collections.abc import Mapping

from twin.vendor.errors import VendorError
from twin.vendor.store import Attributes, VendorStore

_VENDOR = "neon"
_KIND = "apiKey"
_TOKEN_LETTERS = string.ascii_lowercase + string.digits
_TOKEN_LENGTH = 64


class ApiKeys:
    """The keys of one account. Only a token's digest is stored."""

    def __init__(self, store: VendorStore) -> None:
        self._store = store

    def make(self, name: str, organization: str = "", project: str = "") -> tuple[str, str]:
        """Make a key, and return its id and its token, which nothing shows again."""
        token = "napi_" + "".join(secrets.choice(_TOKEN_LETTERS) for _ in range(_TOKEN_LENGTH))
        identifier = str(3_000_000 + self._store.next_number(_VENDOR))
        record = {
            "name": name,
            "digest": _digest(token),
            "organization": organization,
            "project": project,
            "created": time.time(),
            "used": None,
        }
        self._store.insert(_VENDOR, _KIND, identifier, record)
        return identifier, token

    def list(self, organization: str = "") -> dict[str, Attributes]:
        """Return an organization's keys, or the personal ones, by id, oldest first."""
        return {
            identifier: key
            for identifier, key in self._store.list(_VENDOR, _KIND).items()
            if key["organization"] == organization
        }

    def revoke(self, identifier: str, organization: str = "") -> Attributes:
        """Revoke a key and return what it was. Raises VendorError (404)."""
        key = self.list(organization).get(identifier)
        if key is None:
            raise VendorError(404, "There is no such API key.")
        self._store.remove(_VENDOR, _KIND, identifier)
        return key

    def use(self, token: str) -> bool:
        """Note that a key is used; return whether there is one with this token."""
        found = self._find(token)
        if found is None:
            return False
        identifier, key = found
        self._store.replace(_VENDOR, _KIND, identifier, {**key, "used": time.time()})
        return True

    def require_scope(self, token: str, method: str, path: Mapping[str, str], organization: str) -> None:
        """
        Raise VendorError (403) for a request beyond a key's scope.

        `path` has the parameters of the path, and `organization` is that of the project in it.
        """
        found = self._find(token)
        if found is None or not found[1]["organization"]:
            return  # the account's first key, and a personal one
        _, key = found
        if key["project"]:
            deletes_project = method == "DELETE" and set(path) == {"project"}
            allowed = path.get("project") == key["project"] and not deletes_project
        elif "project" in path:
            allowed = organization == key["organization"]
        else:
            allowed = path.get("organization", key["organization"]) == key["organization"]
        if not allowed:
            raise VendorError(403, "The API key may not do this.")

    def require_personal(self, token: str) -> None:
        """Raise VendorError (403) for the key of an organization or a project."""
        found = self._find(token)
        if found and found[1]["organization"]:
            raise VendorError(403, "This takes a personal API key.")

    def _find(self, token: str) -> tuple[str, Attributes] | None:
        digest = _digest(token)
        return next(
            (
                (identifier, key)
                for identifier, key in self._store.list(_VENDOR, _KIND).items()
                if secrets.compare_digest(key["digest"], digest)
            ),
            None,
        )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

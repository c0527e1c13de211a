"""Projects and branches that drills have left at Neon, found by name (neon.com/docs/reference/api)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from core.failure import Failure
from recovery.drill.safety import is_drill_name

URL: Final = "https://console.neon.tech/api/v2"
_BUSY: Final = frozenset((423, 429, 500, 502, 503))
_RETRY_SECONDS: Final = 60.0
_NOT_FOUND: Final = 404


class _BusyError(Exception):
    """A response after which the request is repeated."""


@dataclass(frozen=True)
class NeonObject:
    """A project or a branch whose name is a drill's."""

    kind: Literal["project", "branch"]
    id: str
    name: str
    path: str


@dataclass(frozen=True)
class NeonKeys:
    """The keys of Neon's API with which drills make branches and projects. They may be one key."""

    branches: str = field(repr=False)
    """Makes branches in the platform's project; it needs to see nothing else."""

    projects: str = field(repr=False)
    """Makes projects in the drills' organization; it needs not see the platform's project."""


class NeonAccount:
    """The drills' organization at Neon, and the platform's own project, which is never removed."""

    def __init__(self, keys: NeonKeys, organization: str, project: str, *, url: str = URL) -> None:
        self._organization = organization
        self._project = project
        self._branches, self._projects = (
            httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=url == URL
            )
            for key in (keys.branches, keys.projects)
        )

    def list_objects(self) -> list[NeonObject]:
        """Return every project, and every branch of the platform's project, that has a drill's name."""
        projects = [
            NeonObject("project", item["id"], item["name"], f"/projects/{item['id']}")
            for item in self._list_items(
                self._projects, "/projects", "projects", org_id=self._organization, search="drill-"
            )
            if item["id"] != self._project
        ]
        branches = [
            NeonObject("branch", item["id"], item["name"], f"/projects/{self._project}/branches/{item['id']}")
            for item in self._list_items(self._branches, f"/projects/{self._project}/branches", "branches")
            if not item.get("default")
        ]
        return [neon_object for neon_object in (*projects, *branches) if is_drill_name(neon_object.name)]

    def remove(self, neon_object: NeonObject) -> None:
        """Remove a project or branch, if it still exists; raise Failure if it is not a drill's."""
        if not is_drill_name(neon_object.name) or neon_object.id == self._project:
            raise Failure(f"{neon_object.name} is not a drill's.", "nothing was removed.")
        client = self._projects if neon_object.kind == "project" else self._branches
        self._request(client, "DELETE", neon_object.path)

    def _list_items(
        self, client: httpx.Client, path: str, collection: str, **query: str
    ) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            response = self._request(client, "GET", path, **query, **({"cursor": cursor} if cursor else {}))
            items: list[dict[str, Any]] = response.get(collection) or []
            yield from items
            following = (response.get("pagination") or {}).get("cursor") or ""
            if not items or following in {"", cursor}:
                return
            cursor = following

    def _request(self, client: httpx.Client, method: str, path: str, **query: str) -> dict[str, Any]:
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type((_BusyError, httpx.TransportError)),
                stop=stop_after_delay(_RETRY_SECONDS),
                wait=wait_fixed(1),
                reraise=True,
            ):
                with attempt:
                    return self._request_once(client, method, path, query)
        except _BusyError as error:
            raise Failure(f"Neon is busy: {error}.", "run ./bulwark drill --clean in some minutes.") from None
        except httpx.TransportError as error:
            raise Failure(
                f"Neon's API can't be reached ({type(error).__name__}).", "run ./bulwark drill --clean later."
            ) from None
        raise AssertionError("a retry that ended without a result")

    def _request_once(
        self, client: httpx.Client, method: str, path: str, query: dict[str, str]
    ) -> dict[str, Any]:
        response = client.request(method, path, params=query or None)
        if response.status_code in _BUSY:
            raise _BusyError(f"it answered {response.status_code} to {method} {path}")
        if response.status_code == _NOT_FOUND:
            return {}  # removed already; without the platform's own project there are no branches either
        if response.is_error:
            raise Failure(
                f"Neon answered {response.status_code} to {method} {path}.",
                "look whether the API key may do that; ./bulwark drill --clean tries again.",
            )
        return response.json()

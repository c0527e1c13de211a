"""Projects and branches that drills have at Neon, found by name (neon.com/docs/reference/api)."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from core.failure import Failure
from recovery.drill.safety import is_drill_name

URL: Final = "https://console.neon.tech/api/v2"
_BUSY: Final = frozenset((423, 429, 500, 502, 503))
_RETRY_SECONDS: Final = 60.0
_NOT_FOUND: Final = 404
_AT_WORK: Final = frozenset(("scheduling", "running", "cancelling"))
_WORK_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.2


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

    def restore_branch(self, name: str, at: datetime) -> None:
        """
        Set a drill's branch back, in place, to an instant of the history of the platform's own branch.

        That one is only read. What the drill's branch held is not kept.

        Raises:
            Failure: the name is not a drill's, there is no such branch, or Neon does not do it.
        """
        path = f"/projects/{self._project}/branches"
        branches = list(self._list_items(self._branches, path, "branches"))
        own = [item["id"] for item in branches if item["name"] == name and not item.get("default")]
        source = [item["id"] for item in branches if item.get("default")]
        if not (is_drill_name(name) and own and source):
            raise Failure(f"{name} is no branch of a drill.", "nothing was restored.")
        answer = self._request(
            self._branches,
            "POST",
            f"{path}/{own[0]}/restore",
            {"source_branch_id": source[0], "source_timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}"},
        )
        for operation in answer.get("operations") or []:
            self._wait_for(operation)

    def _wait_for(self, operation: dict[str, Any]) -> None:
        deadline = time.monotonic() + _WORK_SECONDS
        while operation.get("status") in _AT_WORK:
            if time.monotonic() > deadline:
                raise Failure("Neon is at work for five minutes already.", "see neonstatus.com.")
            time.sleep(_POLL_SECONDS)
            path = f"/projects/{self._project}/operations/{operation['id']}"
            operation = self._request(self._branches, "GET", path).get("operation") or {}
        if operation.get("status") not in {None, "finished", "skipped"}:
            raise Failure(f"Neon's restore ended as {operation['status']}.", "see its console.")

    def _list_items(
        self, client: httpx.Client, path: str, collection: str, **query: str
    ) -> Iterator[dict[str, Any]]:
        while True:
            response = self._request(client, "GET", path, None, **query)
            items: list[dict[str, Any]] = response.get(collection) or []
            yield from items
            following = (response.get("pagination") or {}).get("cursor") or ""
            if not items or following in {"", query.get("cursor")}:
                return
            query["cursor"] = following

    def _request(
        self, client: httpx.Client, method: str, path: str, body: dict[str, str] | None = None, **query: str
    ) -> dict[str, Any]:
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type((_BusyError, httpx.TransportError)),
                stop=stop_after_delay(_RETRY_SECONDS),
                wait=wait_fixed(1),
                reraise=True,
            ):
                with attempt:
                    return self._request_once(client, method, path, query, body)
        except _BusyError as error:
            raise Failure(f"Neon is busy: {error}.", "run ./bulwark drill --clean in some minutes.") from None
        except httpx.TransportError as error:
            raise Failure(
                f"Neon's API can't be reached ({type(error).__name__}).", "run ./bulwark drill --clean later."
            ) from None
        raise AssertionError("a retry that ended without a result")

    def _request_once(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        query: dict[str, str],
        body: dict[str, str] | None,
    ) -> dict[str, Any]:
        response = client.request(method, path, params=query or None, json=body)
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

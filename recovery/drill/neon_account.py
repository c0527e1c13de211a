"""What drills have left at Neon, found and removed through its API by name (neon.com/docs/reference/api)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from core.failure import Failure
from recovery.drill.safety import is_a_drills

URL: Final = "https://console.neon.tech/api/v2"
_BUSY: Final = frozenset((423, 429, 500, 502, 503))
_PATIENCE_SECONDS: Final = 60.0
_GONE: Final = 404


class _BusyError(Exception):
    """An answer that says: later."""


@dataclass(frozen=True)
class NeonObject:
    """A project or a branch whose name is a drill's."""

    kind: Literal["project", "branch"]
    id: str
    name: str
    path: str


class NeonAccount:
    """One organization, and in it the platform's own project, which is never removed."""

    def __init__(self, key: str, organization: str, project: str, *, url: str = URL) -> None:
        self._organization = organization
        self._project = project
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30, trust_env=url == URL
        )

    def things(self) -> list[NeonObject]:
        """Return every project, and every branch of the platform's, that has a drill's name."""
        projects = [
            NeonObject("project", one["id"], one["name"], f"/projects/{one['id']}")
            for one in self._pages("/projects", "projects", org_id=self._organization, search="drill-")
            if one["id"] != self._project
        ]
        branches = [
            NeonObject("branch", one["id"], one["name"], f"/projects/{self._project}/branches/{one['id']}")
            for one in self._pages(f"/projects/{self._project}/branches", "branches")
            if not one.get("default")
        ]
        return [thing for thing in (*projects, *branches) if is_a_drills(thing.name)]

    def remove(self, thing: NeonObject) -> None:
        """Remove it, unless it is gone already."""
        if not is_a_drills(thing.name) or thing.id == self._project:
            raise Failure(f"{thing.name} is not a drill's.", "nothing was removed.")
        self._asked("DELETE", thing.path)

    def _pages(self, path: str, what: str, **query: str) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            answer = self._asked("GET", path, **query, **({"cursor": cursor} if cursor else {}))
            found: list[dict[str, Any]] = answer.get(what) or []
            yield from found
            following = (answer.get("pagination") or {}).get("cursor") or ""
            if not found or following in {"", cursor}:
                return
            cursor = following

    def _asked(self, method: str, path: str, **query: str) -> dict[str, Any]:
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type((_BusyError, httpx.TransportError)),
                stop=stop_after_delay(_PATIENCE_SECONDS),
                wait=wait_fixed(1),
                reraise=True,
            ):
                with attempt:
                    return self._once(method, path, query)
        except _BusyError as error:
            raise Failure(f"Neon is busy: {error}.", "run ./bulwark drill --clean in some minutes.") from None
        except httpx.TransportError as error:
            raise Failure(
                f"Neon's API can't be reached ({type(error).__name__}).", "run ./bulwark drill --clean later."
            ) from None
        raise AssertionError("a retry that ended without a result")

    def _once(self, method: str, path: str, query: dict[str, str]) -> dict[str, Any]:
        answer = self._client.request(method, path, params=query or None)
        if answer.status_code in _BUSY:
            raise _BusyError(f"it answered {answer.status_code} to {method} {path}")
        if answer.status_code == _GONE:
            return {}  # of the platform's own project, too: then nothing of it can be left
        if answer.is_error:
            raise Failure(
                f"Neon answered {answer.status_code} to {method} {path}.",
                "look whether the API key may do that; ./bulwark drill --clean tries again.",
            )
        return answer.json()

"""Searches UptimeRobot for a stack's monitors."""

from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import BaseModel

from cli.adoption.api import Api
from cli.adoption.finding import AdoptableResource, Candidate, SoughtResource
from components.settings import Settings
from components.settings.uptime import CheckedUrl

_TYPES: Final[Mapping[CheckedUrl, str]] = {"health": "KEYWORD", "version": "HTTP", "frontend": "HTTP"}
"""Types that components/uptime.py declares; the provider replaces a monitor to change its type."""


class _Monitor(BaseModel):
    """The fields of a monitor that are used here; a heartbeat has no address."""

    id: int
    friendlyName: str  # noqa: N815 - UptimeRobot's name
    type: str
    url: str | None = None


class _MonitorPage(BaseModel):
    data: list[_Monitor]
    nextLink: str | None = None  # noqa: N815 - UptimeRobot's name


def adoptable_resources(api: Api, settings: Settings) -> list[AdoptableResource]:
    """Return the monitor of each address."""
    adopt = settings.uptime.adopt

    @cache
    def monitors() -> list[_Monitor]:
        # All of them: the API's own filter would miss an address that differs in its last slash.
        return [one for page in api.list_pages(_MonitorPage, "/monitors", _next_page) for one in page.data]

    def adoptable(check: CheckedUrl, url: str) -> AdoptableResource:
        sought = SoughtResource(
            f"monitor of {url.removeprefix('https://')}",
            ("uptime", "adopt", check),
            f"uptime-{check}",
            adopt.get(check),
        )
        return sought, lambda: _candidates(monitors(), settings, check)

    return [adoptable(check, url) for check, url in _urls(settings).items()]


def _candidates(monitors: list[_Monitor], settings: Settings, check: CheckedUrl) -> list[Candidate]:
    """
    Return the monitor that the setting names.

    Without the setting: the monitors of the address, or else those of the name that the stack would give.
    """
    urls = _urls(settings)
    if check in settings.uptime.adopt:
        found = [one for one in monitors if one.id == settings.uptime.adopt[check]]
    elif found := [one for one in monitors if _is_same_address(one.url, urls[check])]:
        pass
    else:
        name = f"{settings.platform.name} {check}"
        others = [one for one in monitors if not any(_is_same_address(one.url, url) for url in urls.values())]
        found = [one for one in others if one.friendlyName == name]
    return [_candidate(one, urls[check], _TYPES[check]) for one in found]


def _urls(settings: Settings) -> dict[CheckedUrl, str]:
    api, frontend = settings.platform.api, settings.platform.frontend
    return {"health": f"{api}/health", "version": f"{api}/api/version", "frontend": f"{frontend}/"}


def _is_same_address(url: str | None, other: str) -> bool:
    return url is not None and url.rstrip("/") == other.rstrip("/")


def _candidate(monitor: _Monitor, url: str, type_: str) -> Candidate:
    obstacle = (
        f"it is of the type {monitor.type}, which can't become {type_}: let `up` make one, and "
        "delete this one then."
        if monitor.type != type_
        else ""
    )
    note = (
        ""
        if _is_same_address(monitor.url, url)
        else f"found by its name; it watches {monitor.url}, until `up`."
    )
    return Candidate(str(monitor.id), monitor.id, note, obstacle)


def _next_page(_answer: httpx.Response, page: _MonitorPage) -> dict[str, str] | None:
    cursor = parse_qs(urlsplit(page.nextLink or "").query).get("cursor")
    return {"cursor": cursor[0]} if cursor and page.data else None

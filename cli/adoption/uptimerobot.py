"""Looks for a stack's monitors at UptimeRobot."""

from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import BaseModel

from cli.adoption.api import Api
from cli.adoption.finding import AdoptableResource, Candidate, Sought
from components.settings import Settings
from components.settings.uptime import CheckedUrl

BASE_URL: Final = "https://api.uptimerobot.com/v3"
_TYPES: Final[Mapping[CheckedUrl, str]] = {"health": "KEYWORD", "version": "HTTP", "frontend": "HTTP"}
"""As components/uptime.py makes them; the provider replaces a monitor whose type is to be another one."""


class _Monitor(BaseModel):
    """One monitor, as far as it matters here; a heartbeat watches no address."""

    id: int
    friendlyName: str  # noqa: N815 - UptimeRobot's name
    type: str
    url: str | None = None


class _Page(BaseModel):
    data: list[_Monitor]
    nextLink: str | None = None  # noqa: N815 - UptimeRobot's name


def things(api: Api, settings: Settings) -> list[AdoptableResource]:
    """Seek the monitor of each address."""
    adopt = settings.uptime.adopt

    @cache
    def monitors() -> list[_Monitor]:
        # All of them: the API's own filter would miss an address that ends in another slash.
        return [one for page in api.pages(_Page, "/monitors", _following) for one in page.data]

    def thing(check: CheckedUrl, url: str) -> AdoptableResource:
        sought = Sought(
            f"monitor of {url.removeprefix('https://')}",
            ("uptime", "adopt", check),
            f"uptime-{check}",
            adopt.get(check),
        )
        return sought, lambda: _candidates(monitors(), settings, check)

    return [thing(check, url) for check, url in _urls(settings).items()]


def _candidates(monitors: list[_Monitor], settings: Settings, check: CheckedUrl) -> list[Candidate]:
    """
    Return the monitors of that address; if there is none, those of the name that the stack gives.

    Or the one that the setting names.
    """
    urls = _urls(settings)
    if check in settings.uptime.adopt:
        found = [one for one in monitors if one.id == settings.uptime.adopt[check]]
    elif found := [one for one in monitors if _same(one.url, urls[check])]:
        pass
    else:
        name = f"{settings.platform.name} {check}"
        others = [one for one in monitors if not any(_same(one.url, url) for url in urls.values())]
        found = [one for one in others if one.friendlyName == name]
    return [_candidate(one, urls[check], _TYPES[check]) for one in found]


def _urls(settings: Settings) -> dict[CheckedUrl, str]:
    api, frontend = settings.platform.api, settings.platform.frontend
    return {"health": f"{api}/health", "version": f"{api}/api/version", "frontend": f"{frontend}/"}


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.rstrip("/") == other.rstrip("/")


def _candidate(monitor: _Monitor, url: str, type_: str) -> Candidate:
    obstacle = (
        f"it is of the type {monitor.type}, which can't become {type_}: let `up` make one, and "
        "delete this one then."
        if monitor.type != type_
        else ""
    )
    told = "" if _same(monitor.url, url) else f"found by its name; it watches {monitor.url}, until `up`."
    return Candidate(str(monitor.id), monitor.id, told, obstacle)


def _following(_answer: httpx.Response, page: _Page) -> dict[str, str] | None:
    cursor = parse_qs(urlsplit(page.nextLink or "").query).get("cursor")
    return {"cursor": cursor[0]} if cursor and page.data else None

"""Searches UptimeRobot for a stack's monitors."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from cli.adoption.finding import AdoptableResource, Candidate, SoughtResource
from components.settings import Settings
from components.settings.uptime import CheckedUrl
from live.uptimerobot import LiveMonitor, list_monitors
from live.vendor_api import Api

_TYPES: Final[Mapping[CheckedUrl, str]] = {"health": "KEYWORD", "version": "HTTP", "frontend": "HTTP"}
"""Types that components/uptime.py declares; the provider replaces a monitor to change its type."""


def adoptable_resources(api: Api, settings: Settings) -> list[AdoptableResource]:
    """Return the monitor of each address."""
    adopt = settings.uptime.adopt

    monitors = cache(lambda: list_monitors(api))

    def adoptable(check: CheckedUrl, url: str) -> AdoptableResource:
        sought = SoughtResource(
            f"monitor of {url.removeprefix('https://')}",
            ("uptime", "adopt", check),
            f"uptime-{check}",
            adopt.get(check),
        )
        return sought, lambda: _candidates(monitors(), settings, check)

    return [adoptable(check, url) for check, url in _urls(settings).items()]


def _candidates(monitors: list[LiveMonitor], settings: Settings, check: CheckedUrl) -> list[Candidate]:
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


def _candidate(monitor: LiveMonitor, url: str, type_: str) -> Candidate:
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

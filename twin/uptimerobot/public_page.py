"""The public status page of UptimeRobot: which monitors are up, for everybody who knows its address."""

import time
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from core.pages import open_templates
from twin.uptimerobot.model import UptimeRobot
from twin.vendor.store import Attributes

_TEMPLATES: Final = open_templates(Path(__file__).parent)
_HEADERS: Final = {"Cache-Control": "no-store"}
_SHOWN: Final = {"UP": "up", "DOWN": "down", "PAUSED": "paused"}


def page_route(model: UptimeRobot) -> Route:
    """Return the route of all status pages, each at its `urlKey`."""

    def show(request: Request) -> Response:
        key = request.path_params["key"]
        pages = model.store.list(model.vendor, "psp").values()
        page = next((page for page in pages if page["urlKey"] == key), None)
        if not page or page["status"] != "ENABLED":
            return HTMLResponse("<h1>There is no such status page.</h1>", 404, headers=_HEADERS)
        if page["isPasswordSet"]:
            return HTMLResponse("<h1>This page has a password.</h1>", 403, headers=_HEADERS)
        monitors = _list_monitors(model, page)
        text = _TEMPLATES.get_template("public_page.html").render(
            title=page["name"],
            monitors=monitors,
            all_up=all(state == "up" for _, state, _ in monitors),
        )
        return HTMLResponse(text, headers=_HEADERS)

    return Route("/status/{key}", show)


def _list_monitors(model: UptimeRobot, page: Attributes) -> list[tuple[str, str, int]]:
    """Return name, state and its age in minutes of each monitor of a page."""
    monitors = model.store.list(model.vendor, "monitor")
    shown = monitors if page["autoAddMonitors"] else [str(identifier) for identifier in page["monitorIds"]]
    found: list[tuple[str, str, int]] = []
    for identifier in shown:
        watch = model.store.get("twin", "watch", f"uptimerobot:{identifier}") or {}
        since = watch.get("since", time.time())
        minutes = max(0, int((time.time() - since) / 60))
        state = _SHOWN.get(watch.get("status", ""), "not checked yet")
        found.append((monitors[identifier]["name"], state, minutes))
    return found

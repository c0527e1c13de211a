"""What every answer of the sample platform has: security headers, a request's id, CORS, and its limit."""

import secrets
from collections.abc import Collection
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twin.sample_app.api import PlatformApi, refuse
from twin.sample_app.faults import HEADER_FAULTS, HEADERS, PlatformFaults

_METHODS: Final = "GET, HEAD, POST, OPTIONS"
_LEAKS: Final = {
    "/.env": ("dotenv-served", "DATABASE_URL=postgres://app:example@db.example.com/platform\n"),
    "/.git/config": ("repository-served", "[core]\n\trepositoryformatversion = 0\n"),
}
"""Path -> the fault by which it is served, and what is served then."""


class HardenedAnswers:
    """Serves an application, whose pages at `origins` may read its answers in a browser."""

    def __init__(
        self, app: ASGIApp, api: PlatformApi, faults: PlatformFaults, origins: Collection[str] = ()
    ) -> None:
        self._app, self._api, self._faults, self._origins = app, api, faults, frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        request.state.request_id = secrets.token_hex(8)
        limits, refusal = self._api.limit(request)

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._api.count(message["status"])
                self._harden(MutableHeaders(scope=message), request, limits)
            await send(message)

        answer = refusal or self._answer_early(request)
        await (answer or self._app)(scope, receive, send_hardened)

    def _answer_early(self, request: Request) -> Response | None:
        """Return the answer to what no route is for; None leaves it to the application."""
        path = request.url.path
        fault, text = _LEAKS.get(path, ("", ""))
        if fault in self._faults:
            return PlainTextResponse(text)
        if request.method == "OPTIONS" and "origin" in request.headers:
            return Response(status_code=204)
        if request.method == "TRACE" and "trace-method" in self._faults:
            return PlainTextResponse(f"TRACE {path} HTTP/1.1", media_type="message/http")
        if path.startswith("/api/") and path not in {route.path for route in self._api.routes}:
            if "error-as-page" in self._faults:
                return HTMLResponse("<!doctype html><title>Error</title><pre>Cannot GET</pre>", 404)
            return refuse(request, 404, "not_found", "There is nothing here.")
        return None

    def _harden(self, headers: MutableHeaders, request: Request, limits: dict[str, str]) -> None:
        headers.update({**HEADERS, **limits, "x-request-id": request.state.request_id})
        for fault in self._faults.names & HEADER_FAULTS.keys():
            for name, value in HEADER_FAULTS[fault].items():
                if value is None:
                    del headers[name]
                else:
                    headers[name] = value
        if origin := request.headers.get("origin"):
            headers.add_vary_header("origin")
            self._allow(headers, origin)

    def _allow(self, headers: MutableHeaders, origin: str) -> None:
        """Let a page of an own origin read the answer."""
        own = origin in self._origins and "cors-own-refused" not in self._faults
        beginning = "cors-suffix" in self._faults and origin.startswith(tuple(self._origins))
        if "cors-wildcard" in self._faults:
            headers["access-control-allow-origin"] = "*"
        elif own or beginning or "cors-any-origin" in self._faults:
            headers["access-control-allow-origin"] = origin
            headers["access-control-allow-credentials"] = "true"
            headers["access-control-allow-methods"] = _METHODS
            headers["access-control-allow-headers"] = "content-type"

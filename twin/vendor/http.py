"""What the vendors' HTTP APIs share: authentication, JSON requests, error responses and planned faults."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from twin.vendor.errors import VendorError
from twin.vendor.faults import Fault, take_fault
from twin.vendor.model import VendorModel

_BODY_LIMIT_BYTES = 1024 * 1024
_READING_METHODS = frozenset(("GET", "HEAD"))
REFUSED = "refused"
"""The log of requests that a rate limit refused: {vendor, wait_seconds}."""


class ApiRequest(NamedTuple):
    """One request: parameters of its path and query, its JSON body, {} if there is none, and its token."""

    path: Mapping[str, Any]
    query: Mapping[str, str]
    body: dict[str, Any]
    credential: str


Handler = Callable[[ApiRequest], Response]
"""Handles one request of the API. Raises VendorError."""

ApiRoute = tuple[str, str, Handler]
"""(method, path, handler)"""


@dataclass(frozen=True)
class VendorApi:
    """
    One vendor's HTTP API: a thin translation between requests and its model.

    `read_credential` returns the token of a request. `error_body` returns the vendor's JSON for a
    VendorError. `admit` counts a request against the rate limit and returns 0, or the seconds to wait if it
    is refused.
    """

    model: VendorModel
    read_credential: Callable[[Request], str]
    error_body: Callable[[VendorError], Any]
    admit: Callable[[], int] = lambda: 0
    answer_status: Callable[[int], int] = lambda status: status
    """Converts the status of an error to that of its answer, where the vendor's differs."""

    def route(self, method: str, path: str, handler: Handler) -> Route:
        """Return the route that authenticates a request, applies planned faults and calls the handler."""

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._handle, request, await request.body(), handler)

        return Route(path, endpoint, methods=[method])

    def _handle(self, request: Request, body: bytes, handler: Handler) -> Response:
        # Without the mount's prefix: the path as the vendor's documentation has it.
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if wait := self.admit():
            self.model.store.append_log(REFUSED, {"vendor": self.model.vendor, "wait_seconds": wait})
            return self._fault_response(
                Fault("", "", 429, "Rate limit exceeded.", {"Retry-After": str(wait)})
            )
        fault = take_fault(self.model.store, self.model.vendor, request.method, path)
        if fault:
            time.sleep(fault.delay_seconds)
        try:
            if fault and not fault.applied and not fault.cut:
                return self._fault_response(fault)
            writes = request.method not in _READING_METHODS
            credential = self.read_credential(request)
            self.model.authenticate(credential, writes=writes)
            response = handler(
                ApiRequest(request.path_params, request.query_params, _parse_body(body), credential)
            )
        except VendorError as error:
            return JSONResponse(self.error_body(error), self.answer_status(error.status))
        if fault:
            return _cut_short(response) if fault.cut else self._fault_response(fault)
        return response

    def _fault_response(self, fault: Fault) -> Response:
        body = self.error_body(VendorError(fault.status, fault.message))
        return JSONResponse(body, fault.status, headers=fault.headers)


def bearer_token(request: Request) -> str:
    """Return the token of `Authorization: Bearer <token>`, "" if there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _parse_body(body: bytes) -> dict[str, Any]:
    if len(body) > _BODY_LIMIT_BYTES:
        raise VendorError(413, "The request is larger than 1 MiB.")
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        raise VendorError(400, "The request is not JSON.") from None
    if not isinstance(parsed, dict):
        raise VendorError(400, "The request is not a JSON object.")
    return parsed


def _cut_short(response: Response) -> Response:
    """Return a response that announces the length of the whole body and sends its first half."""

    async def half() -> AsyncIterator[bytes]:
        yield bytes(response.body)[: len(response.body) // 2]

    headers = {"content-length": str(len(response.body) + 1)}
    return StreamingResponse(half(), response.status_code, headers, "application/json")

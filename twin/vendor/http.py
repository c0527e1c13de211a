"""What the vendors' HTTP doors share: who asks, what is asked, how a refusal looks, and planned faults."""

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
from twin.vendor.faults import Fault, strike
from twin.vendor.model import VendorModel

_BODY_LIMIT_BYTES = 1024 * 1024
REFUSED = "refused"


class ApiRequest(NamedTuple):
    """One request. `body` is the parsed JSON, empty when there was none."""

    path: Mapping[str, Any]
    query: Mapping[str, str]
    body: dict[str, Any]


Handler = Callable[[ApiRequest], Response]
"""Answers one kind of request. Raises VendorError."""


@dataclass(frozen=True)
class VendorApi:
    """
    One vendor's door: a thin translation between its HTTP API and its model.

    `credential` finds the token in a request, and `refusal` says a VendorError in the vendor's own JSON.
    `wait_seconds` counts a request and says when to come again if it is one too many; each refusal is kept
    in the log REFUSED.
    """

    model: VendorModel
    credential: Callable[[Request], str]
    refusal: Callable[[VendorError], Any]
    wait_seconds: Callable[[], int] = lambda: 0

    def route(self, method: str, path: str, answer: Handler) -> Route:
        """Serve `method path` for those who have the token; each request may meet a planned fault."""

        async def endpoint(request: Request) -> Response:
            return await run_in_threadpool(self._answer, request, await request.body(), answer)

        return Route(path, endpoint, methods=[method])

    def _answer(self, request: Request, body: bytes, answer: Handler) -> Response:
        # Below the mount: what the vendor's documentation calls the path.
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if wait := self.wait_seconds():
            self.model.store.record(REFUSED, {"vendor": self.model.vendor, "wait_seconds": wait})
            return self._failed(Fault("", "", 429, "Rate limit exceeded.", {"Retry-After": str(wait)}))
        fault = strike(self.model.store, self.model.vendor, request.method, path)
        if fault:
            time.sleep(fault.delay_seconds)
        try:
            if fault and not fault.applied and not fault.cut:
                return self._failed(fault)
            self.model.authenticate(self.credential(request))
            said = answer(ApiRequest(request.path_params, request.query_params, _parsed(body)))
        except VendorError as refused:
            return JSONResponse(self.refusal(refused), refused.status)
        if fault:
            return _cut(said) if fault.cut else self._failed(fault)
        return said

    def _failed(self, fault: Fault) -> Response:
        body = self.refusal(VendorError(fault.status, fault.message))
        return JSONResponse(body, fault.status, headers=fault.headers)


def bearer(request: Request) -> str:
    """Return the token of `Authorization: Bearer <token>`, empty without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _parsed(body: bytes) -> dict[str, Any]:
    if len(body) > _BODY_LIMIT_BYTES:
        raise VendorError(413, "The request is larger than 1 MiB.")
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        raise VendorError(400, "The request is no JSON.") from None
    if not isinstance(parsed, dict):
        raise VendorError(400, "The request is no JSON object.")
    return parsed


def _cut(said: Response) -> Response:
    """Break off: the length of the whole is announced, and its first half sent."""

    async def half() -> AsyncIterator[bytes]:
        yield bytes(said.body)[: len(said.body) // 2]

    headers = {"content-length": str(len(said.body) + 1)}
    return StreamingResponse(half(), said.status_code, headers, "application/json")

"""The sample platform's API: plans, sessions, sign-in, uploads and the administration's numbers."""

import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from twin.sample_app import VERSION
from twin.sample_app.document import build_document
from twin.sample_app.faults import COOKIE_ATTRIBUTES, COOKIE_FAULTS, PlatformFaults
from twin.sample_app.request_limits import GENERAL, SIGN_IN, UPLOADS, ClientLimit, RequestLimits

_MOST_BYTES: Final = 100 << 10
"""Of a request's body, as express.json() takes it."""

_PLANS: Final = (("Starter", 4_900), ("Team", 19_900), ("Company", 49_900))
_TRACE: Final = """SyntaxError: Unexpected token } in JSON at position 0
    at JSON.parse (<anonymous>)
    at parse (/app/node_modules/body-parser/lib/types/json.js:92:19)
    at /app/server/index.js:41:7"""

_LIMITS: Final = {
    "/api/auth/login": (SIGN_IN, "limit-sign-in-missing"),
    "/api/files": (UPLOADS, "limit-uploads-missing"),
}
"""Path -> its own limit, and the fault that takes it away."""

_UNLIMITED: Final = frozenset(("/api/version",))
"""What monitors ask for every minute from several regions."""


def refuse(request: Request, status: int, code: str, text: str) -> JSONResponse:
    """Return an error as every endpoint answers it."""
    error = {"code": code, "message": text, "request_id": request.state.request_id}
    return JSONResponse({"error": error}, status)


class PlatformApi:
    """The endpoints below /api. `find_commit` returns the commit that is deployed, empty if nobody knows."""

    def __init__(self, faults: PlatformFaults, find_commit: Callable[[], str]) -> None:
        self._faults, self._find_commit = faults, find_commit
        self._limits = RequestLimits()
        self._requests = self._errors = 0

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/api/version", self._get_version),
            Route("/api/openapi.json", self._get_document),
            Route("/api/plans", self._list_plans),
            Route("/api/session", self._begin_session),
            Route("/api/auth/login", self._sign_in, methods=["POST"]),
            Route("/api/files", self._upload, methods=["POST"]),
            Route("/api/admin/monitoring/stats", self._show_statistics),
        ]

    def count(self, status: int) -> None:
        """Count a request that was answered."""
        self._requests += 1
        self._errors += status >= 500

    def limit(self, request: Request) -> tuple[dict[str, str], Response | None]:
        """Count a request; return the headers of its limit, and a refusal if it is one too many."""
        path = request.url.path
        if not path.startswith("/api/") or path in _UNLIMITED:
            return {}, None
        limit, missing = _LIMITS.get(path, (GENERAL, "limit-general-missing"))
        if missing in self._faults:
            return {}, None
        allowance = self._limits.take(
            self._identify(request, limit),
            limit,
            factor=2 if limit is GENERAL and "limit-general-high" in self._faults else 1,
        )
        if allowance.remaining >= 0:
            return allowance.headers, None
        retry = {"retry-after": str(max(1, allowance.reset_seconds))}
        headers = allowance.headers | ({} if "limit-no-retry-after" in self._faults else retry)
        return headers, refuse(request, 429, "too_many_requests", "Try again later.")

    def _identify(self, request: Request, limit: ClientLimit) -> str:
        forwarded = request.headers.get("x-forwarded-for", "")
        if forwarded and limit is SIGN_IN and "limit-sign-in-forwarded" in self._faults:
            return forwarded[:100]
        return request.client.host if request.client else ""

    async def _get_version(self, request: Request) -> Response:
        if "version-missing" in self._faults:
            return refuse(request, 404, "not_found", "There is nothing here.")
        commit = "0" * 40 if "version-old" in self._faults else self._find_commit()
        body = {"version": VERSION, "commit": commit}
        return JSONResponse({"version": VERSION} if "version-no-commit" in self._faults else body)

    async def _get_document(self, request: Request) -> Response:
        if "document-missing" in self._faults:
            return refuse(request, 404, "not_found", "There is nothing here.")
        if "document-no-json" in self._faults:
            return HTMLResponse("<!doctype html><title>API</title>")
        return JSONResponse(build_document(self._faults))

    async def _list_plans(self, request: Request) -> Response:
        plans: list[dict[str, Any]] = [{"name": name, "price_cents": cents} for name, cents in _PLANS]
        if "answer-error" in self._faults:
            return refuse(request, 500, "internal", "Something went wrong.")
        if "answer-other-type" in self._faults:
            return PlainTextResponse("Starter, Team, Company")
        if "answer-other-body" in self._faults:
            del plans[0]["price_cents"]
        return JSONResponse({"plans": plans}, 202 if "answer-undocumented-status" in self._faults else 200)

    async def _begin_session(self, _: Request) -> Response:
        attributes: dict[str, str | None] = {**COOKIE_ATTRIBUTES}
        for fault, changes in COOKIE_FAULTS.items():
            if fault in self._faults:
                attributes |= changes
        parts = [f"{name}={text}" if text else name for name, text in attributes.items() if text is not None]
        cookie = "; ".join([f"__Host-session={secrets.token_urlsafe(24)}", *parts])
        answer = JSONResponse({"csrf_token": secrets.token_urlsafe(24)})
        answer.headers["set-cookie"] = cookie
        answer.headers["cache-control"] = "no-store"
        return answer

    async def _sign_in(self, request: Request) -> Response:
        """Nobody can sign in to the sample: each right request gets 401."""
        body = await _read_body(request)
        if body is None:
            return refuse(request, 413, "too_large", f"More than {_MOST_BYTES:,} bytes.")
        try:
            given = json.loads(body)
        except ValueError:
            if "error-trace" in self._faults:
                return PlainTextResponse(_TRACE, 500)
            if "error-accepts" in self._faults:
                return JSONResponse({})
            return refuse(request, 400, "invalid_json", "The body is no JSON.")
        if not isinstance(given, dict) or not all(
            isinstance(given.get(name), str) for name in ("email", "password")
        ):
            return refuse(request, 400, "invalid_body", "The body needs an email and a password.")
        return refuse(request, 401, "wrong_credentials", "E-mail or password is wrong.")

    async def _upload(self, request: Request) -> Response:
        return refuse(request, 401, "unauthorized", "Sign in first.")

    async def _show_statistics(self, request: Request) -> Response:
        """Nobody is an administrator of the sample."""
        if "admin-open" in self._faults:
            return JSONResponse({"requests": self._requests, "errors": self._errors})
        return refuse(request, 401, "unauthorized", "Only administrators see this.")


async def _read_body(request: Request) -> bytes | None:
    """Return the body, None where it is too large."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _MOST_BYTES:
                return None
    except ClientDisconnect:
        return None
    return body

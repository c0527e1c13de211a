"""The Sentry intake of the twin: what a DSN leads to."""

import json
import re
import threading
import time
from typing import Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.host.time_scale import TimeScale
from twin.sentry.checkins import CheckIns
from twin.sentry.envelopes import (
    COMPRESSED_LIMIT_BYTES,
    EnvelopeError,
    EnvelopeItem,
    expanded,
    occurrence,
    parsed,
)
from twin.sentry.issues import Issues
from twin.vendor.store import Attributes, VendorStore

_CHECKIN_STATUSES = {"in_progress", "ok", "error"}
_log = structlog.get_logger("intake")


class Intake:
    """
    `POST /api/<project id>/envelope/` and `/store/`, and `/api/<project id>/cron/<slug>/<public key>/`.

    The key may come in the X-Sentry-Auth header, in the query, or in the envelope's dsn. Events beyond the
    key's rate limit are refused with 429, Retry-After and X-Sentry-Rate-Limits. Item types other than event
    and check_in are accepted and dropped: the twin has no transactions, sessions or replays.
    """

    def __init__(self, store: VendorStore, pace: TimeScale, issues: Issues, checkins: CheckIns) -> None:
        self._store = store
        self._issues = issues
        self._checkins = checkins
        self._limits = _RateLimits(pace)

    def routes(self) -> list[Route]:
        return [
            Route("/api/{project_id}/envelope/", self._envelope, methods=["POST"]),
            Route("/api/{project_id}/store/", self._single, methods=["POST"]),
            Route("/api/{project_id}/cron/{slug}/{key}/", self._cron, methods=["GET", "POST"]),
        ]

    async def _envelope(self, request: Request) -> Response:
        try:
            header, items = parsed(await _body(request))
            key, project = await run_in_threadpool(self._admit, request, _key(request, header))
            return await run_in_threadpool(self._take, key, project, items, header.get("event_id"))
        except EnvelopeError as error:
            return _refusal(error)

    async def _single(self, request: Request) -> Response:
        try:
            body = await _body(request)
            key, project = await run_in_threadpool(self._admit, request, _key(request, {}))
            return await run_in_threadpool(self._take, key, project, [EnvelopeItem("event", body)], None)
        except EnvelopeError as error:
            return _refusal(error)

    def _cron(self, request: Request) -> Response:
        """Take a check-in from a job that has no SDK."""
        try:
            _, project = self._admit(request, request.path_params["key"])
        except EnvelopeError as error:
            return _refusal(error)
        checkin = dict(request.query_params)
        if checkin.get("status") not in _CHECKIN_STATUSES:
            return _refusal(EnvelopeError(400, "status must be in_progress, ok or error."))
        if (id_ := self._checkins.accept(project, request.path_params["slug"], checkin)) is None:
            return _refusal(EnvelopeError(404, "The project has no such cron monitor."))
        return JSONResponse({"id": id_}, 202)

    def _admit(self, request: Request, public_key: str) -> tuple[Attributes, Attributes]:
        """Return the key and its project. Raises EnvelopeError."""
        key = self._store.get("sentry", "key", public_key) if public_key else None
        project_id = request.path_params["project_id"]
        project = self._store.get("sentry", "project", project_id)
        if key is None or project is None or key["projectId"] != project_id:
            raise EnvelopeError(403, "event submission rejected with_reason: ProjectId")
        return key, project

    def _take(
        self, key: Attributes, project: Attributes, items: list[EnvelopeItem], event_id: str | None
    ) -> Response:
        wait_seconds = 0
        for item in items:
            match item.type:
                case "event":
                    if wait := self._limits.wait_seconds(key):
                        wait_seconds = wait
                        continue
                    event = occurrence(_json(item), project["internalId"])
                    event_id = event.event_id
                    self._issues.occur(event)
                case "check_in":
                    checkin = _json(item)
                    if checkin.get("status") in _CHECKIN_STATUSES:
                        self._checkins.accept(project, str(checkin.get("monitor_slug")), checkin)
                case other:
                    _log.debug("dropped", type=other)
        if wait_seconds:
            limits = {
                "Retry-After": str(wait_seconds),
                "X-Sentry-Rate-Limits": f"{wait_seconds}:error:key:key_quota",
            }
            return JSONResponse({"detail": "The key's rate limit is reached."}, 429, limits)
        return JSONResponse({"id": event_id} if event_id else {})


class _RateLimits:
    """Fixed windows of `rateLimitWindow` seconds with `rateLimitCount` events each; a zero means no limit."""

    def __init__(self, pace: TimeScale) -> None:
        self._pace = pace
        self._turn = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def wait_seconds(self, key: Attributes) -> int:
        """Count one event; return 0 when it is admitted, else after how many whole seconds to come again."""
        count, window = key.get("rateLimitCount") or 0, self._pace.seconds(key.get("rateLimitWindow") or 0)
        if not count or not window:
            return 0
        with self._turn:
            now = time.monotonic()
            started, used = self._windows.get(key["public"], (now, 0))
            if now - started >= window:
                started, used = now, 0
            admitted = used < count
            self._windows[key["public"]] = (started, used + admitted)
            return 0 if admitted else max(1, round(started + window - now))


async def _body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > COMPRESSED_LIMIT_BYTES:
        raise EnvelopeError(413, "The body is too large.")
    return expanded(body, request.headers.get("content-encoding", ""))


def _key(request: Request, header: dict[str, Any]) -> str:
    stated = re.search(r"sentry_key=([0-9a-zA-Z]+)", request.headers.get("x-sentry-auth", ""))
    in_dsn = re.match(r"https?://([0-9a-zA-Z]+)[:@]", str(header.get("dsn") or ""))
    found = stated or in_dsn
    return request.query_params.get("sentry_key") or (found[1] if found else "")


def _json(item: EnvelopeItem) -> dict[str, Any]:
    try:
        content = json.loads(item.payload)
    except ValueError as error:
        raise EnvelopeError(400, f"A {item.type} item is no JSON.") from error
    if not isinstance(content, dict):
        raise EnvelopeError(400, f"A {item.type} item is no JSON object.")
    return content


def _refusal(error: EnvelopeError) -> Response:
    return JSONResponse({"detail": error.message}, error.status)

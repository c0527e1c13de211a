"""Sentry's ingestion API: the addresses of a DSN, to which SDKs send events and jobs send check-ins."""

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
    decompress,
    parse_envelope,
    to_occurrence,
)
from twin.sentry.issues import Issues
from twin.vendor.store import Attributes, VendorStore

_CHECKIN_STATUSES = {"in_progress", "ok", "error"}
_log = structlog.get_logger("ingest")


class IngestApi:
    """
    `POST /api/<project id>/envelope/` and `/store/`, and `/api/<project id>/cron/<slug>/<public key>/`.

    The key is in the X-Sentry-Auth header, the query, or the envelope's dsn. Events beyond the key's rate
    limit are refused with 429, Retry-After and X-Sentry-Rate-Limits. Item types other than event and check_in
    are accepted and dropped: the twin has no transactions, sessions or replays.
    """

    def __init__(self, store: VendorStore, time_scale: TimeScale, issues: Issues, checkins: CheckIns) -> None:
        self._store = store
        self._issues = issues
        self._checkins = checkins
        self._limits = _RateLimits(time_scale)

    def routes(self) -> list[Route]:
        return [
            Route("/api/{project_id}/envelope/", self._receive_envelope, methods=["POST"]),
            Route("/api/{project_id}/store/", self._receive_event, methods=["POST"]),
            Route("/api/{project_id}/cron/{slug}/{key}/", self._receive_checkin, methods=["GET", "POST"]),
        ]

    async def _receive_envelope(self, request: Request) -> Response:
        try:
            header, items = parse_envelope(await _read_body(request))
            key, project = await run_in_threadpool(
                self._authenticate, request, _find_public_key(request, header)
            )
            return await run_in_threadpool(self._process, key, project, items, header.get("event_id"))
        except EnvelopeError as error:
            return _error_response(error)

    async def _receive_event(self, request: Request) -> Response:
        try:
            body = await _read_body(request)
            key, project = await run_in_threadpool(self._authenticate, request, _find_public_key(request, {}))
            return await run_in_threadpool(self._process, key, project, [EnvelopeItem("event", body)], None)
        except EnvelopeError as error:
            return _error_response(error)

    def _receive_checkin(self, request: Request) -> Response:
        """Receive a check-in from a job that has no SDK."""
        try:
            _, project = self._authenticate(request, request.path_params["key"])
        except EnvelopeError as error:
            return _error_response(error)
        checkin = dict(request.query_params)
        if checkin.get("status") not in _CHECKIN_STATUSES:
            return _error_response(EnvelopeError(400, "status must be in_progress, ok or error."))
        if (id_ := self._checkins.accept(project, request.path_params["slug"], checkin)) is None:
            return _error_response(EnvelopeError(404, "The project has no such cron monitor."))
        return JSONResponse({"id": id_}, 202)

    def _authenticate(self, request: Request, public_key: str) -> tuple[Attributes, Attributes]:
        """Return the key and its project. Raises EnvelopeError."""
        key = self._store.get("sentry", "key", public_key) if public_key else None
        project_id = request.path_params["project_id"]
        project = self._store.get("sentry", "project", project_id)
        if key is None or project is None or key["projectId"] != project_id:
            raise EnvelopeError(403, "event submission rejected with_reason: ProjectId")
        return key, project

    def _process(
        self, key: Attributes, project: Attributes, items: list[EnvelopeItem], event_id: str | None
    ) -> Response:
        wait_seconds = 0
        for item in items:
            match item.type:
                case "event":
                    if wait := self._limits.admit(key):
                        wait_seconds = wait
                        continue
                    event = to_occurrence(_parse_payload(item), project["internalId"])
                    event_id = event.event_id
                    self._issues.record(event)
                case "check_in":
                    checkin = _parse_payload(item)
                    if checkin.get("status") in _CHECKIN_STATUSES:
                        self._checkins.accept(project, str(checkin.get("monitor_slug")), checkin)
                case other:
                    _log.debug("item dropped", type=other)
        if wait_seconds:
            limits = {
                "Retry-After": str(wait_seconds),
                "X-Sentry-Rate-Limits": f"{wait_seconds}:error:key:key_quota",
            }
            return JSONResponse({"detail": "The key's rate limit is reached."}, 429, limits)
        return JSONResponse({"id": event_id} if event_id else {})


class _RateLimits:
    """Fixed windows of `rateLimitWindow` seconds with `rateLimitCount` events each; 0 means no limit."""

    def __init__(self, time_scale: TimeScale) -> None:
        self._time_scale = time_scale
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[float, int]] = {}

    def admit(self, key: Attributes) -> int:
        """Count one event and return 0; if it exceeds the limit, return the whole seconds to wait."""
        count, window = (
            key.get("rateLimitCount") or 0,
            self._time_scale.scale_seconds(key.get("rateLimitWindow") or 0),
        )
        if not count or not window:
            return 0
        with self._lock:
            now = time.monotonic()
            started, used = self._windows.get(key["public"], (now, 0))
            if now - started >= window:
                started, used = now, 0
            admitted = used < count
            self._windows[key["public"]] = (started, used + admitted)
            return 0 if admitted else max(1, round(started + window - now))


async def _read_body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > COMPRESSED_LIMIT_BYTES:
        raise EnvelopeError(413, "The body is too large.")
    return decompress(body, request.headers.get("content-encoding", ""))


def _find_public_key(request: Request, header: dict[str, Any]) -> str:
    in_header = re.search(r"sentry_key=([0-9a-zA-Z]+)", request.headers.get("x-sentry-auth", ""))
    in_dsn = re.match(r"https?://([0-9a-zA-Z]+)[:@]", str(header.get("dsn") or ""))
    match = in_header or in_dsn
    return request.query_params.get("sentry_key") or (match[1] if match else "")


def _parse_payload(item: EnvelopeItem) -> dict[str, Any]:
    try:
        content = json.loads(item.payload)
    except ValueError as error:
        raise EnvelopeError(400, f"A {item.type} item is not JSON.") from error
    if not isinstance(content, dict):
        raise EnvelopeError(400, f"A {item.type} item is not a JSON object.")
    return content


def _error_response(error: EnvelopeError) -> Response:
    return JSONResponse({"detail": error.message}, error.status)

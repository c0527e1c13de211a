"""PagerDuty's Events API v2. Source: developer.pagerduty.com, "Send an alert event"."""

import json
from collections.abc import Iterator
from typing import Any, Final
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.pagerduty.incidents import Incidents
from twin.pagerduty.model import KEY_CHARACTERS

_BODY_LIMIT_BYTES: Final = 512 * 1024
_DEDUP_CHARACTERS: Final = 255
_SUMMARY_CHARACTERS: Final = 1024
_ACTIONS: Final = ("trigger", "acknowledge", "resolve")
_SEVERITIES: Final = ("critical", "error", "warning", "info")


def events_route(incidents: Incidents) -> Route:
    """Return the route `POST /pagerduty/v2/enqueue`; the key in the body is its only credential."""

    async def enqueue(request: Request) -> Response:
        body = await request.body()
        return await run_in_threadpool(_accept, incidents, body)

    return Route("/pagerduty/v2/enqueue", enqueue, methods=["POST"])


def _accept(incidents: Incidents, body: bytes) -> Response:
    event = _parse(body)
    if errors := list(_find_errors(event)):
        refusal = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
        return JSONResponse(refusal, 400)
    dedup_key = event.get("dedup_key") or uuid4().hex
    incidents.accept(event["routing_key"], event["event_action"], dedup_key, event.get("payload") or {})
    answer = {"status": "success", "message": "Event processed", "dedup_key": dedup_key}
    return JSONResponse(answer, 202)


def _parse(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body) if len(body) <= _BODY_LIMIT_BYTES else None
    except ValueError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {}


def _find_errors(event: dict[str, Any]) -> Iterator[str]:
    key, action, dedup_key = event.get("routing_key"), event.get("event_action"), event.get("dedup_key")
    if not isinstance(key, str) or len(key) != KEY_CHARACTERS:
        yield f"Length of 'routing_key' is incorrect (should be {KEY_CHARACTERS} characters)"
    if action not in _ACTIONS:
        yield f"'event_action' must be one of {', '.join(_ACTIONS)}"
    if dedup_key is not None and (not isinstance(dedup_key, str) or len(dedup_key) > _DEDUP_CHARACTERS):
        yield f"'dedup_key' must be a text of at most {_DEDUP_CHARACTERS} characters"
    if action != "trigger":
        return
    payload: Any = event.get("payload")
    if not isinstance(payload, dict):
        yield "'payload' is missing or blank"
        return
    fields: dict[str, Any] = payload
    for name in ("summary", "source"):
        if not isinstance(fields.get(name), str) or not fields[name].strip():
            yield f"'payload.{name}' is missing or blank"
    if len(str(fields.get("summary"))) > _SUMMARY_CHARACTERS:
        yield f"'payload.summary' is longer than {_SUMMARY_CHARACTERS} characters"
    if fields.get("severity") not in _SEVERITIES:
        yield f"'payload.severity' is invalid (must be one of the following: {', '.join(_SEVERITIES)})"

"""The webhook inbox of the twin: it records the alerts that arrive, for a person and for tests to read."""

import json
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.vendor.store import VendorStore
from twin.vendor.webhooks import DELIVERY_HEADER

RECEIVED = "received"
_KEPT = 2_000
_BODY_LIMIT_BYTES = 1024 * 1024


def routes(store: VendorStore) -> list[Route]:
    """
    Serve `POST /inbox/<channel>` and `GET /inbox/<channel>`.

    A POST is recorded in the log "received" as {channel, contentType, query, body, delivery}; `body` is
    parsed if it is JSON. A GET returns a JSON array of {at, ...entry}, oldest first.
    """

    async def receive(request: Request) -> Response:
        body = await request.body()
        if len(body) > _BODY_LIMIT_BYTES:
            return JSONResponse({"error": "larger than 1 MiB"}, 413)
        entry = {
            "channel": request.path_params["channel"],
            "contentType": request.headers.get("content-type", ""),
            "query": dict(request.query_params),
            "body": _parse_body(body),
            "delivery": request.headers.get(DELIVERY_HEADER, ""),
        }
        await run_in_threadpool(_record_once, store, entry)
        return JSONResponse({"ok": True})

    def show(request: Request) -> Response:
        channel = request.path_params["channel"]
        return JSONResponse(
            [
                {"at": entry.unix_time, **entry.content}
                for entry in store.read_log(RECEIVED)
                if entry.content["channel"] == channel
            ]
        )

    return [
        Route("/inbox/{channel:path}", receive, methods=["POST"]),
        Route("/inbox/{channel:path}", show, methods=["GET"]),
    ]


def _record_once(store: VendorStore, entry: dict[str, Any]) -> None:
    """Record a delivery once, even if a sender that was killed before it saw the response repeats it."""
    with store.transaction():
        deliveries = (recorded.content["delivery"] for recorded in store.read_log(RECEIVED))
        if entry["delivery"] and entry["delivery"] in deliveries:
            return
        store.append_log(RECEIVED, entry)
        store.prune_log(RECEIVED, _KEPT)


def _parse_body(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")

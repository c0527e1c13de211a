"""The receiving end of alerts in the twin: it keeps what arrives, for a person and for tests to see."""

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
    Serve `POST /sink/<channel>` and `GET /sink/<channel>`.

    What arrives is recorded in stream "received" as {channel, contentType, query, body, delivery}; `body` is
    parsed when it is JSON. The listing is a JSON array of {at, ...entry}, oldest first.
    """

    async def receive(request: Request) -> Response:
        body = await request.body()
        if len(body) > _BODY_LIMIT_BYTES:
            return JSONResponse({"error": "larger than 1 MiB"}, 413)
        entry = {
            "channel": request.path_params["channel"],
            "contentType": request.headers.get("content-type", ""),
            "query": dict(request.query_params),
            "body": _parsed(body),
            "delivery": request.headers.get(DELIVERY_HEADER, ""),
        }
        await run_in_threadpool(_keep, store, entry)
        return JSONResponse({"ok": True})

    def show(request: Request) -> Response:
        channel = request.path_params["channel"]
        return JSONResponse(
            [
                {"at": received.unix_time, **received.entry}
                for received in store.recorded(RECEIVED)
                if received.entry["channel"] == channel
            ]
        )

    return [
        Route("/sink/{channel:path}", receive, methods=["POST"]),
        Route("/sink/{channel:path}", show, methods=["GET"]),
    ]


def _keep(store: VendorStore, entry: dict[str, Any]) -> None:
    """Record what arrived, once, even when the sender was killed before it knew."""
    with store.transaction():
        known = (received.entry["delivery"] for received in store.recorded(RECEIVED))
        if entry["delivery"] and entry["delivery"] in known:
            return
        store.record(RECEIVED, entry)
        store.prune(RECEIVED, _KEPT)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")

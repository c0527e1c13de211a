"""UptimeRobot's HTTP API v3 over its model. Source: uptimerobot.com/api/v3, and its provider's client."""

import time
from collections.abc import Iterable
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.host.time_scale import TimeScale
from twin.uptimerobot.api_json import OBJECT_FORMATS, ObjectFormat, contact_to_json, monitor_to_json
from twin.uptimerobot.incidents import list_alerts, list_incidents
from twin.uptimerobot.model import UptimeRobot
from twin.uptimerobot.rate_limit import RateLimit
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, ApiRoute, Handler, VendorApi, bearer_token
from twin.vendor.store import Attributes

PREFIX = "/v3"
_PAGE_ITEMS = 50


def routes(model: UptimeRobot, time_scale: TimeScale) -> list[Route]:
    rate = RateLimit(time_scale.scale_minutes(1))
    api = VendorApi(model, bearer_token, _error_body, lambda: rate.admit(model.plan.requests_per_minute))
    return [
        *(api.route(*route) for format_ in OBJECT_FORMATS for route in _collection_routes(model, format_)),
        api.route("POST", f"{PREFIX}/monitors/{{id:int}}/pause", _pause_handler(model, paused=True)),
        api.route("POST", f"{PREFIX}/monitors/{{id:int}}/start", _pause_handler(model, paused=False)),
        api.route("GET", f"{PREFIX}/user/me", _account_handler(model)),
        api.route("GET", f"{PREFIX}/user/alert-contacts", _contacts_handler(model)),
        api.route("GET", f"{PREFIX}/tags", _tags_handler(model)),
        api.route("GET", f"{PREFIX}/incidents", lambda request: list_incidents(model, request)),
        api.route("GET", f"{PREFIX}/incidents/{{id}}/alerts", lambda request: list_alerts(model, request)),
    ]


def _collection_routes(model: UptimeRobot, format_: ObjectFormat) -> Iterable[ApiRoute]:
    kind, collection = format_.kind, PREFIX + format_.path
    item = f"{collection}/{{id:int}}"

    def create(request: ApiRequest) -> Response:
        if missing := [name for name in format_.required if request.body.get(name) is None]:
            raise VendorError(400, f"{', '.join(missing)} must not be empty.")
        return JSONResponse(format_.to_json(*model.create(kind, format_.from_json(request.body))), 201)

    def to_json(identifier: str, attributes: Attributes) -> Attributes:
        body = format_.to_json(identifier, attributes)
        return body | _read_state(model, identifier) if kind == "monitor" else body

    def read(request: ApiRequest) -> Response:
        identifier = str(request.path["id"])
        attributes = model.read(kind, identifier)
        if attributes is None:
            raise VendorError(404, f"There is no {kind} {identifier}.")
        return JSONResponse(to_json(identifier, attributes))

    def update(request: ApiRequest) -> Response:
        identifier = str(request.path["id"])
        updated = model.update(kind, identifier, format_.from_json(request.body))
        return JSONResponse(format_.to_json(identifier, updated))

    def delete(request: ApiRequest) -> Response:
        identifier = str(request.path["id"])
        if new_group := request.query.get("monitorsNewGroupId"):
            model.update(kind, identifier, {"monitorsNewGroupId": int(new_group)})
        model.delete(kind, identifier)
        return JSONResponse({})

    def list_(request: ApiRequest) -> Response:
        objects = model.list_objects(kind).items()
        selected = (
            to_json(identifier, attributes)
            for identifier, attributes in objects
            if _passes_filters(attributes, request)
        )
        return _page(request, collection, selected)

    return [
        ("POST", collection, create),
        ("GET", item, read),
        ("PATCH", item, update),
        ("DELETE", item, delete),
        ("GET", collection, list_),
    ]


def _read_state(model: UptimeRobot, identifier: str) -> Attributes:
    """Return the status by the last probe and for how long it has been so, in seconds."""
    watch = model.store.get("twin", "watch", f"uptimerobot:{identifier}")
    if watch is None:
        return {"status": "STARTED", "currentStateDuration": 0}
    status = watch["status"] if watch["status"] in {"UP", "DOWN", "PAUSED"} else "STARTED"
    return {"status": status, "currentStateDuration": max(0, int(time.time() - watch["since"]))}


def _passes_filters(attributes: Attributes, request: ApiRequest) -> bool:
    """Return whether the object passes all filters of the query, as GET /monitors has them."""
    query = request.query
    tags = set(filter(None, query.get("tags", "").split(",")))
    return (
        all(attributes.get(name) == query[name] for name in ("name", "url") if name in query)
        and ("groupId" not in query or str(attributes.get("groupId")) == query["groupId"])
        and tags <= set(attributes.get("tags", ()))
    )


def _page(request: ApiRequest, collection: str, items: Iterable[Attributes]) -> Response:
    """Return one page. Its cursor is its last id if another page follows, else null."""
    after = int(request.query.get("cursor", 0))
    rest = [item for item in items if item["id"] > after]
    page = rest[:_PAGE_ITEMS]
    last = page[-1]["id"] if len(rest) > len(page) else None
    link = f"{collection}?cursor={last}" if last else None
    return JSONResponse({"data": page, "nextCursorId": last, "nextLink": link})


def _pause_handler(model: UptimeRobot, *, paused: bool) -> Handler:
    def handle(request: ApiRequest) -> Response:
        identifier = str(request.path["id"])
        return JSONResponse(
            monitor_to_json(identifier, model.update("monitor", identifier, {"isPaused": paused}))
        )

    return handle


def _account_handler(model: UptimeRobot) -> Handler:
    def handle(_request: ApiRequest) -> Response:
        return JSONResponse(
            {
                "email": next(iter(model.list_objects("alertContact").values()))["value"],
                "monitorsCount": len(model.list_objects("monitor")),
                "activeSubscription": {"plan": model.plan_name},
            }
        )

    return handle


def _contacts_handler(model: UptimeRobot) -> Handler:
    return lambda _request: JSONResponse(
        [
            contact_to_json(identifier, contact)
            for identifier, contact in model.list_objects("alertContact").items()
        ]
    )


def _tags_handler(model: UptimeRobot) -> Handler:
    def handle(request: ApiRequest) -> Response:
        tags = {
            tag["id"]: tag
            for monitor in model.list_objects("monitor").items()
            for tag in monitor_to_json(*monitor)["tags"]
        }
        return _page(request, f"{PREFIX}/tags", (tags[number] for number in sorted(tags)))

    return handle


def _error_body(error: VendorError) -> dict[str, Any]:
    return {"statusCode": error.status, "message": error.message}

"""UptimeRobot's HTTP API v3 over its model. Source: uptimerobot.com/api/v3, and its provider's client."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.host.time_scale import TimeScale
from twin.uptimerobot.api_json import KINDS, ObjectFormat, contact_to_json, monitor_to_json
from twin.uptimerobot.model import UptimeRobot
from twin.uptimerobot.rate_limit import RateLimit
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, Handler, VendorApi, bearer
from twin.vendor.store import Attributes

PREFIX = "/v3"
_PAGE_ITEMS = 50


def routes(model: UptimeRobot, pace: TimeScale) -> list[Route]:
    rate = RateLimit(pace.minutes(1))
    door = VendorApi(model, bearer, _refusal, lambda: rate.wait_seconds(model.plan.requests_per_minute))
    return [
        *(door.route(*one) for words in KINDS for one in _of_kind(model, words)),
        door.route("POST", f"{PREFIX}/monitors/{{id:int}}/pause", _paused(model, paused=True)),
        door.route("POST", f"{PREFIX}/monitors/{{id:int}}/start", _paused(model, paused=False)),
        door.route("GET", f"{PREFIX}/user/me", _account(model)),
        door.route("GET", f"{PREFIX}/user/alert-contacts", _contacts(model)),
        door.route("GET", f"{PREFIX}/tags", _tags(model)),
    ]


def _of_kind(model: UptimeRobot, words: ObjectFormat) -> Iterable[tuple[str, str, Handler]]:
    kind, collection = words.kind, PREFIX + words.path
    one = f"{collection}/{{id:int}}"

    def create(asked: ApiRequest) -> Response:
        if missing := [name for name in words.required if asked.body.get(name) is None]:
            raise VendorError(400, f"{', '.join(missing)} must not be empty.")
        return JSONResponse(words.told(*model.create(kind, words.said(asked.body))), 201)

    def read(asked: ApiRequest) -> Response:
        identifier = str(asked.path["id"])
        found = model.read(kind, identifier)
        if found is None:
            raise VendorError(404, f"There is no {kind} {identifier}.")
        return JSONResponse(words.told(identifier, found))

    def update(asked: ApiRequest) -> Response:
        identifier = str(asked.path["id"])
        return JSONResponse(words.told(identifier, model.update(kind, identifier, words.said(asked.body))))

    def delete(asked: ApiRequest) -> Response:
        identifier = str(asked.path["id"])
        if heir := asked.query.get("monitorsNewGroupId"):
            model.update(kind, identifier, {"monitorsNewGroupId": int(heir)})
        model.delete(kind, identifier)
        return JSONResponse({})

    def list_(asked: ApiRequest) -> Response:
        found = model.every(kind).items()
        return _page(asked, collection, (words.told(*one) for one in found if _wanted(one[1], asked)))

    return [
        ("POST", collection, create),
        ("GET", one, read),
        ("PATCH", one, update),
        ("DELETE", one, delete),
        ("GET", collection, list_),
    ]


def _wanted(found: Attributes, asked: ApiRequest) -> bool:
    """Apply the filters that GET /monitors has; all must hold."""
    query = asked.query
    tags = set(filter(None, query.get("tags", "").split(",")))
    return (
        all(found.get(name) == query[name] for name in ("name", "url") if name in query)
        and ("groupId" not in query or str(found.get("groupId")) == query["groupId"])
        and tags <= set(found.get("tags", ()))
    )


def _page(asked: ApiRequest, collection: str, items: Iterable[Attributes]) -> Response:
    """Answer one page; its cursor is its last id, as long as there is more."""
    after = int(asked.query.get("cursor", 0))
    rest = [item for item in items if item["id"] > after]
    page = rest[:_PAGE_ITEMS]
    last = page[-1]["id"] if len(rest) > len(page) else None
    link = f"{collection}?cursor={last}" if last else None
    return JSONResponse({"data": page, "nextCursorId": last, "nextLink": link})


def _paused(model: UptimeRobot, *, paused: bool) -> Handler:
    def answer(asked: ApiRequest) -> Response:
        identifier = str(asked.path["id"])
        return JSONResponse(
            monitor_to_json(identifier, model.update("monitor", identifier, {"isPaused": paused}))
        )

    return answer


def _account(model: UptimeRobot) -> Handler:
    def answer(_asked: ApiRequest) -> Response:
        return JSONResponse(
            {
                "email": next(iter(model.every("alertContact").values()))["value"],
                "monitorsCount": len(model.every("monitor")),
                "activeSubscription": {"plan": model.plan_name},
            }
        )

    return answer


def _contacts(model: UptimeRobot) -> Handler:
    return lambda _asked: JSONResponse(
        [contact_to_json(identifier, found) for identifier, found in model.every("alertContact").items()]
    )


def _tags(model: UptimeRobot) -> Handler:
    def answer(asked: ApiRequest) -> Response:
        tags = {tag["id"]: tag for m in model.every("monitor").items() for tag in monitor_to_json(*m)["tags"]}
        return _page(asked, f"{PREFIX}/tags", (tags[number] for number in sorted(tags)))

    return answer


def _refusal(refused: VendorError) -> dict[str, Any]:
    return {"statusCode": refused.status, "message": refused.message}

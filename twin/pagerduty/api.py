"""PagerDuty's REST API over its model. Source: developer.pagerduty.com, and its provider's client."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.pagerduty.api_json import OBJECT_FORMATS, PagerDutyFormat, incident_to_json, integration_to_json
from twin.pagerduty.incidents import Incidents
from twin.pagerduty.model import PagerDutyAccount
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, ApiRoute, VendorApi

_CODES: Final = {400: 2001, 401: 2006, 403: 2010, 404: 2100, 429: 2020}
"""HTTP status -> the vendor's code of the error."""

_PAGE_ITEMS: Final = 25


def routes(model: PagerDutyAccount, incidents: Incidents) -> list[Route]:
    api = VendorApi(model, _read_token, _error_body)
    return [
        api.route("GET", "/abilities", lambda _request: JSONResponse({"abilities": []})),
        *(api.route(*route) for format_ in OBJECT_FORMATS for route in _collection_routes(model, format_)),
        *(api.route(*route) for route in _integration_routes(model)),
        *(api.route(*route) for route in _incident_routes(model, incidents)),
    ]


def _collection_routes(model: PagerDutyAccount, format_: PagerDutyFormat) -> Iterable[ApiRoute]:
    kind, name = format_.kind, format_.name

    def answer(identifier: str, attributes: dict[str, Any], status: int = 200) -> Response:
        return JSONResponse({name: format_.to_json(identifier, attributes)}, status)

    def create(request: ApiRequest) -> Response:
        return answer(*model.create(kind, format_.from_json(_read_object(request, name))), 201)

    def read(request: ApiRequest) -> Response:
        return answer(*_require(model, kind, request.path["id"]))

    def update(request: ApiRequest) -> Response:
        identifier = request.path["id"]
        return answer(
            identifier, model.update(kind, identifier, format_.from_json(_read_object(request, name)))
        )

    def delete(request: ApiRequest) -> Response:
        model.delete(kind, request.path["id"])
        return Response(status_code=204)

    def list_(request: ApiRequest) -> Response:
        query = request.query.get("query", "").lower()
        rows = [
            {**format_.to_json(identifier, attributes), **_list_integrations(model, kind, identifier)}
            for identifier, attributes in model.list_objects(kind).items()
            if query in f"{attributes['name']} {attributes.get('email', '')}".lower()
        ]
        return _page(request, format_.plural, rows)

    item = f"/{format_.plural}/{{id}}"
    yield "GET", f"/{format_.plural}", list_
    yield "POST", f"/{format_.plural}", create
    yield "GET", item, read
    yield "PUT", item, update
    yield "DELETE", item, delete


def _list_integrations(model: PagerDutyAccount, kind: str, service: str) -> dict[str, Any]:
    """Return what a list of services shows of each one's integrations."""
    integrations = model.list_objects("serviceIntegration").items() if kind == "service" else ()
    own = [
        {"id": identifier, "type": f"{one['type']}_reference", "summary": one.get("name", "")}
        for identifier, one in integrations
        if one["service"] == service
    ]
    return {"integrations": own} if kind == "service" else {}


def _integration_routes(model: PagerDutyAccount) -> Iterable[ApiRoute]:
    kind, collection = "serviceIntegration", "/services/{service}/integrations"

    def answer(identifier: str, attributes: dict[str, Any], status: int = 200) -> Response:
        return JSONResponse({"integration": integration_to_json(identifier, attributes)}, status)

    def require(request: ApiRequest) -> tuple[str, dict[str, Any]]:
        identifier, found = _require(model, kind, request.path["id"])
        if found["service"] != request.path["service"]:
            raise VendorError(404, "Not Found")
        return identifier, found

    def create(request: ApiRequest) -> Response:
        wanted = _read_object(request, "integration")
        attributes = {name: wanted[name] for name in ("type", "name") if wanted.get(name)}
        if vendor := wanted.get("vendor"):
            attributes["vendor"] = vendor["id"]
        return answer(*model.create(kind, {**attributes, "service": request.path["service"]}), 201)

    def update(request: ApiRequest) -> Response:
        identifier, _ = require(request)
        name = _read_object(request, "integration").get("name")
        return answer(identifier, model.update(kind, identifier, {"name": name}))

    def delete(request: ApiRequest) -> Response:
        model.delete(kind, require(request)[0])
        return Response(status_code=204)

    item = f"{collection}/{{id}}"
    yield "POST", collection, create
    yield "GET", item, lambda request: answer(*require(request))
    yield "PUT", item, update
    yield "DELETE", item, delete


def _incident_routes(model: PagerDutyAccount, incidents: Incidents) -> Iterable[ApiRoute]:
    def list_(request: ApiRequest) -> Response:
        # Of a month without it; the twin has not been there as long.
        since = datetime.fromisoformat(request.query.get("since") or "1970-01-01T00:00:00Z").timestamp()
        rows = [
            incident_to_json(model, number, incident)
            for number, incident in model.list_objects("incident").items()
            if incident["opened"] >= since
        ]
        return _page(request, "incidents", rows)

    def change(request: ApiRequest) -> Response:
        number = request.path["id"]
        changed = incidents.change(number, str(_read_object(request, "incident").get("status")))
        return JSONResponse({"incident": incident_to_json(model, number, changed)})

    yield "GET", "/incidents", list_
    yield "PUT", "/incidents/{id}", change


def _page(request: ApiRequest, name: str, rows: list[dict[str, Any]]) -> Response:
    """Return a page of the classic pagination: `offset`, `limit`, and whether there is `more`."""
    offset, limit = (
        int(request.query.get(one, default)) for one, default in (("offset", 0), ("limit", _PAGE_ITEMS))
    )
    shown = rows[offset : offset + limit]
    more = offset + limit < len(rows)
    return JSONResponse({name: shown, "offset": offset, "limit": limit, "more": more, "total": None})


def _read_object(request: ApiRequest, name: str) -> dict[str, Any]:
    wanted = request.body.get(name)
    if not isinstance(wanted, dict):
        raise VendorError(400, f"The request has no {name}.")
    return wanted


def _require(model: PagerDutyAccount, kind: str, identifier: str) -> tuple[str, dict[str, Any]]:
    found = model.read(kind, identifier)
    if found is None:
        raise VendorError(404, "Not Found")
    return identifier, found


def _read_token(request: Request) -> str:
    """Return the token of `Authorization: Token token=<token>`, "" if there is none."""
    return request.headers.get("authorization", "").removeprefix("Token token=")


def _error_body(error: VendorError) -> Any:
    code = _CODES.get(error.status, 2000)
    return {"error": {"message": error.message, "code": code, "errors": [error.message]}}

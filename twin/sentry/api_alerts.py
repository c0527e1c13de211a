"""
Sentry's HTTP API: detectors, workflows and integrations.

The provider calls detectors "monitors" and workflows "alerts".
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from twin.sentry import api_detectors, api_workflows
from twin.sentry.api_json import integration_to_json
from twin.sentry.model import DETECTORS, INTEGRATIONS, Sentry
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, ApiRoute
from twin.vendor.store import Attributes

_ORGANIZATION = "/organizations/{organization}"


def alert_routes(model: Sentry, find_project: Callable[[ApiRequest], str]) -> Iterator[ApiRoute]:
    """Yield the routes; `find_project` returns the "organization/slug" of the project in a request's path."""
    yield from _detector_routes(model, find_project)
    yield from _workflow_routes(model)
    yield from _integration_routes(model)


def _detector_routes(model: Sentry, find_project: Callable[[ApiRequest], str]) -> Iterator[ApiRoute]:
    def require_detector(request: ApiRequest) -> tuple[str, str, Attributes]:
        identifier = request.path["detector"]
        for kind in DETECTORS:
            detector = model.read(kind, identifier)
            if detector and detector["organization"] == request.path["organization"]:
                return kind, identifier, detector
        raise _not_found()

    def to_json(kind: str, identifier: str, detector: Attributes) -> Attributes:
        project = model.read("project", f"{detector['organization']}/{detector['project']}")
        project_id = project["internalId"] if project else ""
        return api_detectors.detector_to_json(kind, identifier, detector, project_id)

    def list_(request: ApiRequest) -> Response:
        project, query = request.query.get("project"), request.query.get("query", "")
        types = {part.removeprefix("type:") for part in query.split() if part.startswith("type:")}
        detectors = [
            to_json(kind, identifier, detector)
            for kind in DETECTORS
            for identifier, detector in model.list_objects(kind).items()
            if detector["organization"] == request.path["organization"]
        ]
        return JSONResponse(
            [
                detector
                for detector in detectors
                if project in (None, "-1", detector["projectId"]) and (not types or detector["type"] in types)
            ]
        )

    def create(request: ApiRequest) -> Response:
        organization, _, project = find_project(request).partition("/")
        wanted = {
            **api_detectors.detector_from_json(request.body),
            "organization": organization,
            "project": project,
        }
        kind = api_detectors.KINDS_BY_TYPE[request.body["type"]]
        return JSONResponse(to_json(kind, *model.create(kind, wanted)), 201)

    def update(request: ApiRequest) -> Response:
        kind, identifier, _ = require_detector(request)
        changed = model.update(kind, identifier, api_detectors.detector_from_json(request.body))
        return JSONResponse(to_json(kind, identifier, changed))

    def delete(request: ApiRequest) -> Response:
        kind, identifier, _ = require_detector(request)
        model.delete(kind, identifier)
        return Response(status_code=204)

    path = f"{_ORGANIZATION}/detectors/{{detector}}/"
    yield "GET", f"{_ORGANIZATION}/detectors/", list_
    yield "POST", f"{_ORGANIZATION}/projects/{{project}}/detectors/", create
    yield "GET", path, lambda request: JSONResponse(to_json(*require_detector(request)))
    yield "PUT", path, update
    yield "DELETE", path, delete


def _workflow_routes(model: Sentry) -> Iterator[ApiRoute]:
    def require_workflow(request: ApiRequest) -> tuple[str, Attributes]:
        identifier = request.path["workflow"]
        alert = model.read("alert", identifier)
        if alert is None or alert["organization"] != request.path["organization"]:
            raise _not_found()
        return identifier, alert

    def show(identifier: str, alert: Attributes) -> Attributes:
        issues = model.store.list(model.vendor, "issue").values()
        last = max((issue["firedAt"].get(identifier, 0.0) for issue in issues), default=0.0)
        triggered = {"lastTriggered": datetime.fromtimestamp(last, UTC).isoformat() if last else None}
        return api_workflows.alert_to_json(identifier, alert) | triggered

    def list_(request: ApiRequest) -> Response:
        return JSONResponse(
            [
                show(identifier, alert)
                for identifier, alert in model.list_objects("alert").items()
                if alert["organization"] == request.path["organization"]
            ]
        )

    def create(request: ApiRequest) -> Response:
        wanted = {"organization": request.path["organization"], **api_workflows.alert_from_json(request.body)}
        return JSONResponse(show(*model.create("alert", wanted)), 201)

    def update(request: ApiRequest) -> Response:
        identifier, _ = require_workflow(request)
        changed = model.update("alert", identifier, api_workflows.alert_from_json(request.body))
        return JSONResponse(show(identifier, changed))

    def delete(request: ApiRequest) -> Response:
        model.delete("alert", require_workflow(request)[0])
        return Response(status_code=204)

    path = f"{_ORGANIZATION}/workflows/{{workflow}}/"
    yield "GET", f"{_ORGANIZATION}/workflows/", list_
    yield "POST", f"{_ORGANIZATION}/workflows/", create
    yield "GET", path, lambda request: JSONResponse(show(*require_workflow(request)))
    yield "PUT", path, update
    yield "DELETE", path, delete


def _integration_routes(model: Sentry) -> Iterator[ApiRoute]:
    def list_services(request: ApiRequest, identifier: str) -> dict[str, Attributes]:
        owner = {"organization": request.path["organization"], "integrationId": identifier}
        services = model.list_objects("integrationPagerduty").items()
        return {id_: service for id_, service in services if owner.items() <= service.items()}

    def to_json(request: ApiRequest, identifier: str) -> Attributes:
        if identifier not in INTEGRATIONS:
            raise _not_found()
        return integration_to_json(identifier, INTEGRATIONS[identifier], list_services(request, identifier))

    def list_(request: ApiRequest) -> Response:
        key = request.query.get("provider_key")
        selected = [
            id_ for id_, integration in INTEGRATIONS.items() if key in (None, integration["providerKey"])
        ]
        return JSONResponse([to_json(request, id_) for id_ in selected])

    def update(request: ApiRequest) -> Response:
        """Create a service per row without a known id, update the others, delete those without a row."""
        identifier = request.path["integration"]
        to_json(request, identifier)  # raises if there is no such integration
        known, table = list_services(request, identifier), request.body.get("service_table", [])
        owner = {"organization": request.path["organization"], "integrationId": identifier}
        for removed in known.keys() - {str(row.get("id")) for row in table}:
            model.delete("integrationPagerduty", removed)
        for row in table:
            wanted = {"service": row["service"], "integrationKey": row["integration_key"]}
            if str(row.get("id")) in known:
                model.update("integrationPagerduty", str(row["id"]), wanted)
            else:
                model.create("integrationPagerduty", {**owner, **wanted})
        return JSONResponse({})

    path = f"{_ORGANIZATION}/integrations/{{integration}}/"
    yield "GET", f"{_ORGANIZATION}/integrations/", list_
    yield "GET", path, lambda request: JSONResponse(to_json(request, request.path["integration"]))
    yield "POST", path, update


def _not_found() -> VendorError:
    return VendorError(404, "The requested resource does not exist.")

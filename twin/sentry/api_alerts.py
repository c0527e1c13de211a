"""Sentry's detectors, workflows and integrations at its door: what the provider calls monitors and alerts."""

from collections.abc import Callable, Iterator

from starlette.responses import JSONResponse, Response

from twin.sentry import api_detectors, api_workflows
from twin.sentry.api_json import integration_to_json
from twin.sentry.model import DETECTORS, INTEGRATIONS, Sentry
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, Handler
from twin.vendor.store import Attributes

_ORGANIZATION = "/organizations/{organization}"


def answers(model: Sentry, address: Callable[[ApiRequest], str]) -> Iterator[tuple[str, str, Handler]]:
    """Answer by (method, path); `address` finds the "organization/slug" of the project in a path."""
    yield from _detectors(model, address)
    yield from _workflows(model)
    yield from _integrations(model)


def _detectors(model: Sentry, address: Callable[[ApiRequest], str]) -> Iterator[tuple[str, str, Handler]]:
    def one(asked: ApiRequest) -> tuple[str, str, Attributes]:
        identifier = asked.path["detector"]
        for kind in DETECTORS:
            found = model.read(kind, identifier)
            if found and found["organization"] == asked.path["organization"]:
                return kind, identifier, found
        raise _absent()

    def number(part: Attributes) -> str:
        project = model.read("project", f"{part['organization']}/{part['project']}")
        return project["internalId"] if project else ""

    def answer(kind: str, identifier: str, found: Attributes) -> Attributes:
        return api_detectors.detector_to_json(kind, identifier, found, number(found))

    def list_(asked: ApiRequest) -> Response:
        project, query = asked.query.get("project"), asked.query.get("query", "")
        types = {part.removeprefix("type:") for part in query.split() if part.startswith("type:")}
        every = [
            answer(kind, *one)
            for kind in DETECTORS
            for one in model.every(kind).items()
            if one[1]["organization"] == asked.path["organization"]
        ]
        return JSONResponse(
            [
                one
                for one in every
                if project in (None, one["projectId"]) and (not types or one["type"] in types)
            ]
        )

    def create(asked: ApiRequest) -> Response:
        organization, _, project = address(asked).partition("/")
        wanted = {
            **api_detectors.detector_from_json(asked.body),
            "organization": organization,
            "project": project,
        }
        kind = api_detectors.TYPES[asked.body["type"]]
        return JSONResponse(answer(kind, *model.create(kind, wanted)), 201)

    def update(asked: ApiRequest) -> Response:
        kind, identifier, _ = one(asked)
        return JSONResponse(
            answer(
                kind, identifier, model.update(kind, identifier, api_detectors.detector_from_json(asked.body))
            )
        )

    def delete(asked: ApiRequest) -> Response:
        kind, identifier, _ = one(asked)
        model.delete(kind, identifier)
        return Response(status_code=204)

    path = f"{_ORGANIZATION}/detectors/{{detector}}/"
    yield "GET", f"{_ORGANIZATION}/detectors/", list_
    yield "POST", f"{_ORGANIZATION}/projects/{{project}}/detectors/", create
    yield "GET", path, lambda asked: JSONResponse(answer(*one(asked)))
    yield "PUT", path, update
    yield "DELETE", path, delete


def _workflows(model: Sentry) -> Iterator[tuple[str, str, Handler]]:
    def one(asked: ApiRequest) -> tuple[str, Attributes]:
        identifier = asked.path["workflow"]
        found = model.read("alert", identifier)
        if found is None or found["organization"] != asked.path["organization"]:
            raise _absent()
        return identifier, found

    def list_(asked: ApiRequest) -> Response:
        every = model.every("alert").items()
        organization = asked.path["organization"]
        return JSONResponse(
            [api_workflows.alert_to_json(*w) for w in every if w[1]["organization"] == organization]
        )

    def create(asked: ApiRequest) -> Response:
        wanted = {"organization": asked.path["organization"], **api_workflows.alert_from_json(asked.body)}
        return JSONResponse(api_workflows.alert_to_json(*model.create("alert", wanted)), 201)

    def update(asked: ApiRequest) -> Response:
        identifier, _ = one(asked)
        changed = model.update("alert", identifier, api_workflows.alert_from_json(asked.body))
        return JSONResponse(api_workflows.alert_to_json(identifier, changed))

    def delete(asked: ApiRequest) -> Response:
        model.delete("alert", one(asked)[0])
        return Response(status_code=204)

    path = f"{_ORGANIZATION}/workflows/{{workflow}}/"
    yield "GET", f"{_ORGANIZATION}/workflows/", list_
    yield "POST", f"{_ORGANIZATION}/workflows/", create
    yield "GET", path, lambda asked: JSONResponse(api_workflows.alert_to_json(*one(asked)))
    yield "PUT", path, update
    yield "DELETE", path, delete


def _integrations(model: Sentry) -> Iterator[tuple[str, str, Handler]]:
    def services(asked: ApiRequest, identifier: str) -> dict[str, Attributes]:
        owner = {"organization": asked.path["organization"], "integrationId": identifier}
        every = model.every("integrationPagerduty").items()
        return {number: one for number, one in every if owner.items() <= one.items()}

    def answer(asked: ApiRequest, identifier: str) -> Attributes:
        if identifier not in INTEGRATIONS:
            raise _absent()
        return integration_to_json(identifier, INTEGRATIONS[identifier], services(asked, identifier))

    def list_(asked: ApiRequest) -> Response:
        key = asked.query.get("provider_key")
        chosen = [id_ for id_, one in INTEGRATIONS.items() if key in (None, one["providerKey"])]
        return JSONResponse([answer(asked, id_) for id_ in chosen])

    def update(asked: ApiRequest) -> Response:
        """Make the services those of the table: a row without a known id is new, a missing one goes."""
        identifier = asked.path["integration"]
        answer(asked, identifier)
        known, table = services(asked, identifier), asked.body.get("service_table", [])
        owner = {"organization": asked.path["organization"], "integrationId": identifier}
        for gone in known.keys() - {str(row.get("id")) for row in table}:
            model.delete("integrationPagerduty", gone)
        for row in table:
            wanted = {"service": row["service"], "integrationKey": row["integration_key"]}
            if str(row.get("id")) in known:
                model.update("integrationPagerduty", str(row["id"]), wanted)
            else:
                model.create("integrationPagerduty", {**owner, **wanted})
        return JSONResponse({})

    path = f"{_ORGANIZATION}/integrations/{{integration}}/"
    yield "GET", f"{_ORGANIZATION}/integrations/", list_
    yield "GET", path, lambda asked: JSONResponse(answer(asked, asked.path["integration"]))
    yield "POST", path, update


def _absent() -> VendorError:
    return VendorError(404, "The requested resource does not exist.")

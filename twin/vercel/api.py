"""
Vercel's REST API over its model: a project's environment variables and deployments.

Source of paths and statuses: vercel.com/docs/rest-api, and the client of its provider 5.10.0.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, ApiRoute, VendorApi, bearer_token
from twin.vendor.store import Attributes
from twin.vercel.model import VARIABLE, Vercel, VercelError

_PROJECT: Final = "/v10/projects/{project}"
_ENV_VERSIONS: Final = ("v8", "v9", "v10")
"""All serve variables alike: the provider lists and deletes with v8, the documentation changes with v9."""

_CODES: Final = {401: "forbidden", 403: "forbidden", 404: "not_found", 429: "rate_limited"}


def routes(model: Vercel) -> list[Route]:
    """Return the routes of projects, environment variables and deployments."""
    api = VendorApi(model, bearer_token, _error_body, answer_status=_answer_status)
    return [api.route(*route) for route in _list_routes(_ProjectEndpoints(model))]


def _list_routes(handlers: "_ProjectEndpoints") -> Iterator[ApiRoute]:
    for version in _ENV_VERSIONS:
        variables = f"/{version}/projects/{{project}}/env"
        yield "GET", variables, handlers.list_variables
        yield "POST", variables, handlers.create_variable
        yield "GET", f"{variables}/{{id}}", handlers.get_variable
        yield "PATCH", f"{variables}/{{id}}", handlers.update_variable
        yield "DELETE", f"{variables}/{{id}}", handlers.delete_variable
    yield "GET", _PROJECT, handlers.get_project
    yield "GET", "/v6/deployments", handlers.list_deployments
    yield "POST", "/v13/deployments", handlers.create_deployment
    yield "GET", "/v13/deployments/{id}", handlers.get_deployment
    yield "POST", "/v1/projects/{project}/rollback/{id}", handlers.roll_back
    yield "POST", f"{_PROJECT}/promote/{{id}}", handlers.promote


def _error_body(error: VendorError) -> Any:
    code = error.code if isinstance(error, VercelError) else _CODES.get(error.status, "bad_request")
    message = "Not authorized" if error.status == HTTPStatus.UNAUTHORIZED else error.message
    return {"error": {"code": code, "message": message}}


def _answer_status(status: int) -> int:
    """Return the status of an answer: a token that is not valid is forbidden."""
    return HTTPStatus.FORBIDDEN if status == HTTPStatus.UNAUTHORIZED else status


class _ProjectEndpoints:
    """One method per endpoint of the API."""

    def __init__(self, model: Vercel) -> None:
        self._model = model

    def get_project(self, request: ApiRequest) -> Response:
        project = request.path["project"]
        found = self._model.find_project(project)
        return JSONResponse(
            {
                "id": project,
                "name": found["name"],
                "accountId": found["team"] or "user_example",
                "lastAliasRequest": found["lastAliasRequest"],
                "targets": {"production": self._describe(project, found["active"])},
            }
        )

    def list_variables(self, request: ApiRequest) -> Response:
        variables = self._model.list_variables(request.path["project"])
        envs = [_to_json(identifier, self._require(identifier)) for identifier in variables]
        pagination = {"count": len(envs), "next": None, "prev": None}
        return JSONResponse({"envs": envs, "pagination": pagination})

    def create_variable(self, request: ApiRequest) -> Response:
        wanted = {**_from_json(request.body), "projectId": request.path["project"]}
        identifier, _ = self._model.create(VARIABLE, wanted)
        created = _to_json(identifier, self._require(identifier))
        return JSONResponse({"created": created, "failed": []}, HTTPStatus.CREATED)

    def get_variable(self, request: ApiRequest) -> Response:
        identifier = request.path["id"]
        return JSONResponse({**_to_json(identifier, self._require(identifier)), "decrypted": True})

    def update_variable(self, request: ApiRequest) -> Response:
        identifier = request.path["id"]
        self._model.update(VARIABLE, identifier, _from_json(request.body))
        return JSONResponse(_to_json(identifier, self._require(identifier)))

    def delete_variable(self, request: ApiRequest) -> Response:
        self._model.delete(VARIABLE, request.path["id"])
        return JSONResponse({})

    def list_deployments(self, request: ApiRequest) -> Response:
        """Return the deployments of a project, the newest first."""
        project = request.query.get("projectId", "")
        self._model.find_project(project)
        every = self._model.store.list(self._model.vendor, "deployment")
        listed = [
            self._describe(project, identifier)
            for identifier, found in reversed(every.items())
            if found["project"] == project
        ][: int(request.query.get("limit") or 20)]
        pagination = {"count": len(listed), "next": None, "prev": None}
        return JSONResponse({"deployments": listed, "pagination": pagination})

    def create_deployment(self, request: ApiRequest) -> Response:
        """Build the commit of the deployment that the body names again, with the variables of now."""
        source = str(request.body.get("deploymentId") or "")
        found = self._model.store.get(self._model.vendor, "deployment", source)
        if found is None:
            raise VercelError(404, "not_found", "Deployment not found")
        deployed = self._model.deploy(found["project"], of=source)
        return JSONResponse(self._describe(found["project"], deployed))

    def get_deployment(self, request: ApiRequest) -> Response:
        identifier = request.path["id"]
        found = self._model.store.get(self._model.vendor, "deployment", identifier)
        if found is None:
            raise VercelError(404, "not_found", "Deployment not found")
        return JSONResponse(self._describe(found["project"], identifier))

    def roll_back(self, request: ApiRequest) -> Response:
        self._model.point_to(request.path["project"], request.path["id"], "rollback")
        return JSONResponse({}, HTTPStatus.CREATED)

    def promote(self, request: ApiRequest) -> Response:
        self._model.point_to(request.path["project"], request.path["id"], "promote")
        return JSONResponse({}, HTTPStatus.ACCEPTED)

    def _require(self, identifier: str) -> Attributes:
        found = self._model.read(VARIABLE, identifier)
        if found is None:
            raise VercelError(404, "not_found", "Environment variable not found")
        return found

    def _describe(self, project: str, identifier: str) -> Any:
        found = self._model.find_deployment(project, identifier)
        return {
            "uid": identifier,
            "id": identifier,
            "projectId": project,
            "name": self._model.find_project(project)["name"],
            "target": "production",
            "state": "READY",
            "readyState": "READY",
            "created": int(found["createdAt"] * 1000),
            "meta": {"githubCommitSha": found["commit"]},
        }


def _to_json(identifier: str, variable: Attributes) -> Any:
    return {
        "id": identifier,
        "key": variable["key"],
        "value": variable.get("value", ""),
        "target": variable["targets"],
        "customEnvironmentIds": variable["customEnvironmentIds"],
        "gitBranch": variable["gitBranch"],
        "type": "sensitive" if variable["sensitive"] else "encrypted",
        "comment": variable["comment"],
        "decrypted": not variable["sensitive"],
    }


def _from_json(body: Attributes) -> Attributes:
    names = {"target": "targets", **{name: name for name in ("key", "value", "gitBranch", "comment")}}
    attributes = {own: body[name] for name, own in names.items() if body.get(name) is not None}
    if custom := body.get("customEnvironmentIds"):
        attributes["customEnvironmentIds"] = custom
    if "type" in body:
        attributes["sensitive"] = body["type"] == "sensitive"
    return attributes

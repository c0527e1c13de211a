"""
Railway's GraphQL API over its model: what its provider sends, and deployments.

A request is told by its only root field; an answer has all fields of its object, whichever are asked for.
Source: docs.railway.com/integrations/api, and the schema in the provider's repository.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.railway.model import RUNNING, Railway
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, VendorApi, bearer_token
from twin.vendor.store import Attributes

_PATH: Final = "/graphql/v2"
_ROOT_FIELD: Final = re.compile(r"^\s*(?:query|mutation)?[^{]*\{\s*(?:\w+\s*:\s*)?(\w+)", re.DOTALL)
_UNRENDERED: Final = re.compile(r"unrendered\s*:\s*true")
"""The provider writes this argument into its query."""

_Arguments = dict[str, Any]


def routes(model: Railway) -> list[Route]:
    """Return the API's only route."""
    api = VendorApi(model, bearer_token, _error_body, answer_status=_answer_status)
    handlers = _RootFields(model)
    return [api.route("POST", _PATH, handlers.execute)]


def _error_body(error: VendorError) -> Any:
    # The words of a refused token; a project token needs another header, and is refused with this one.
    message = "Not Authorized" if error.status == HTTPStatus.UNAUTHORIZED else error.message
    return {"errors": [{"message": message, "locations": [], "path": [], "extensions": {}}], "data": None}


def _answer_status(status: int) -> int:
    """Return the status of an answer: a GraphQL error comes with 200."""
    is_limit = status == HTTPStatus.TOO_MANY_REQUESTS
    return status if is_limit or status >= HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.OK


class _RootFields:
    """One method per root field."""

    def __init__(self, model: Railway) -> None:
        self._model = model
        self._fields: dict[str, Callable[[_Arguments], Any]] = {
            "service": self._get_service,
            "variables": self._get_variables,
            "variableUpsert": self._upsert_variable,
            "variableCollectionUpsert": self._upsert_collection,
            "variableDelete": self._delete_variable,
            "serviceInstanceRedeploy": self._redeploy_instance,
            "deployment": self._get_deployment,
            "deployments": self._list_deployments,
            "deploymentRollback": self._roll_back,
            "deploymentRedeploy": self._redeploy,
        }

    def execute(self, request: ApiRequest) -> Response:
        found = _ROOT_FIELD.match(str(request.body.get("query", "")))
        field = found[1] if found else ""
        handler = self._fields.get(field)
        if handler is None:
            raise VendorError(400, f'Cannot query field "{field}" on type "Query".')
        given = request.body.get("variables") or {}
        arguments = {**given, **(given.get("input") or {})}
        if _UNRENDERED.search(request.body["query"]):
            arguments["unrendered"] = True
        try:
            return JSONResponse({"data": {field: handler(arguments)}})
        except KeyError as missing:
            raise VendorError(400, f"Variable {missing} of required type was not provided.") from None

    def _get_service(self, arguments: _Arguments) -> Any:
        _, found = self._model.find_service(arguments["id"])
        return {"id": arguments["id"], "name": found["name"], "projectId": found["projectId"]}

    def _get_variables(self, arguments: _Arguments) -> Any:
        found = self._model.find_instance(arguments["serviceId"], arguments["environmentId"])
        if arguments.get("unrendered"):
            return found["variables"]
        active = self._model.find_deployment(found["active"])
        return {**found["variables"], **active["variables"]}

    def _upsert_variable(self, arguments: _Arguments) -> bool:
        return self._set(arguments, {arguments["name"]: arguments["value"]})

    def _upsert_collection(self, arguments: _Arguments) -> bool:
        if arguments.get("replace"):
            service, environment = arguments["serviceId"], arguments["environmentId"]
            for name in self._model.find_instance(service, environment)["variables"]:
                self._model.delete_variable(service, environment, name)
        return self._set(arguments, arguments["variables"])

    def _set(self, arguments: _Arguments, variables: dict[str, str]) -> bool:
        self._model.set_variables(
            arguments["serviceId"],
            arguments["environmentId"],
            variables,
            skips_deploys=bool(arguments.get("skipDeploys")),
        )
        return True

    def _delete_variable(self, arguments: _Arguments) -> bool:
        self._model.delete_variable(arguments["serviceId"], arguments["environmentId"], arguments["name"])
        return True

    def _redeploy_instance(self, arguments: _Arguments) -> bool:
        self._model.redeploy(arguments["serviceId"], arguments["environmentId"])
        return True

    def _get_deployment(self, arguments: _Arguments) -> Any:
        identifier = arguments["id"]
        return self._describe(identifier, self._model.find_deployment(identifier))

    def _list_deployments(self, arguments: _Arguments) -> Any:
        """Return the newest deployments of a service first."""
        instance = f"{arguments['serviceId']}:{arguments['environmentId']}"
        self._model.find_instance(arguments["serviceId"], arguments["environmentId"])
        every = self._model.store.list(self._model.vendor, "deployment")
        wanted = (arguments.get("status") or {}).get("in")
        listed = [
            self._describe(identifier, found)
            for identifier, found in reversed(every.items())
            if found["instance"] == instance and (wanted is None or found["status"] in wanted)
        ][: int(arguments.get("first") or 100)]
        edges = [{"node": node, "cursor": node["id"]} for node in listed]
        return {"edges": edges, "pageInfo": {"hasNextPage": False, "endCursor": None}}

    def _roll_back(self, arguments: _Arguments) -> bool:
        self._model.roll_back(arguments["id"])
        return True

    def _redeploy(self, arguments: _Arguments) -> Any:
        identifier = arguments["id"]
        service, environment = self._model.find_deployment(identifier)["instance"].split(":")
        deployed = self._model.deploy(service, environment, of=identifier)
        return self._describe(deployed, self._model.find_deployment(deployed))

    def _describe(self, identifier: str, found: Attributes) -> Any:
        service, environment = found["instance"].split(":")
        created = datetime.fromtimestamp(found["createdAt"], UTC).isoformat(timespec="milliseconds")
        return {
            "id": identifier,
            "status": found["status"],
            "canRollback": self._model.can_roll_back(found),
            "canRedeploy": True,
            "createdAt": created,
            "updatedAt": created,
            "projectId": found["projectId"],
            "environmentId": environment,
            "serviceId": service,
            "deploymentStopped": found["status"] not in RUNNING,
            "meta": {"commitHash": found["commit"]},
        }

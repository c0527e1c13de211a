"""Neon's HTTP API v2 over its model. Source of paths and statuses: neon.com/docs/reference/api-reference."""

import time
import uuid
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.neon import api_json as shapes
from twin.neon.api_json import JsonObject
from twin.neon.model import Neon
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, VendorApi, bearer
from twin.vendor.store import Attributes

_PREFIX = "/api/v2/projects"
_PROJECT = _PREFIX + "/{project}"
_BRANCH = _PROJECT + "/branches/{branch}"
_ENDPOINT = _PROJECT + "/endpoints/{endpoint}"
_ROLE = _BRANCH + "/roles/{name}"
_DATABASE = _BRANCH + "/databases/{name}"
_OPERATIONS = "neon operations"
_KEPT_OPERATIONS = 500
_PAGE_ITEMS = 10
"""Of projects, unless a client asks for more, up to 400."""
_CREATED = 201


def routes(model: Neon) -> list[Route]:
    """Serve projects, branches, endpoints, roles, databases and operations, below any mount."""
    door, api = VendorApi(model, bearer, _refusal), _Api(model)
    return [
        door.route(method, path, answer)
        for path, answers in {
            _PREFIX: {"GET": api.projects, "POST": api.create_project},
            _PROJECT: {"GET": api.project, "PATCH": api.update_project, "DELETE": api.delete_project},
            f"{_PROJECT}/connection_uri": {"GET": api.connection_uri},
            f"{_PROJECT}/operations": {"GET": api.operations},
            f"{_PROJECT}/operations/{{operation}}": {"GET": api.operation},
            f"{_PROJECT}/branches": {"GET": api.branches, "POST": api.create_branch},
            _BRANCH: {"GET": api.branch, "PATCH": api.update_branch, "DELETE": api.delete_branch},
            f"{_PROJECT}/endpoints": {"GET": api.endpoints, "POST": api.create_endpoint},
            f"{_BRANCH}/endpoints": {"GET": api.endpoints},
            _ENDPOINT: {"GET": api.endpoint, "PATCH": api.update_endpoint, "DELETE": api.delete_endpoint},
            f"{_BRANCH}/roles": {"GET": api.roles, "POST": api.create_role},
            _ROLE: {"GET": api.role, "DELETE": api.delete_role},
            f"{_ROLE}/reveal_password": {"GET": api.reveal_password},
            f"{_ROLE}/reset_password": {"POST": api.reset_password},
            f"{_BRANCH}/databases": {"GET": api.databases, "POST": api.create_database},
            _DATABASE: {"GET": api.database, "PATCH": api.update_database, "DELETE": api.delete_database},
        }.items()
        for method, answer in answers.items()
    ]


def _refusal(refused: VendorError) -> JsonObject:
    # Neon's codes are few and undocumented; most of its refusals carry an empty one.
    return {"request_id": str(uuid.uuid4()), "code": "", "message": refused.message}


class _Api:
    """
    Each method answers one of the API's operations.

    The twin has done what it was asked before it answers, so an operation is always finished. Every address
    is checked from its first part on: a branch of another project is not found.
    """

    def __init__(self, model: Neon) -> None:
        self._model = model

    def projects(self, asked: ApiRequest) -> Response:
        search, organization = asked.query.get("search", ""), asked.query.get("org_id")
        after, limit = asked.query.get("cursor", ""), int(asked.query.get("limit", _PAGE_ITEMS))
        found = [
            (id_, record)
            for id_, record in sorted(self._model.store.list("neon", "project").items())
            if "maker" not in record
            and (search in record["name"] or search == id_)
            and organization in {None, record["orgId"]}
            and id_ > after
        ][:limit]
        told: JsonObject = {"projects": [shapes.project_to_json(id_, record) for id_, record in found]}
        # Also behind the last page, which a client knows by its length.
        return JSONResponse(told | ({"pagination": {"cursor": found[-1][0]}} if found else {}))

    def create_project(self, asked: ApiRequest) -> Response:
        wanted = shapes.project_from_json(_wrapped(asked, "project"))
        identifier, made = self._model.create("project", wanted)
        main = made["defaultBranchId"]
        return self._done(
            {
                "project": self._project(identifier),
                "branch": shapes.branch_to_json(main, self._model.existing("branch", main)),
                "endpoints": self._endpoints(main),
                "roles": [
                    shapes.role_to_json(one, password=True) for one in self._model.on(main, "role").values()
                ],
                "databases": [
                    shapes.database_to_json(one) for one in self._model.on(main, "database").values()
                ],
                "connection_uris": [{"connection_uri": made["connectionUri"]}],
            },
            *("create_timeline", identifier),
            status=_CREATED,
        )

    def project(self, asked: ApiRequest) -> Response:
        return JSONResponse({"project": self._project(asked.path["project"])})

    def update_project(self, asked: ApiRequest) -> Response:
        identifier = asked.path["project"]
        self._model.update("project", identifier, shapes.project_from_json(_wrapped(asked, "project")))
        return self._done({"project": self._project(identifier)}, "apply_config", identifier)

    def delete_project(self, asked: ApiRequest) -> Response:
        told = self._project(asked.path["project"])
        self._model.delete("project", asked.path["project"])
        return JSONResponse({"project": told})

    def connection_uri(self, asked: ApiRequest) -> Response:
        project, query = asked.path["project"], asked.query
        self._model.existing("project", project)
        branch = query.get("branch_id") or self._model.default_branch(project)
        self._branch(project, branch)
        name, owner = query.get("database_name", ""), query.get("role_name", "")
        self._existing("database", f"{project}/{branch}/{name}")
        password = self._model.password(f"{project}/{branch}/{owner}")
        endpoint = query.get("endpoint_id")
        host = next((one["host"] for one in self._endpoints(branch) if endpoint in {None, one["id"]}), None)
        if host is None:
            raise VendorError(404, "The branch has no such endpoint.")
        return JSONResponse({"uri": f"postgresql://{owner}:{password}@{host}/{name}?sslmode=disable"})

    def operations(self, asked: ApiRequest) -> Response:
        self._model.existing("project", asked.path["project"])
        return JSONResponse({"operations": self._recorded(asked.path["project"])})

    def operation(self, asked: ApiRequest) -> Response:
        for operation in self._recorded(asked.path["project"]):
            if operation["id"] == asked.path["operation"]:
                return JSONResponse({"operation": operation})
        raise VendorError(404, "There is no such operation.")

    def branches(self, asked: ApiRequest) -> Response:
        self._model.existing("project", asked.path["project"])
        found = self._model.store.list("neon", "branch").items()
        mine = [
            shapes.branch_to_json(id_, one) for id_, one in found if one["projectId"] == asked.path["project"]
        ]
        return JSONResponse({"branches": mine})

    def create_branch(self, asked: ApiRequest) -> Response:
        project = asked.path["project"]
        wanted = shapes.branch_from_json(asked.body.get("branch") or {})
        if parent := wanted.get("parentId"):
            self._branch(project, parent)
        identifier, _ = self._model.create("branch", {**wanted, "projectId": project})
        for options in asked.body.get("endpoints") or []:
            settings = shapes.endpoint_from_json({**options, "branch_id": identifier})
            self._model.create("endpoint", {**settings, "projectId": project})
        return self._done(
            {
                "branch": self._branch(project, identifier),
                "endpoints": self._endpoints(identifier),
                "roles": [shapes.role_to_json(one) for one in self._model.on(identifier, "role").values()],
                "databases": [
                    shapes.database_to_json(one) for one in self._model.on(identifier, "database").values()
                ],
            },
            *("create_branch", project, identifier),
            status=_CREATED,
        )

    def branch(self, asked: ApiRequest) -> Response:
        return JSONResponse({"branch": self._branch(asked.path["project"], asked.path["branch"])})

    def update_branch(self, asked: ApiRequest) -> Response:
        project, identifier = asked.path["project"], asked.path["branch"]
        self._branch(project, identifier)
        self._model.update("branch", identifier, shapes.branch_from_json(_wrapped(asked, "branch")))
        return self._done({"branch": self._branch(project, identifier)}, "apply_config", project, identifier)

    def delete_branch(self, asked: ApiRequest) -> Response:
        project, identifier = asked.path["project"], asked.path["branch"]
        told = self._branch(project, identifier)
        self._model.delete("branch", identifier)
        return self._done({"branch": told}, "delete_timeline", project, identifier)

    def endpoints(self, asked: ApiRequest) -> Response:
        project = asked.path["project"]
        self._model.existing("project", project)
        if "branch" in asked.path:
            self._branch(project, asked.path["branch"])
        found = self._model.store.list("neon", "endpoint").values()
        branches = {one["branchId"] for one in found if one["projectId"] == project}
        wanted = [asked.path["branch"]] if "branch" in asked.path else sorted(branches)
        return JSONResponse({"endpoints": [told for one in wanted for told in self._endpoints(one)]})

    def create_endpoint(self, asked: ApiRequest) -> Response:
        project, said = asked.path["project"], _wrapped(asked, "endpoint")
        self._branch(project, said.get("branch_id", ""))
        identifier, _ = self._model.create(
            "endpoint", {**shapes.endpoint_from_json(said), "projectId": project}
        )
        told = self._endpoint(project, identifier)
        return self._done({"endpoint": told}, "start_compute", project, said["branch_id"], status=_CREATED)

    def endpoint(self, asked: ApiRequest) -> Response:
        return JSONResponse({"endpoint": self._endpoint(asked.path["project"], asked.path["endpoint"])})

    def update_endpoint(self, asked: ApiRequest) -> Response:
        project, identifier = asked.path["project"], asked.path["endpoint"]
        self._endpoint(project, identifier)
        self._model.update("endpoint", identifier, shapes.endpoint_from_json(_wrapped(asked, "endpoint")))
        return self._done({"endpoint": self._endpoint(project, identifier)}, "apply_config", project)

    def delete_endpoint(self, asked: ApiRequest) -> Response:
        project, identifier = asked.path["project"], asked.path["endpoint"]
        told = self._endpoint(project, identifier)
        self._model.delete("endpoint", identifier)
        return self._done({"endpoint": told}, "suspend_compute", project)

    def roles(self, asked: ApiRequest) -> Response:
        project, branch = asked.path["project"], asked.path["branch"]
        self._branch(project, branch)
        return JSONResponse(
            {"roles": [shapes.role_to_json(one) for one in self._model.on(branch, "role").values()]}
        )

    def create_role(self, asked: ApiRequest) -> Response:
        address, _ = self._model.create("role", self._below_branch(asked, "role", "name"))
        told = shapes.role_to_json(self._model.existing("role", address), password=True)
        return self._done({"role": told}, "apply_config", *self._where(asked), status=_CREATED)

    def role(self, asked: ApiRequest) -> Response:
        return JSONResponse({"role": shapes.role_to_json(self._existing("role", _address(asked)))})

    def delete_role(self, asked: ApiRequest) -> Response:
        told = shapes.role_to_json(self._existing("role", _address(asked)))
        self._model.delete("role", _address(asked))
        return self._done({"role": told}, "apply_config", *self._where(asked))

    def reveal_password(self, asked: ApiRequest) -> Response:
        self._existing("role", _address(asked))
        return JSONResponse({"password": self._model.password(_address(asked))})

    def reset_password(self, asked: ApiRequest) -> Response:
        self._existing("role", _address(asked))
        self._model.reset_password(_address(asked))
        told = shapes.role_to_json(self._model.existing("role", _address(asked)), password=True)
        return self._done({"role": told}, "apply_config", *self._where(asked))

    def databases(self, asked: ApiRequest) -> Response:
        project, branch = asked.path["project"], asked.path["branch"]
        self._branch(project, branch)
        found = self._model.on(branch, "database").values()
        return JSONResponse({"databases": [shapes.database_to_json(one) for one in found]})

    def create_database(self, asked: ApiRequest) -> Response:
        wanted = self._below_branch(asked, "database", "name", "owner_name")
        address, _ = self._model.create("database", wanted)
        told = shapes.database_to_json(self._model.existing("database", address))
        return self._done({"database": told}, "apply_config", *self._where(asked), status=_CREATED)

    def database(self, asked: ApiRequest) -> Response:
        return JSONResponse(
            {"database": shapes.database_to_json(self._existing("database", _address(asked)))}
        )

    def update_database(self, asked: ApiRequest) -> Response:
        address = _address(asked)
        self._existing("database", address)
        said = _wrapped(asked, "database")
        wanted = {"name": said.get("name"), "ownerName": said.get("owner_name")}
        changed = self._model.update(
            "database", address, {name: value for name, value in wanted.items() if value}
        )
        told = shapes.database_to_json(self._model.existing("database", changed["id"]))
        return self._done({"database": told}, "apply_config", *self._where(asked))

    def delete_database(self, asked: ApiRequest) -> Response:
        told = shapes.database_to_json(self._existing("database", _address(asked)))
        self._model.delete("database", _address(asked))
        return self._done({"database": told}, "apply_config", *self._where(asked))

    def _project(self, identifier: str) -> JsonObject:
        return shapes.project_to_json(identifier, self._model.existing("project", identifier))

    def _branch(self, project: str, identifier: str) -> JsonObject:
        """Tell a branch of this project. Raises VendorError (404)."""
        self._model.existing("project", project)
        record = self._model.existing("branch", identifier)
        if record["projectId"] != project:
            raise VendorError(404, f"There is no branch {identifier} in the project {project}.")
        return shapes.branch_to_json(identifier, record)

    def _endpoint(self, project: str, identifier: str) -> JsonObject:
        record = self._model.existing("endpoint", identifier)
        if record["projectId"] != project:
            raise VendorError(404, f"There is no endpoint {identifier} in the project {project}.")
        return shapes.endpoint_to_json(identifier, record, self._model.read("endpoint", identifier) or {})

    def _endpoints(self, branch: str) -> list[JsonObject]:
        """Tell the endpoints of a branch, oldest first."""
        found = self._model.on(branch, "endpoint").items()
        return [
            shapes.endpoint_to_json(id_, record, self._model.read("endpoint", id_) or {})
            for id_, record in found
        ]

    def _existing(self, kind: str, address: str) -> Attributes:
        """Return a role's or database's record if PostgreSQL has it still. Raises VendorError (404)."""
        record = self._model.existing(kind, address)
        if self._model.read(kind, address) is None:
            raise VendorError(404, f"There is no {kind} {address}.")
        return record

    def _below_branch(self, asked: ApiRequest, kind: str, *needed: str) -> Attributes:
        """Read the request for a new role or database on the branch of the path."""
        said = _wrapped(asked, kind)
        if missing := [name for name in needed if not said.get(name)]:
            raise VendorError(400, f"{kind}.{missing[0]} is required.")
        project, branch = self._where(asked)
        self._branch(project, branch)
        owner = {"ownerName": said["owner_name"]} if "owner_name" in needed else {}
        return {"projectId": project, "branchId": branch, "name": said["name"], **owner}

    def _where(self, asked: ApiRequest) -> tuple[str, str]:
        return asked.path["project"], asked.path["branch"]

    def _done(
        self, told: JsonObject, action: str, project: str, branch: str = "", *, status: int = 200
    ) -> Response:
        """Answer with the operation that did it, which is kept for those who ask for it."""
        now = shapes.instant(time.time())
        operation = {
            "id": str(uuid.uuid4()),
            "project_id": project,
            **({"branch_id": branch} if branch else {}),
            "action": action,
            "status": "finished",
            "failures_count": 0,
            "created_at": now,
            "updated_at": now,
            "total_duration_ms": 0,
        }
        self._model.store.record(_OPERATIONS, operation)
        self._model.store.prune(_OPERATIONS, _KEPT_OPERATIONS)
        return JSONResponse(told | {"operations": [operation]}, status)

    def _recorded(self, project: str) -> list[JsonObject]:
        every = [recorded.entry for recorded in self._model.store.recorded(_OPERATIONS)]
        return [operation for operation in every if operation["project_id"] == project]


def _wrapped(asked: ApiRequest, name: str) -> JsonObject:
    """Return what the request's only key holds. Raises VendorError (400)."""
    said: Any = asked.body.get(name)
    if not isinstance(said, dict):
        raise VendorError(400, f"The request has no {name}.")
    return said


def _address(asked: ApiRequest) -> str:
    return f"{asked.path['project']}/{asked.path['branch']}/{asked.path['name']}"

"""Neon's HTTP API v2 over its model. Source of paths and statuses: neon.com/docs/reference/api-reference."""

import time
import uuid
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.neon import api_json
from twin.neon.api_json import JsonObject
from twin.neon.model import Neon
from twin.neon.usage import read_usage
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, Handler, VendorApi, bearer_token
from twin.vendor.store import Attributes

_ORGANIZATIONS = "/api/v2/users/me/organizations"
_PERSONAL_KEYS = "/api/v2/api_keys"
_ORGANIZATION_KEYS = "/api/v2/organizations/{organization}/api_keys"
_PREFIX = "/api/v2/projects"
_PROJECT = _PREFIX + "/{project}"
_BRANCH = _PROJECT + "/branches/{branch}"
_ENDPOINT = _PROJECT + "/endpoints/{endpoint}"
_ROLE = _BRANCH + "/roles/{name}"
_DATABASE = _BRANCH + "/databases/{name}"
_OPERATIONS = "neon operations"
_KEPT_OPERATIONS = 500
_PAGE_ITEMS = 10
"""The page size of the list of projects; a client may ask for up to 400."""
_CREATED = 201


def routes(model: Neon) -> list[Route]:
    """Return the routes of keys, organizations, projects, and of what a project has."""
    api, handlers = VendorApi(model, bearer_token, _error_body), _Handlers(model)
    return [
        api.route(method, path, _keep_to_scope(model, method, handler))
        for path, methods in {
            **{
                keys: {"GET": handlers.list_api_keys, "POST": handlers.create_api_key}
                for keys in (_PERSONAL_KEYS, _ORGANIZATION_KEYS)
            },
            **{
                f"{keys}/{{key}}": {"DELETE": handlers.revoke_api_key}
                for keys in (_PERSONAL_KEYS, _ORGANIZATION_KEYS)
            },
            _ORGANIZATIONS: {"GET": handlers.list_organizations},
            _PREFIX: {"GET": handlers.list_projects, "POST": handlers.create_project},
            _PROJECT: {
                "GET": handlers.get_project,
                "PATCH": handlers.update_project,
                "DELETE": handlers.delete_project,
            },
            f"{_PROJECT}/recover": {"POST": handlers.recover_project},
            f"{_PROJECT}/connection_uri": {"GET": handlers.get_connection_uri},
            f"{_PROJECT}/operations": {"GET": handlers.list_operations},
            f"{_PROJECT}/operations/{{operation}}": {"GET": handlers.get_operation},
            f"{_PROJECT}/branches": {"GET": handlers.list_branches, "POST": handlers.create_branch},
            _BRANCH: {
                "GET": handlers.get_branch,
                "PATCH": handlers.update_branch,
                "DELETE": handlers.delete_branch,
            },
            f"{_BRANCH}/restore": {"POST": handlers.restore_branch},
            f"{_PROJECT}/endpoints": {"GET": handlers.list_endpoints, "POST": handlers.create_endpoint},
            f"{_BRANCH}/endpoints": {"GET": handlers.list_endpoints},
            _ENDPOINT: {
                "GET": handlers.get_endpoint,
                "PATCH": handlers.update_endpoint,
                "DELETE": handlers.delete_endpoint,
            },
            f"{_BRANCH}/roles": {"GET": handlers.list_roles, "POST": handlers.create_role},
            _ROLE: {"GET": handlers.get_role, "DELETE": handlers.delete_role},
            f"{_ROLE}/reveal_password": {"GET": handlers.reveal_password},
            f"{_ROLE}/reset_password": {"POST": handlers.reset_password},
            f"{_BRANCH}/databases": {"GET": handlers.list_databases, "POST": handlers.create_database},
            _DATABASE: {
                "GET": handlers.get_database,
                "PATCH": handlers.update_database,
                "DELETE": handlers.delete_database,
            },
        }.items()
        for method, handler in methods.items()
    ]


def _keep_to_scope(model: Neon, method: str, handler: Handler) -> Handler:
    """Return the handler that refuses what the request's key does not reach."""

    def handle(request: ApiRequest) -> Response:
        project = model.store.get("neon", "project", request.path.get("project", "")) or {}
        organization = str(project.get("orgId") or "")
        model.keys.require_scope(request.credential, method, request.path, organization)
        return handler(request)

    return handle


def _error_body(error: VendorError) -> JsonObject:
    # Neon's codes are undocumented; most of its errors have an empty one.
    return {"request_id": str(uuid.uuid4()), "code": "", "message": error.message}


class _Handlers:
    """
    One method per endpoint of the API.

    The twin finishes the work before it responds, so an operation always has the status "finished". Every
    part of a path is checked: a branch of another project is not found.
    """

    def __init__(self, model: Neon) -> None:
        self._model = model

    def list_api_keys(self, request: ApiRequest) -> Response:
        keys = self._model.keys.list(self._keys_owner(request))
        return JSONResponse([api_json.key_to_json(id_, key) for id_, key in keys.items()])

    def create_api_key(self, request: ApiRequest) -> Response:
        self._model.keys.require_personal(request.credential)
        name, project = request.body.get("key_name"), request.body.get("project_id") or ""
        owner = self._keys_owner(request)
        if not name:
            raise VendorError(400, "key_name is required.")
        if project and self._model.require("project", project).get("orgId") != owner:
            raise VendorError(404, f"The organization has no project {project}.")
        identifier, token = self._model.keys.make(str(name), owner, str(project))
        key = api_json.key_to_json(identifier, self._model.keys.list(owner)[identifier])
        shown = {field: key[field] for field in ("id", "name", "created_at", "project_id") if field in key}
        return JSONResponse(shown | {"key": token, "created_by": api_json.ACCOUNT})

    def revoke_api_key(self, request: ApiRequest) -> Response:
        identifier = request.path["key"]
        key = self._model.keys.revoke(identifier, self._keys_owner(request))
        shown = api_json.key_to_json(identifier, key)
        return JSONResponse(shown | {"created_by": api_json.ACCOUNT, "revoked": True})

    def _keys_owner(self, request: ApiRequest) -> str:
        """Return the organization of the path, "" for personal keys. Raises VendorError (403, 404)."""
        if "organization" not in request.path:
            self._model.keys.require_personal(request.credential)
            return ""
        name = str(request.path["organization"])
        if name not in self._list_organization_names():
            raise VendorError(404, f"There is no organization {name}.")
        return name

    def list_organizations(self, _request: ApiRequest) -> Response:
        """Return the organizations that have a project: the twin knows no others."""
        names, plan = self._list_organization_names(), self._model.plan.name
        return JSONResponse({"organizations": [{"id": name, "name": name, "plan": plan} for name in names]})

    def _list_organization_names(self) -> list[str]:
        projects = self._model.store.list("neon", "project").values()
        return sorted({project["orgId"] for project in projects if project.get("orgId")})

    def list_projects(self, request: ApiRequest) -> Response:
        search, organization = request.query.get("search", ""), request.query.get("org_id")
        after, limit = request.query.get("cursor", ""), int(request.query.get("limit", _PAGE_ITEMS))
        is_deleted = request.query.get("recoverable") == "true"
        projects = self._model.list_recoverable() if is_deleted else self._model.store.list("neon", "project")
        page = [
            (id_, record)
            for id_, record in sorted(projects.items())
            if "maker" not in record
            and (search in record["name"] or search == id_)
            and organization in {None, record["orgId"]}
            and id_ > after
        ][:limit]
        body: JsonObject = {"projects": [self._show_project(id_, record) for id_, record in page]}
        # The last page has a cursor, too; a client recognizes it by its length.
        return JSONResponse(body | ({"pagination": {"cursor": page[-1][0]}} if page else {}))

    def create_project(self, request: ApiRequest) -> Response:
        wanted = api_json.project_from_json(_unwrap(request, "project"))
        identifier, project = self._model.create("project", wanted)
        main = project["defaultBranchId"]
        return self._respond(
            {
                "project": self._project_json(identifier),
                "branch": self._show_branch(main, self._model.require("branch", main)),
                "endpoints": self._endpoints_json(main),
                "roles": self._roles_json(main, password=True),
                "databases": self._databases_json(main),
                "connection_uris": [{"connection_uri": project["connectionUri"]}],
            },
            *("create_timeline", identifier),
            status=_CREATED,
        )

    def get_project(self, request: ApiRequest) -> Response:
        return JSONResponse({"project": self._project_json(request.path["project"])})

    def update_project(self, request: ApiRequest) -> Response:
        identifier = request.path["project"]
        self._model.update("project", identifier, api_json.project_from_json(_unwrap(request, "project")))
        return self._respond({"project": self._project_json(identifier)}, "apply_config", identifier)

    def delete_project(self, request: ApiRequest) -> Response:
        project = self._project_json(request.path["project"])
        self._model.delete("project", request.path["project"])
        return JSONResponse({"project": project})

    def recover_project(self, request: ApiRequest) -> Response:
        project = request.path["project"]
        self._model.recover_project(project)
        branches = [
            self._show_branch(id_, branch)
            for id_, branch in self._model.store.list("neon", "branch").items()
            if branch["projectId"] == project
        ]
        return JSONResponse({"project": self._project_json(project), "branches": branches})

    def get_connection_uri(self, request: ApiRequest) -> Response:
        project, query = request.path["project"], request.query
        self._model.require("project", project)
        branch = query.get("branch_id") or self._model.find_default_branch(project)
        self._branch_json(project, branch)
        name, owner = query.get("database_name", ""), query.get("role_name", "")
        self._require_in_cluster("database", f"{project}/{branch}/{name}")
        password = self._model.reveal_password(f"{project}/{branch}/{owner}")
        endpoint_id = query.get("endpoint_id")
        endpoints = self._endpoints_json(branch)
        host = next(
            (endpoint["host"] for endpoint in endpoints if endpoint_id in {None, endpoint["id"]}), None
        )
        if host is None:
            raise VendorError(404, "The branch has no such endpoint.")
        return JSONResponse({"uri": f"postgresql://{owner}:{password}@{host}/{name}?sslmode=disable"})

    def list_operations(self, request: ApiRequest) -> Response:
        self._model.require("project", request.path["project"])
        return JSONResponse({"operations": self._list_operations(request.path["project"])})

    def get_operation(self, request: ApiRequest) -> Response:
        for operation in self._list_operations(request.path["project"]):
            if operation["id"] == request.path["operation"]:
                return JSONResponse({"operation": operation})
        raise VendorError(404, "There is no such operation.")

    def list_branches(self, request: ApiRequest) -> Response:
        self._model.require("project", request.path["project"])
        branches = [
            self._show_branch(id_, branch)
            for id_, branch in self._model.store.list("neon", "branch").items()
            if branch["projectId"] == request.path["project"]
        ]
        return JSONResponse({"branches": branches})

    def create_branch(self, request: ApiRequest) -> Response:
        project = request.path["project"]
        wanted = api_json.branch_from_json(request.body.get("branch") or {})
        if parent := wanted.get("parentId"):
            self._branch_json(project, parent)
        identifier, _ = self._model.create("branch", {**wanted, "projectId": project})
        for options in request.body.get("endpoints") or []:
            settings = api_json.endpoint_from_json({**options, "branch_id": identifier})
            self._model.create("endpoint", {**settings, "projectId": project})
        return self._respond(
            {
                "branch": self._branch_json(project, identifier),
                "endpoints": self._endpoints_json(identifier),
                "roles": self._roles_json(identifier),
                "databases": self._databases_json(identifier),
            },
            *("create_branch", project, identifier),
            status=_CREATED,
        )

    def get_branch(self, request: ApiRequest) -> Response:
        return JSONResponse({"branch": self._branch_json(request.path["project"], request.path["branch"])})

    def update_branch(self, request: ApiRequest) -> Response:
        project, identifier = request.path["project"], request.path["branch"]
        self._branch_json(project, identifier)
        self._model.update("branch", identifier, api_json.branch_from_json(_unwrap(request, "branch")))
        return self._respond(
            {"branch": self._branch_json(project, identifier)}, "apply_config", project, identifier
        )

    def delete_branch(self, request: ApiRequest) -> Response:
        project, identifier = request.path["project"], request.path["branch"]
        branch = self._branch_json(project, identifier)
        self._model.delete("branch", identifier)
        return self._respond({"branch": branch}, "delete_timeline", project, identifier)

    def restore_branch(self, request: ApiRequest) -> Response:
        project, identifier, body = request.path["project"], request.path["branch"], request.body
        self._branch_json(project, identifier)
        if not body.get("source_branch_id"):
            raise VendorError(400, "source_branch_id is required.")
        self._branch_json(project, body["source_branch_id"])
        if body.get("source_lsn"):
            raise VendorError(400, "The twin restores to a time, not to a position in the log.")
        at = body.get("source_timestamp")
        self._model.restore(
            identifier,
            body["source_branch_id"],
            at=api_json.read_instant(at) if at else None,
            preserve_as=str(body.get("preserve_under_name") or ""),
        )
        return self._respond(
            {"branch": self._branch_json(project, identifier)}, "create_timeline", project, identifier
        )

    def list_endpoints(self, request: ApiRequest) -> Response:
        project = request.path["project"]
        self._model.require("project", project)
        if "branch" in request.path:
            self._branch_json(project, request.path["branch"])
            branches = [request.path["branch"]]
        else:
            records = self._model.store.list("neon", "endpoint").values()
            branches = sorted({record["branchId"] for record in records if record["projectId"] == project})
        endpoints = [endpoint for branch in branches for endpoint in self._endpoints_json(branch)]
        return JSONResponse({"endpoints": endpoints})

    def create_endpoint(self, request: ApiRequest) -> Response:
        project, body = request.path["project"], _unwrap(request, "endpoint")
        self._branch_json(project, body.get("branch_id", ""))
        wanted = {**api_json.endpoint_from_json(body), "projectId": project}
        identifier, _ = self._model.create("endpoint", wanted)
        endpoint = self._endpoint_json(project, identifier)
        return self._respond(
            {"endpoint": endpoint}, "start_compute", project, body["branch_id"], status=_CREATED
        )

    def get_endpoint(self, request: ApiRequest) -> Response:
        return JSONResponse(
            {"endpoint": self._endpoint_json(request.path["project"], request.path["endpoint"])}
        )

    def update_endpoint(self, request: ApiRequest) -> Response:
        project, identifier = request.path["project"], request.path["endpoint"]
        self._endpoint_json(project, identifier)
        self._model.update("endpoint", identifier, api_json.endpoint_from_json(_unwrap(request, "endpoint")))
        return self._respond({"endpoint": self._endpoint_json(project, identifier)}, "apply_config", project)

    def delete_endpoint(self, request: ApiRequest) -> Response:
        project, identifier = request.path["project"], request.path["endpoint"]
        endpoint = self._endpoint_json(project, identifier)
        self._model.delete("endpoint", identifier)
        return self._respond({"endpoint": endpoint}, "suspend_compute", project)

    def list_roles(self, request: ApiRequest) -> Response:
        project, branch = request.path["project"], request.path["branch"]
        self._branch_json(project, branch)
        return JSONResponse({"roles": self._roles_json(branch)})

    def create_role(self, request: ApiRequest) -> Response:
        address, _ = self._model.create("role", self._read_named_object(request, "role", "name"))
        role = api_json.role_to_json(self._model.require("role", address), password=True)
        return self._respond({"role": role}, "apply_config", *self._branch_address(request), status=_CREATED)

    def get_role(self, request: ApiRequest) -> Response:
        return JSONResponse(
            {"role": api_json.role_to_json(self._require_in_cluster("role", _address(request)))}
        )

    def delete_role(self, request: ApiRequest) -> Response:
        role = api_json.role_to_json(self._require_in_cluster("role", _address(request)))
        self._model.delete("role", _address(request))
        return self._respond({"role": role}, "apply_config", *self._branch_address(request))

    def reveal_password(self, request: ApiRequest) -> Response:
        self._require_in_cluster("role", _address(request))
        return JSONResponse({"password": self._model.reveal_password(_address(request))})

    def reset_password(self, request: ApiRequest) -> Response:
        self._require_in_cluster("role", _address(request))
        self._model.reset_password(_address(request))
        role = api_json.role_to_json(self._model.require("role", _address(request)), password=True)
        return self._respond({"role": role}, "apply_config", *self._branch_address(request))

    def list_databases(self, request: ApiRequest) -> Response:
        project, branch = request.path["project"], request.path["branch"]
        self._branch_json(project, branch)
        return JSONResponse({"databases": self._databases_json(branch)})

    def create_database(self, request: ApiRequest) -> Response:
        wanted = self._read_named_object(request, "database", "name", "owner_name")
        address, _ = self._model.create("database", wanted)
        database = api_json.database_to_json(self._model.require("database", address))
        return self._respond(
            {"database": database}, "apply_config", *self._branch_address(request), status=_CREATED
        )

    def get_database(self, request: ApiRequest) -> Response:
        return JSONResponse(
            {"database": api_json.database_to_json(self._require_in_cluster("database", _address(request)))}
        )

    def update_database(self, request: ApiRequest) -> Response:
        address = _address(request)
        self._require_in_cluster("database", address)
        body = _unwrap(request, "database")
        wanted = {"name": body.get("name"), "ownerName": body.get("owner_name")}
        changed = self._model.update(
            "database", address, {name: value for name, value in wanted.items() if value}
        )
        database = api_json.database_to_json(self._model.require("database", changed["id"]))
        return self._respond({"database": database}, "apply_config", *self._branch_address(request))

    def delete_database(self, request: ApiRequest) -> Response:
        database = api_json.database_to_json(self._require_in_cluster("database", _address(request)))
        self._model.delete("database", _address(request))
        return self._respond({"database": database}, "apply_config", *self._branch_address(request))

    def _project_json(self, identifier: str) -> JsonObject:
        return self._show_project(identifier, self._model.require("project", identifier))

    def _show_project(self, identifier: str, record: Attributes) -> JsonObject:
        return api_json.project_to_json(identifier, record, read_usage(self._model.store, identifier))

    def _branch_json(self, project: str, identifier: str) -> JsonObject:
        """Return a branch of the project as JSON. Raises VendorError (404)."""
        self._model.require("project", project)
        record = self._model.require("branch", identifier)
        if record["projectId"] != project:
            raise VendorError(404, f"There is no branch {identifier} in the project {project}.")
        return self._show_branch(identifier, record)

    def _show_branch(self, identifier: str, record: Attributes) -> JsonObject:
        return api_json.branch_to_json(identifier, record, read_usage(self._model.store, identifier))

    def _endpoint_json(self, project: str, identifier: str) -> JsonObject:
        record = self._model.require("endpoint", identifier)
        if record["projectId"] != project:
            raise VendorError(404, f"There is no endpoint {identifier} in the project {project}.")
        return api_json.endpoint_to_json(identifier, record, self._model.read("endpoint", identifier) or {})

    def _endpoints_json(self, branch: str) -> list[JsonObject]:
        """Return the endpoints of a branch as JSON, oldest first."""
        return [
            api_json.endpoint_to_json(id_, record, self._model.read("endpoint", id_) or {})
            for id_, record in self._model.list_on_branch(branch, "endpoint").items()
        ]

    def _roles_json(self, branch: str, *, password: bool = False) -> list[JsonObject]:
        roles = self._model.list_on_branch(branch, "role").values()
        return [api_json.role_to_json(role, password=password) for role in roles]

    def _databases_json(self, branch: str) -> list[JsonObject]:
        databases = self._model.list_on_branch(branch, "database").values()
        return [api_json.database_to_json(database) for database in databases]

    def _require_in_cluster(self, kind: str, address: str) -> Attributes:
        """Return the record of a role or database that exists in PostgreSQL. Raises VendorError (404)."""
        record = self._model.require(kind, address)
        if self._model.read(kind, address) is None:
            raise VendorError(404, f"There is no {kind} {address}.")
        return record

    def _read_named_object(self, request: ApiRequest, kind: str, *required: str) -> Attributes:
        """Return the attributes of a new role or database on the branch of the path. Raises VendorError."""
        body = _unwrap(request, kind)
        if missing := [name for name in required if not body.get(name)]:
            raise VendorError(400, f"{kind}.{missing[0]} is required.")
        project, branch = self._branch_address(request)
        self._branch_json(project, branch)
        owner = {"ownerName": body["owner_name"]} if "owner_name" in required else {}
        return {"projectId": project, "branchId": branch, "name": body["name"], **owner}

    def _branch_address(self, request: ApiRequest) -> tuple[str, str]:
        return request.path["project"], request.path["branch"]

    def _respond(
        self, body: JsonObject, action: str, project: str, branch: str = "", *, status: int = 200
    ) -> Response:
        """Record a finished operation, and return the response with it."""
        now = api_json.format_instant(time.time())
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
        self._model.store.append_log(_OPERATIONS, operation)
        self._model.store.prune_log(_OPERATIONS, _KEPT_OPERATIONS)
        return JSONResponse(body | {"operations": [operation]}, status)

    def _list_operations(self, project: str) -> list[JsonObject]:
        operations = [entry.content for entry in self._model.store.read_log(_OPERATIONS)]
        return [operation for operation in operations if operation["project_id"] == project]


def _unwrap(request: ApiRequest, name: str) -> JsonObject:
    """Return the object under the only key of the request's body. Raises VendorError (400)."""
    value: Any = request.body.get(name)
    if not isinstance(value, dict):
        raise VendorError(400, f"The request has no {name}.")
    return value


def _address(request: ApiRequest) -> str:
    return f"{request.path['project']}/{request.path['branch']}/{request.path['name']}"

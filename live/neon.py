"""What exists in an organization at Neon: projects, branches, databases (neon.com/docs/reference/api)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import httpx
from pydantic import BaseModel, Field

from live.vendor_api import Api, VendorList

_PAGE_ITEMS: Final = "400"


class NeonUsage(BaseModel, defer_build=True):
    """
    What a project used or may use in a consumption period, by Neon's names; 0 as a limit is none.

    Neon measures every 15 minutes, and shows it within an hour.
    """

    active_time_seconds: int = 0
    compute_time_seconds: int = 0
    """Seconds of one compute unit."""

    written_data_bytes: int = 0
    data_transfer_bytes: int = 0


class NeonQuota(NeonUsage):
    """The limits of a project: at one of them Neon suspends its computes."""

    logical_size_bytes: int = 0
    """Of each branch by itself."""


class _ProjectSettings(BaseModel, defer_build=True):
    quota: NeonQuota = Field(default_factory=NeonQuota)


class NeonProject(NeonUsage):
    """A project; `org_id` is missing where it belongs to a person."""

    id: str
    name: str
    org_id: str | None = None
    region_id: str
    pg_version: int
    created_at: datetime | None = None
    history_retention_seconds: int = 0
    consumption_period_end: datetime | None = None
    settings: _ProjectSettings = Field(default_factory=_ProjectSettings)


class _Pagination(BaseModel, defer_build=True):
    """Where a list goes on: projects name it `cursor`, branches `next`."""

    cursor: str | None = None
    next: str | None = None


class NeonMembership(BaseModel, defer_build=True):
    """An organization with its plan, such as launch."""

    id: str
    name: str
    plan: str = ""


class _Organizations(BaseModel, defer_build=True):
    organizations: list[NeonMembership]


class _Projects(BaseModel, defer_build=True):
    projects: list[NeonProject]
    pagination: _Pagination | None = None


class _OneProject(BaseModel, defer_build=True):
    project: NeonProject


class NeonBranch(BaseModel, defer_build=True):
    """A branch of a project; a root branch has no parent."""

    id: str
    name: str = ""
    default: bool
    parent_id: str | None = None
    logical_size: int = 0
    """Bytes; missing where Neon has not measured it yet."""


class _Branches(BaseModel, defer_build=True):
    branches: list[NeonBranch]
    pagination: _Pagination | None = None


class NeonEndpoint(BaseModel, defer_build=True):
    """A compute of a branch, with its direct host."""

    id: str
    branch_id: str
    host: str
    type: str = "read_write"


class _Endpoints(BaseModel, defer_build=True):
    endpoints: list[NeonEndpoint]


class NeonOperation(BaseModel, defer_build=True):
    """A piece of work at Neon; `status` is scheduling, running, finished, or how it failed."""

    id: str
    status: str
    action: str = ""


class _Operations(BaseModel, defer_build=True):
    operations: list[NeonOperation] = []


class _OneOperation(BaseModel, defer_build=True):
    operation: NeonOperation


class _NeonRole(BaseModel, defer_build=True):
    name: str


class _Roles(BaseModel, defer_build=True):
    roles: list[_NeonRole]


class NeonDatabase(BaseModel, defer_build=True):
    """A database of a branch."""

    name: str
    owner_name: str


class _Databases(BaseModel, defer_build=True):
    databases: list[NeonDatabase]


class NeonApiKey(BaseModel, defer_build=True):
    """A key of Neon's API, without its token, which is shown once. One of a project reaches that alone."""

    id: int
    name: str
    project_id: str | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None
    last_used_from_addr: str | None = None


class _ApiKeys(VendorList[NeonApiKey]):
    pass


def api_keys_path(organization: str) -> str:
    """Return the path of an organization's keys; without one, that of the personal keys."""
    return f"/organizations/{organization}/api_keys" if organization else "/api_keys"


def list_api_keys(api: Api, organization: str) -> list[NeonApiKey]:
    """Return the keys of an organization; without one, those of the person whose key the caller has."""
    answer = api.get(_ApiKeys, api_keys_path(organization))
    return answer.root if answer else []


def list_organizations(api: Api) -> list[NeonMembership]:
    """Return the organizations of whoever has the key, or the one that the key itself is of."""
    answer = api.get(_Organizations, "/users/me/organizations")
    return answer.organizations if answer else []


def find_project(api: Api, project: str) -> NeonProject | None:
    answer = api.get(_OneProject, f"/projects/{project}")
    return answer.project if answer else None


def list_projects(
    api: Api, organization: str, *, search: str = "", deleted: bool = False
) -> Iterator[NeonProject]:
    """
    Yield the projects of an organization; with `search`, those whose name or id contains it.

    With `deleted` they are those that were deleted in the last seven days, and can be recovered.
    """
    query = {"org_id": organization, "limit": _PAGE_ITEMS} | ({"search": search} if search else {})
    query |= {"recoverable": "true"} if deleted else {}
    for page in api.list_pages(_Projects, "/projects", _next_page_of_projects, **query):
        yield from page.projects


def list_branches(api: Api, project: str) -> list[NeonBranch]:
    """
    Return the branches of a project.

    Raises:
        Failure: there is no such project, besides the failures of any request.
    """
    pages = api.list_pages(_Branches, f"/projects/{project}/branches", _next_page_of_branches)
    return [branch for page in pages for branch in page.branches]


def list_endpoints(api: Api, project: str) -> list[NeonEndpoint]:
    answer = api.get(_Endpoints, f"/projects/{project}/endpoints")
    return answer.endpoints if answer else []


def list_operations(api: Api, project: str) -> list[NeonOperation]:
    """Return the latest operations of a project, the newest first."""
    answer = api.get(_Operations, f"/projects/{project}/operations")
    return answer.operations if answer else []


def find_operation(api: Api, project: str, operation: str) -> NeonOperation | None:
    answer = api.get(_OneOperation, f"/projects/{project}/operations/{operation}")
    return answer.operation if answer else None


def list_roles(api: Api, project: str, branch: str) -> list[str]:
    """Return the names of a branch's roles."""
    answer = api.get(_Roles, f"/projects/{project}/branches/{branch}/roles")
    return [role.name for role in answer.roles] if answer else []


def list_databases(api: Api, project: str, branch: str) -> list[NeonDatabase]:
    answer = api.get(_Databases, f"/projects/{project}/branches/{branch}/databases")
    return answer.databases if answer else []


def _next_page_of_projects(_answer: httpx.Response, page: _Projects) -> dict[str, str] | None:
    # Neon returns a cursor after the last page too.
    cursor = page.pagination.cursor if page.pagination else None
    return {"cursor": cursor} if cursor and len(page.projects) == int(_PAGE_ITEMS) else None


def _next_page_of_branches(answer: httpx.Response, page: _Branches) -> dict[str, str] | None:
    cursor = page.pagination.next if page.pagination else None
    is_new = cursor != answer.request.url.params.get("cursor")
    return {"cursor": cursor} if cursor and is_new and page.branches else None

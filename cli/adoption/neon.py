"""Looks for a stack's project at Neon, with what is in it."""

from collections.abc import Collection, Iterator
from typing import Any, Final

import httpx
from pydantic import BaseModel

from cli.adoption.api import Api
from cli.adoption.finding import AdoptableResource, Candidate, Sought
from components.settings import DatabaseSettings, Settings

BASE_URL: Final = "https://console.neon.tech/api/v2"
_PAGE_ITEMS: Final = "400"


class _Project(BaseModel):
    id: str
    name: str
    org_id: str | None = None
    region_id: str
    pg_version: int


class _Pagination(BaseModel):
    cursor: str | None = None


class _Projects(BaseModel):
    projects: list[_Project]
    pagination: _Pagination | None = None


class _OneProject(BaseModel):
    project: _Project


class _Branch(BaseModel):
    id: str
    default: bool


class _Branches(BaseModel):
    branches: list[_Branch]


class _Role(BaseModel):
    name: str


class _Roles(BaseModel):
    roles: list[_Role]


class _Database(BaseModel):
    name: str
    owner_name: str


class _Databases(BaseModel):
    databases: list[_Database]


def things(api: Api, settings: Settings) -> list[AdoptableResource]:
    """Seek the project; its roles and its database come with it."""
    database = settings.database
    adopt = database.adopt
    present = adopt and _value(adopt.project, adopt.branch, adopt.roles)
    sought = Sought(f"Neon project {database.project}", ("database", "adopt"), "database-project", present)
    return [(sought, lambda: _candidates(api, database))]


def _candidates(api: Api, database: DatabaseSettings) -> list[Candidate]:
    """Return the projects of that name in the organization, or the one that the setting names."""
    if database.adopt:
        found = api.get(_OneProject, f"/projects/{database.adopt.project}")
        projects = [found.project] if found else []
    else:
        query = {"org_id": database.organization, "search": database.project, "limit": _PAGE_ITEMS}
        pages = api.pages(_Projects, "/projects", _following, **query)
        projects = [one for page in pages for one in page.projects if one.name == database.project]
    return [_candidate(api, database, project) for project in projects]


def _following(_answer: httpx.Response, page: _Projects) -> dict[str, str] | None:
    # Neon names a cursor behind the last page too.
    cursor = page.pagination.cursor if page.pagination else None
    return {"cursor": cursor} if cursor and len(page.projects) == int(_PAGE_ITEMS) else None


def _candidate(api: Api, database: DatabaseSettings, project: _Project) -> Candidate:
    where = f"/projects/{project.id}/branches"
    branches = api.get(_Branches, where)
    branch = next((one.id for one in (branches.branches if branches else ()) if one.default), None)
    if branch is None:
        return Candidate(project.id, None, obstacle="it has no default branch; give it one.")
    roles = api.get(_Roles, f"{where}/{branch}/roles")
    databases = api.get(_Databases, f"{where}/{branch}/databases")
    obstacles = [
        *_replacing(database, project),
        *_missing(database, databases.databases if databases else []),
    ]
    names = {role.name for role in (roles.roles if roles else ())}
    wanted = {
        "owner": database.owner_role,
        "application": database.application_role,
        "backup": database.backup_role,
    }
    there = [purpose for purpose, name in wanted.items() if name in names]
    return Candidate(project.id, _value(project.id, branch, there), obstacle=" ".join(obstacles))


def _value(project: str, branch: str, roles: Collection[str]) -> dict[str, Any]:
    """Return the setting, its roles in one order, so that it can be compared."""
    ordered = [purpose for purpose in ("owner", "application", "backup") if purpose in roles]
    return {"project": project, "branch": branch, "roles": ordered}


def _replacing(database: DatabaseSettings, project: _Project) -> Iterator[str]:
    """Say what differs that the provider can change only by a new project, with nothing in it."""
    for setting, there, wanted in (
        ("organization", project.org_id or database.organization, database.organization),
        ("region", project.region_id, database.region),
        ("postgres_version", project.pg_version, database.postgres_version),
    ):
        if there != wanted:
            yield f"{setting} is {wanted} in the settings and {there} there: write `{setting}: {there}`."


def _missing(database: DatabaseSettings, there: list[_Database]) -> Iterator[str]:
    found = next((one for one in there if one.name == database.database), None)
    if found is None:
        names = ", ".join(one.name for one in there) or "none"
        yield f"it has no database {database.database} (there: {names}): write the right one as `database`."
    elif found.owner_name != database.owner_role:
        # The provider replaces a database whose owner is to be another one.
        yield (
            f"its database belongs to {found.owner_name}, not {database.owner_role}: "
            f"write `owner_role: {found.owner_name}`."
        )

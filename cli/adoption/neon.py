"""Searches Neon for a stack's project, with its roles and its database."""

from collections.abc import Collection, Iterator
from typing import Any, Final

import httpx
from pydantic import BaseModel

from cli.adoption.api import Api
from cli.adoption.finding import AdoptableResource, Candidate, SoughtResource
from components.settings import DatabaseSettings, Settings

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


def adoptable_resources(api: Api, settings: Settings) -> list[AdoptableResource]:
    """Return the project; its roles and its database are taken over with it."""
    database = settings.database
    adopt = database.adopt
    present = adopt and _value(adopt.project, adopt.branch, adopt.roles)
    sought = SoughtResource(
        f"Neon project {database.project}", ("database", "adopt"), "database-project", present
    )
    return [(sought, lambda: _candidates(api, database))]


def _candidates(api: Api, database: DatabaseSettings) -> list[Candidate]:
    """Return the projects of that name in the organization, or the one that the setting names."""
    if database.adopt:
        answer = api.get(_OneProject, f"/projects/{database.adopt.project}")
        projects = [answer.project] if answer else []
    else:
        query = {"org_id": database.organization, "search": database.project, "limit": _PAGE_ITEMS}
        pages = api.list_pages(_Projects, "/projects", _next_page, **query)
        projects = [
            project for page in pages for project in page.projects if project.name == database.project
        ]
    return [_candidate(api, database, project) for project in projects]


def _next_page(_answer: httpx.Response, page: _Projects) -> dict[str, str] | None:
    # Neon returns a cursor after the last page too.
    cursor = page.pagination.cursor if page.pagination else None
    return {"cursor": cursor} if cursor and len(page.projects) == int(_PAGE_ITEMS) else None


def _candidate(api: Api, database: DatabaseSettings, project: _Project) -> Candidate:
    where = f"/projects/{project.id}/branches"
    branches = api.get(_Branches, where)
    listed = branches.branches if branches else ()
    branch = next((branch.id for branch in listed if branch.default), None)
    if branch is None:
        return Candidate(project.id, None, obstacle="it has no default branch; give it one.")
    roles = api.get(_Roles, f"{where}/{branch}/roles")
    databases = api.get(_Databases, f"{where}/{branch}/databases")
    obstacles = [
        *_replacements(database, project),
        *_database_obstacles(database, databases.databases if databases else []),
    ]
    names = {role.name for role in (roles.roles if roles else ())}
    wanted = {
        "owner": database.owner_role,
        "application": database.application_role,
        "backup": database.backup_role,
    }
    existing = [purpose for purpose, name in wanted.items() if name in names]
    return Candidate(project.id, _value(project.id, branch, existing), obstacle=" ".join(obstacles))


def _value(project: str, branch: str, roles: Collection[str]) -> dict[str, Any]:
    """Return the value of the setting, with its roles in a fixed order, so that values can be compared."""
    ordered = [purpose for purpose in ("owner", "application", "backup") if purpose in roles]
    return {"project": project, "branch": branch, "roles": ordered}


def _replacements(database: DatabaseSettings, project: _Project) -> Iterator[str]:
    """Yield a sentence per difference that the provider can change only by a new, empty project."""
    for setting, actual, wanted in (
        ("organization", project.org_id or database.organization, database.organization),
        ("region", project.region_id, database.region),
        ("postgres_version", project.pg_version, database.postgres_version),
    ):
        if actual != wanted:
            yield f"{setting} is {wanted} in the settings and {actual} there: write `{setting}: {actual}`."


def _database_obstacles(database: DatabaseSettings, existing: list[_Database]) -> Iterator[str]:
    match = next((other for other in existing if other.name == database.database), None)
    if match is None:
        names = ", ".join(other.name for other in existing) or "none"
        yield f"it has no database {database.database} (there: {names}): write the right one as `database`."
    elif match.owner_name != database.owner_role:
        # The provider replaces a database to change its owner.
        yield (
            f"its database belongs to {match.owner_name}, not {database.owner_role}: "
            f"write `owner_role: {match.owner_name}`."
        )

"""Searches Neon for a stack's project, with its roles and its database."""

from collections.abc import Collection, Iterator
from typing import Any

from cli.adoption.finding import AdoptableResource, Candidate, SoughtResource
from components.settings import DatabaseSettings, Settings
from live.neon import (
    NeonDatabase,
    NeonProject,
    find_project,
    list_branches,
    list_databases,
    list_projects,
    list_roles,
)
from live.vendor_api import Api


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
        project = find_project(api, database.adopt.project)
        projects = [project] if project else []
    else:
        found = list_projects(api, database.organization, search=database.project)
        projects = [project for project in found if project.name == database.project]
    return [_candidate(api, database, project) for project in projects]


def _candidate(api: Api, database: DatabaseSettings, project: NeonProject) -> Candidate:
    branch = next((branch.id for branch in list_branches(api, project.id) if branch.default), None)
    if branch is None:
        return Candidate(project.id, None, obstacle="it has no default branch; give it one.")
    obstacles = [
        *_replacements(database, project),
        *_database_obstacles(database, list_databases(api, project.id, branch)),
    ]
    names = list_roles(api, project.id, branch)
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


def _replacements(database: DatabaseSettings, project: NeonProject) -> Iterator[str]:
    """Yield a sentence per difference that the provider can change only by a new, empty project."""
    for setting, actual, wanted in (
        ("organization", project.org_id or database.organization, database.organization),
        ("region", project.region_id, database.region),
        ("postgres_version", project.pg_version, database.postgres_version),
    ):
        if actual != wanted:
            yield f"{setting} is {wanted} in the settings and {actual} there: write `{setting}: {actual}`."


def _database_obstacles(database: DatabaseSettings, existing: list[NeonDatabase]) -> Iterator[str]:
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

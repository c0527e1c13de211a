"""What may exist at Neon: the project, its roles and its database."""

from collections.abc import Iterator

from cli.adoption.finding import ResourceKind, VendorObject, Vendors
from live.declared import StateResource, inputs_of, name_of
from live.neon import (
    NeonProject,
    find_project,
    list_branches,
    list_databases,
    list_projects,
    list_roles,
)

_PROJECT = "neon:index/project:Project"


def _list_projects(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    return map(_to_object, _projects(vendors, resource))


def _projects(vendors: Vendors, resource: StateResource) -> list[NeonProject]:
    """Return the projects of the declared name in the organization, and the one that the settings name."""
    name, organization = (str(inputs_of(resource).get(key)) for key in ("name", "orgId"))

    def ask() -> list[NeonProject]:
        found = list(list_projects(vendors.apis.neon, organization, search=name))
        present = vendors.ids.get(name_of(resource))
        if present and not any(item.id == present for item in found):
            named = find_project(vendors.apis.neon, present)
            found += [named] if named else []
        return found

    return vendors.ask_once((_PROJECT, name, organization), ask)


def _to_object(project: NeonProject) -> VendorObject:
    fields = {
        "name": project.name,
        "regionId": project.region_id,
        "pgVersion": project.pg_version,
        **({"orgId": project.org_id} if project.org_id else {}),
    }
    return VendorObject(project.id, fields)


def _branches(vendors: Vendors) -> Iterator[tuple[str, str]]:
    """Yield project and default branch of each project that may be the stack's own."""
    for resource in vendors.declared.of_type(_PROJECT):
        present = vendors.ids.get(name_of(resource))
        for project in _projects(vendors, resource):
            if project.id != present if present else project.name != inputs_of(resource).get("name"):
                continue
            branches = vendors.ask_once(
                ("branches", project.id), lambda id_=project.id: list_branches(vendors.apis.neon, id_)
            )
            yield from ((project.id, branch.id) for branch in branches if branch.default)


def _list_roles(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    for project, branch in _branches(vendors):
        names = vendors.ask_once(
            ("roles", branch), lambda at=(project, branch): list_roles(vendors.apis.neon, *at)
        )
        yield from (VendorObject(f"{project}/{branch}/{name}", {"name": name}) for name in names)


def _list_databases(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    for project, branch in _branches(vendors):
        for item in list_databases(vendors.apis.neon, project, branch):
            fields = {"name": item.name, "ownerName": item.owner_name}
            yield VendorObject(f"{project}/{branch}/{item.name}", fields)


KINDS = (
    ResourceKind(_PROJECT, "project", _list_projects, fixed=("orgId", "regionId", "pgVersion")),
    ResourceKind("neon:index/role:Role", "role", _list_roles),
    ResourceKind(
        "neon:index/database:Database", "database", _list_databases, fixed=("ownerName",), others=True
    ),
)

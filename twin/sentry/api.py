"""
Sentry's HTTP API over its model: teams, projects, client keys, spike protection and ownership.

Monitors, alerts and integrations are in `api_alerts`. Source: docs.sentry.io/api, and the client of
jianyuan/sentry 0.15.4.
"""

from collections.abc import Iterator
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.sentry import api_alerts, api_monitoring
from twin.sentry.api_json import (
    key_from_json,
    key_to_json,
    organization_to_json,
    ownership_from_json,
    ownership_to_json,
    project_from_json,
    project_to_json,
    team_to_json,
)
from twin.sentry.model import SETTINGS, Sentry
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, ApiRoute, VendorApi, bearer_token
from twin.vendor.store import Attributes

PREFIX = "/api/0"
_PAGE_ITEMS = 100
_ORGANIZATION = "/organizations/{organization}"
_PROJECT = "/projects/{organization}/{project}"
_TEAM = "/teams/{organization}/{team}"


def routes(model: Sentry) -> list[Route]:
    api = VendorApi(model, bearer_token, _error_body)
    projects = _ProjectLookup(model)
    api_routes: list[ApiRoute] = [
        ("GET", "/internal/health/", lambda _: JSONResponse({"problems": [], "healthy": {}})),
        ("GET", "/organizations/", lambda request: _page(request, _list_organizations(model))),
        (
            "GET",
            f"{_ORGANIZATION}/",
            lambda request: JSONResponse(organization_to_json(request.path["organization"])),
        ),
        *_team_routes(model),
        *_project_routes(model, projects),
        *_key_routes(model, projects),
        *api_alerts.alert_routes(model, projects.find_address),
        *api_monitoring.monitoring_routes(model, _page),
        *_spike_protection_routes(model, projects),
        *_ownership_routes(model, projects),
    ]
    return [api.route(method, PREFIX + path, handler) for method, path, handler in api_routes]


class _ProjectLookup:
    """Finds the project that a path names by its slug or its internal id."""

    def __init__(self, model: Sentry) -> None:
        self._model = model

    def find_address(self, request: ApiRequest) -> str:
        """Return the "organization/slug" of the project in the path. Raises VendorError (404)."""
        organization, name = request.path["organization"], request.path["project"]
        for project in self._model.list_objects("project").values():
            if project["organization"] == organization and name in (project["slug"], project["internalId"]):
                return f"{organization}/{project['slug']}"
        raise VendorError(404, "The requested resource does not exist.")

    def to_json(self, address: str) -> Attributes:
        project = self._model.read("project", address)
        assert project  # noqa: S101 - the caller found it at this address
        protection = self._model.read("projectSpikeProtection", address) or {}
        teams = [self._model.read("team", f"{project['organization']}/{team}") for team in project["teams"]]
        return project_to_json(
            project, [team for team in teams if team], spike_protection_disabled=not protection.get("enabled")
        )


def _page(request: ApiRequest, items: list[Attributes]) -> Response:
    """Return one page. The Link header has the next cursor, and whether another page has items."""
    start = int(request.query.get("cursor", "0:0:0").split(":")[1])
    end = start + _PAGE_ITEMS
    cursor, has_more = f"0:{end}:0", "true" if len(items) > end else "false"
    link = f'<?cursor={cursor}>; rel="next"; results="{has_more}"; cursor="{cursor}"'
    return JSONResponse(items[start:end], headers={"Link": link})


def _list_organizations(model: Sentry) -> list[Attributes]:
    """Return the organizations that have a team: the twin knows no others."""
    slugs = {team["organization"] for team in model.list_objects("team").values()}
    return [organization_to_json(slug) for slug in sorted(slugs)]


def _require_object(model: Sentry, kind: str, identifier: str) -> Attributes:
    attributes = model.read(kind, identifier)
    if attributes is None:
        raise VendorError(404, "The requested resource does not exist.")
    return attributes


def _team_routes(model: Sentry) -> Iterator[ApiRoute]:
    def address(request: ApiRequest) -> str:
        return f"{request.path['organization']}/{request.path['team']}"

    def create(request: ApiRequest) -> Response:
        organization = request.path["organization"]
        wanted = {name: request.body[name] for name in ("name", "slug") if request.body.get(name)}
        if not wanted:
            raise VendorError(400, "name: this field is required.")
        wanted.setdefault("name", wanted.get("slug"))
        _, team = model.create("team", {"organization": organization, **wanted})
        return JSONResponse(team_to_json(team), 201)

    def list_(request: ApiRequest) -> Response:
        organization = request.path["organization"]
        teams = [team for team in model.list_objects("team").values() if team["organization"] == organization]
        return _page(request, [team_to_json(team) for team in teams])

    def update(request: ApiRequest) -> Response:
        wanted = {name: request.body[name] for name in ("name", "slug") if request.body.get(name)}
        return JSONResponse(team_to_json(model.update("team", address(request), wanted)))

    def delete(request: ApiRequest) -> Response:
        model.delete("team", address(request))
        return Response(status_code=204)

    yield "POST", f"{_ORGANIZATION}/teams/", create
    yield "GET", f"{_ORGANIZATION}/teams/", list_
    yield (
        "GET",
        f"{_TEAM}/",
        lambda request: JSONResponse(team_to_json(_require_object(model, "team", address(request)))),
    )
    yield "PUT", f"{_TEAM}/", update
    yield "DELETE", f"{_TEAM}/", delete


def _project_routes(model: Sentry, projects: _ProjectLookup) -> Iterator[ApiRoute]:
    def create(request: ApiRequest) -> Response:
        organization, team = request.path["organization"], request.path["team"]
        if not request.body.get("name"):
            raise VendorError(400, "name: this field is required.")
        wanted = {"organization": organization, "teams": [team], **project_from_json(request.body)}
        slug, _ = model.create("project", wanted)
        return JSONResponse(projects.to_json(f"{organization}/{slug}"), 201)

    def list_(request: ApiRequest) -> Response:
        organization = request.path["organization"]
        slugs = [
            project["slug"]
            for project in model.list_objects("project").values()
            if project["organization"] == organization
        ]
        return _page(request, [projects.to_json(f"{organization}/{slug}") for slug in slugs])

    def update(request: ApiRequest) -> Response:
        changed = model.update("project", projects.find_address(request), project_from_json(request.body))
        return JSONResponse(projects.to_json(f"{changed['organization']}/{changed['slug']}"))

    def delete(request: ApiRequest) -> Response:
        model.delete("project", projects.find_address(request))
        return Response(status_code=204)

    def set_membership(request: ApiRequest, *, is_member: bool) -> Response:
        address, team = projects.find_address(request), request.path["team"]
        others = [slug for slug in _require_object(model, "project", address)["teams"] if slug != team]
        model.update("project", address, {"teams": [*others, team] if is_member else others})
        return JSONResponse(projects.to_json(address), 201 if is_member else 200)

    yield "POST", f"{_TEAM}/projects/", create
    yield "GET", f"{_ORGANIZATION}/projects/", list_
    yield (
        "GET",
        f"{_PROJECT}/",
        lambda request: JSONResponse(projects.to_json(projects.find_address(request))),
    )
    yield "PUT", f"{_PROJECT}/", update
    yield "DELETE", f"{_PROJECT}/", delete
    yield "POST", f"{_PROJECT}/teams/{{team}}/", lambda request: set_membership(request, is_member=True)
    yield "DELETE", f"{_PROJECT}/teams/{{team}}/", lambda request: set_membership(request, is_member=False)


def _key_routes(model: Sentry, projects: _ProjectLookup) -> Iterator[ApiRoute]:
    def read_owner(request: ApiRequest) -> dict[str, str]:
        organization, _, project = projects.find_address(request).partition("/")
        return {"organization": organization, "project": project}

    def require_key(request: ApiRequest) -> Attributes:
        key = _require_object(model, "key", request.path["key"])
        if {name: key[name] for name in ("organization", "project")} != read_owner(request):
            raise VendorError(404, "The requested resource does not exist.")
        return key

    def list_(request: ApiRequest) -> Response:
        owner = read_owner(request)
        return JSONResponse(
            [key_to_json(key) for key in model.list_objects("key").values() if owner.items() <= key.items()]
        )

    def create(request: ApiRequest) -> Response:
        wanted = {"name": "Default", **key_from_json(request.body), **read_owner(request)}
        return JSONResponse(key_to_json(model.create("key", wanted)[1]), 201)

    def update(request: ApiRequest) -> Response:
        return JSONResponse(
            key_to_json(model.update("key", require_key(request)["id"], key_from_json(request.body)))
        )

    def delete(request: ApiRequest) -> Response:
        model.delete("key", require_key(request)["id"])
        return Response(status_code=204)

    path = f"{_PROJECT}/keys/{{key}}/"
    yield "GET", f"{_PROJECT}/keys/", list_
    yield "POST", f"{_PROJECT}/keys/", create
    yield "GET", path, lambda request: JSONResponse(key_to_json(require_key(request)))
    yield "PUT", path, update
    yield "DELETE", path, delete


def _spike_protection_routes(model: Sentry, projects: _ProjectLookup) -> Iterator[ApiRoute]:
    def set_protection(request: ApiRequest, *, enabled: bool) -> Response:
        organization = request.path["organization"]
        for name in request.body.get("projects") or ():
            path = {"organization": organization, "project": name}
            address = projects.find_address(request._replace(path=path))
            project = address.partition("/")[2]
            wanted = {"organization": organization, "project": project, "enabled": enabled}
            model.create("projectSpikeProtection", wanted)
        return JSONResponse({}, 201 if enabled else 200)

    yield "POST", f"{_ORGANIZATION}/spike-protections/", lambda request: set_protection(request, enabled=True)
    yield (
        "DELETE",
        f"{_ORGANIZATION}/spike-protections/",
        lambda request: set_protection(request, enabled=False),
    )


def _ownership_routes(model: Sentry, projects: _ProjectLookup) -> Iterator[ApiRoute]:
    def read_ownership(request: ApiRequest) -> Attributes:
        return model.read("projectOwnership", projects.find_address(request)) or SETTINGS["projectOwnership"]

    def update(request: ApiRequest) -> Response:
        organization, _, project = projects.find_address(request).partition("/")
        wanted = {
            **read_ownership(request),
            **ownership_from_json(request.body),
            "organization": organization,
            "project": project,
        }
        return JSONResponse(ownership_to_json(model.create("projectOwnership", wanted)[1]))

    yield (
        "GET",
        f"{_PROJECT}/ownership/",
        lambda request: JSONResponse(ownership_to_json(read_ownership(request))),
    )
    yield "PUT", f"{_PROJECT}/ownership/", update


def _error_body(error: VendorError) -> dict[str, Any]:
    return {"detail": error.message}

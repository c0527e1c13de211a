"""Sentry's HTTP API over its model. Source: docs.sentry.io/api, and the client of jianyuan/sentry 0.15.4."""

from collections.abc import Iterator
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from twin.sentry import api_alerts
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
from twin.vendor.http import ApiRequest, Handler, VendorApi, bearer
from twin.vendor.store import Attributes

PREFIX = "/api/0"
_PAGE_ITEMS = 100
_ORGANIZATION = "/organizations/{organization}"
_PROJECT = "/projects/{organization}/{project}"
_TEAM = "/teams/{organization}/{team}"


def routes(model: Sentry) -> list[Route]:
    door = VendorApi(model, bearer, _refusal)
    told = _Told(model)
    answers: list[tuple[str, str, Handler]] = [
        ("GET", "/internal/health/", lambda _: JSONResponse({"problems": [], "healthy": {}})),
        (
            "GET",
            f"{_ORGANIZATION}/",
            lambda asked: JSONResponse(organization_to_json(asked.path["organization"])),
        ),
        *_teams(model),
        *_projects(model, told),
        *_keys(model, told),
        *api_alerts.answers(model, told.address),
        *_spikes(model, told),
        *_ownership(model, told),
    ]
    return [door.route(method, PREFIX + path, answer) for method, path, answer in answers]


class _Told:
    """Finds what a path names: a project goes by slug or number there."""

    def __init__(self, model: Sentry) -> None:
        self._model = model

    def address(self, asked: ApiRequest) -> str:
        """Return the "organization/slug" of the project in the path. Raises VendorError (404)."""
        organization, named = asked.path["organization"], asked.path["project"]
        for found in self._model.every("project").values():
            if found["organization"] == organization and named in (found["slug"], found["internalId"]):
                return f"{organization}/{found['slug']}"
        raise VendorError(404, "The requested resource does not exist.")

    def project(self, address: str) -> Attributes:
        found = self._model.read("project", address)
        assert found  # noqa: S101 - `address` found it
        protection = self._model.read("projectSpikeProtection", address) or {}
        teams = [self._model.read("team", f"{found['organization']}/{team}") for team in found["teams"]]
        return project_to_json(
            found, [team for team in teams if team], spikes_pass=not protection.get("enabled")
        )


def _page(asked: ApiRequest, items: list[Attributes]) -> Response:
    """Answer one page; a header links to the next one, and says whether anything is there."""
    start = int(asked.query.get("cursor", "0:0:0").split(":")[1])
    end = start + _PAGE_ITEMS
    cursor, more = f"0:{end}:0", "true" if len(items) > end else "false"
    link = f'<?cursor={cursor}>; rel="next"; results="{more}"; cursor="{cursor}"'
    return JSONResponse(items[start:end], headers={"Link": link})


def _existing(model: Sentry, kind: str, identifier: str) -> Attributes:
    found = model.read(kind, identifier)
    if found is None:
        raise VendorError(404, "The requested resource does not exist.")
    return found


def _teams(model: Sentry) -> Iterator[tuple[str, str, Handler]]:
    def address(asked: ApiRequest) -> str:
        return f"{asked.path['organization']}/{asked.path['team']}"

    def create(asked: ApiRequest) -> Response:
        organization = asked.path["organization"]
        wanted = {name: asked.body[name] for name in ("name", "slug") if asked.body.get(name)}
        if not wanted:
            raise VendorError(400, "name: this field is required.")
        wanted.setdefault("name", wanted.get("slug"))
        _, made = model.create("team", {"organization": organization, **wanted})
        return JSONResponse(team_to_json(made), 201)

    def list_(asked: ApiRequest) -> Response:
        every = model.every("team").values()
        return _page(
            asked, [team_to_json(t) for t in every if t["organization"] == asked.path["organization"]]
        )

    def update(asked: ApiRequest) -> Response:
        wanted = {name: asked.body[name] for name in ("name", "slug") if asked.body.get(name)}
        return JSONResponse(team_to_json(model.update("team", address(asked), wanted)))

    def delete(asked: ApiRequest) -> Response:
        model.delete("team", address(asked))
        return Response(status_code=204)

    yield "POST", f"{_ORGANIZATION}/teams/", create
    yield "GET", f"{_ORGANIZATION}/teams/", list_
    yield (
        "GET",
        f"{_TEAM}/",
        lambda asked: JSONResponse(team_to_json(_existing(model, "team", address(asked)))),
    )
    yield "PUT", f"{_TEAM}/", update
    yield "DELETE", f"{_TEAM}/", delete


def _projects(model: Sentry, told: _Told) -> Iterator[tuple[str, str, Handler]]:
    def create(asked: ApiRequest) -> Response:
        organization, team = asked.path["organization"], asked.path["team"]
        if not asked.body.get("name"):
            raise VendorError(400, "name: this field is required.")
        wanted = {"organization": organization, "teams": [team], **project_from_json(asked.body)}
        slug, _ = model.create("project", wanted)
        return JSONResponse(told.project(f"{organization}/{slug}"), 201)

    def list_(asked: ApiRequest) -> Response:
        organization = asked.path["organization"]
        slugs = [p["slug"] for p in model.every("project").values() if p["organization"] == organization]
        return _page(asked, [told.project(f"{organization}/{slug}") for slug in slugs])

    def update(asked: ApiRequest) -> Response:
        changed = model.update("project", told.address(asked), project_from_json(asked.body))
        return JSONResponse(told.project(f"{changed['organization']}/{changed['slug']}"))

    def delete(asked: ApiRequest) -> Response:
        model.delete("project", told.address(asked))
        return Response(status_code=204)

    def member(asked: ApiRequest, *, joins: bool) -> Response:
        address, team = told.address(asked), asked.path["team"]
        others = [slug for slug in _existing(model, "project", address)["teams"] if slug != team]
        model.update("project", address, {"teams": [*others, team] if joins else others})
        return JSONResponse(told.project(address), 201 if joins else 200)

    yield "POST", f"{_TEAM}/projects/", create
    yield "GET", f"{_ORGANIZATION}/projects/", list_
    yield "GET", f"{_PROJECT}/", lambda asked: JSONResponse(told.project(told.address(asked)))
    yield "PUT", f"{_PROJECT}/", update
    yield "DELETE", f"{_PROJECT}/", delete
    yield "POST", f"{_PROJECT}/teams/{{team}}/", lambda asked: member(asked, joins=True)
    yield "DELETE", f"{_PROJECT}/teams/{{team}}/", lambda asked: member(asked, joins=False)


def _keys(model: Sentry, told: _Told) -> Iterator[tuple[str, str, Handler]]:
    def of(asked: ApiRequest) -> dict[str, str]:
        organization, _, project = told.address(asked).partition("/")
        return {"organization": organization, "project": project}

    def one(asked: ApiRequest) -> Attributes:
        found = _existing(model, "key", asked.path["key"])
        if {name: found[name] for name in ("organization", "project")} != of(asked):
            raise VendorError(404, "The requested resource does not exist.")
        return found

    def list_(asked: ApiRequest) -> Response:
        owner = of(asked)
        return JSONResponse(
            [key_to_json(key) for key in model.every("key").values() if owner.items() <= key.items()]
        )

    def create(asked: ApiRequest) -> Response:
        wanted = {"name": "Default", **key_from_json(asked.body), **of(asked)}
        return JSONResponse(key_to_json(model.create("key", wanted)[1]), 201)

    def update(asked: ApiRequest) -> Response:
        return JSONResponse(key_to_json(model.update("key", one(asked)["id"], key_from_json(asked.body))))

    def delete(asked: ApiRequest) -> Response:
        model.delete("key", one(asked)["id"])
        return Response(status_code=204)

    path = f"{_PROJECT}/keys/{{key}}/"
    yield "GET", f"{_PROJECT}/keys/", list_
    yield "POST", f"{_PROJECT}/keys/", create
    yield "GET", path, lambda asked: JSONResponse(key_to_json(one(asked)))
    yield "PUT", path, update
    yield "DELETE", path, delete


def _spikes(model: Sentry, told: _Told) -> Iterator[tuple[str, str, Handler]]:
    def switch(asked: ApiRequest, *, enabled: bool) -> Response:
        organization = asked.path["organization"]
        for named in asked.body.get("projects") or ():
            address = told.address(asked._replace(path={"organization": organization, "project": named}))
            project = address.partition("/")[2]
            wanted = {"organization": organization, "project": project, "enabled": enabled}
            model.create("projectSpikeProtection", wanted)
        return JSONResponse({}, 201 if enabled else 200)

    yield "POST", f"{_ORGANIZATION}/spike-protections/", lambda asked: switch(asked, enabled=True)
    yield "DELETE", f"{_ORGANIZATION}/spike-protections/", lambda asked: switch(asked, enabled=False)


def _ownership(model: Sentry, told: _Told) -> Iterator[tuple[str, str, Handler]]:
    def found(asked: ApiRequest) -> Attributes:
        return model.read("projectOwnership", told.address(asked)) or SETTINGS["projectOwnership"]

    def update(asked: ApiRequest) -> Response:
        organization, _, project = told.address(asked).partition("/")
        wanted = {
            **found(asked),
            **ownership_from_json(asked.body),
            "organization": organization,
            "project": project,
        }
        return JSONResponse(ownership_to_json(model.create("projectOwnership", wanted)[1]))

    yield "GET", f"{_PROJECT}/ownership/", lambda asked: JSONResponse(ownership_to_json(found(asked)))
    yield "PUT", f"{_PROJECT}/ownership/", update


def _refusal(refused: VendorError) -> dict[str, Any]:
    return {"detail": refused.message}

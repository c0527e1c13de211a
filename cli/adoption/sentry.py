"""Looks for a stack's team and projects at Sentry."""

from functools import cache
from typing import Final

import httpx
from pydantic import BaseModel, RootModel

from cli.adoption.api import Api
from cli.adoption.finding import AdoptableResource, Candidate, Sought
from components.settings import ErrorSettings, SentryService, Settings

BASE_URL: Final = "https://sentry.io/api/"


class _Named(BaseModel):
    """A team or a project."""

    slug: str
    name: str


class _Page(RootModel[list[_Named]]):
    pass


def things(api: Api, settings: Settings) -> list[AdoptableResource]:
    """Seek the team, and the project of each service."""
    errors, organization = settings.errors, f"/organizations/{settings.errors.organization}"

    @cache
    def projects() -> list[_Named]:
        return _every(api, f"{organization}/projects/")

    def project(slug: str, service: SentryService) -> AdoptableResource:
        path = ("errors", "services", slug, "adopt")
        sought = Sought(f"Sentry project {slug}", path, f"errors-{slug}-project", service.adopt)
        return sought, lambda: _projects(projects(), errors, slug)

    present = errors.adopt_team or None
    team = Sought(f"Sentry team {errors.team}", ("errors", "adopt_team"), "errors-team", present)
    return [
        (team, lambda: _teams(_every(api, f"{organization}/teams/"), errors)),
        *(project(slug, service) for slug, service in errors.services.items()),
    ]


def _teams(found: list[_Named], errors: ErrorSettings) -> list[Candidate]:
    """Return the team of that slug; if there is none, those of its name, which the setting can't name."""
    if any(one.slug == errors.team for one in found):
        return [Candidate(errors.team, value=True)]
    if errors.adopt_team:
        return []
    return [
        Candidate(one.slug, value=True, obstacle=f"its slug is another one: write `team: {one.slug}`.")
        for one in found
        if one.name == errors.team_name
    ]


def _projects(found: list[_Named], errors: ErrorSettings, service: str) -> list[Candidate]:
    """
    Return the project of that slug; if there is none, those of that name.

    Or the one that the setting names. A slug is an organization's own: no two have the same.
    """
    wanted = errors.services[service].adopt or service
    if any(one.slug == wanted for one in found):
        return [Candidate(wanted, wanted)]
    if errors.services[service].adopt:
        return []
    taken = {other.adopt or slug for slug, other in errors.services.items()}
    told = f"found by its name; its slug becomes {service}."
    return [
        Candidate(one.slug, one.slug, told) for one in found if one.name == service and one.slug not in taken
    ]


def _every(api: Api, path: str) -> list[_Named]:
    return [one for page in api.pages(_Page, path, _following) for one in page.root]


def _following(answer: httpx.Response, _page: _Page) -> dict[str, str] | None:
    # Sentry links to a page behind the last one too, and says that nothing is there.
    link = answer.links.get("next", {})
    return {"cursor": link["cursor"]} if link.get("results") == "true" and "cursor" in link else None

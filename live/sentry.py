"""What exists in an organization at Sentry: its teams, projects and monitors (docs.sentry.io/api)."""

import httpx
from pydantic import BaseModel, RootModel

from live.vendor_api import Api


class SentryObject(BaseModel):
    """A team or a project."""

    slug: str
    name: str


class SentryMonitor(BaseModel):
    """A monitor, which the API also calls a detector."""

    id: str
    name: str
    type: str | None = None


class _SentryMonitorPage(RootModel[list[SentryMonitor]]):
    pass


class _SentryPage(RootModel[list[SentryObject]]):
    pass


def list_projects(api: Api, organization: str) -> list[SentryObject]:
    return _list_all(api, f"/organizations/{organization}/projects/")


def list_teams(api: Api, organization: str) -> list[SentryObject]:
    return _list_all(api, f"/organizations/{organization}/teams/")


def list_monitors(api: Api, organization: str) -> list[SentryMonitor]:
    """Return the monitors of all projects (docs.sentry.io/api, "Fetch an Organization's Monitors")."""
    path = f"/organizations/{organization}/detectors/"
    pages = api.list_pages(_SentryMonitorPage, path, _next_page, project="-1")
    return [one for page in pages for one in page.root]


def _list_all(api: Api, path: str) -> list[SentryObject]:
    return [one for page in api.list_pages(_SentryPage, path, _next_page) for one in page.root]


def _next_page(answer: httpx.Response, _page: object) -> dict[str, str] | None:
    # Sentry links to a page after the last one too, marked as empty.
    link = answer.links.get("next", {})
    return {"cursor": link["cursor"]} if link.get("results") == "true" and "cursor" in link else None

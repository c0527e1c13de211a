"""What exists in an organization at Sentry: its teams and projects (docs.sentry.io/api)."""

import httpx
from pydantic import BaseModel, RootModel

from live.vendor_api import Api


class SentryObject(BaseModel):
    """A team or a project."""

    slug: str
    name: str


class _SentryPage(RootModel[list[SentryObject]]):
    pass


def list_projects(api: Api, organization: str) -> list[SentryObject]:
    return _list_all(api, f"/organizations/{organization}/projects/")


def list_teams(api: Api, organization: str) -> list[SentryObject]:
    return _list_all(api, f"/organizations/{organization}/teams/")


def _list_all(api: Api, path: str) -> list[SentryObject]:
    return [one for page in api.list_pages(_SentryPage, path, _next_page) for one in page.root]


def _next_page(answer: httpx.Response, _page: _SentryPage) -> dict[str, str] | None:
    # Sentry links to a page after the last one too, marked as empty.
    link = answer.links.get("next", {})
    return {"cursor": link["cursor"]} if link.get("results") == "true" and "cursor" in link else None

"""What exists in an organization at Sentry: teams, projects, monitors, issues (docs.sentry.io/api)."""

from datetime import datetime
from itertools import islice
from typing import Final

import httpx
from pydantic import BaseModel, Field

from live.vendor_api import Api, VendorList, WritingApi


class SentryObject(BaseModel, defer_build=True):
    """An organization, a team or a project; a project has a platform, such as node-express."""

    id: str
    slug: str
    name: str
    platform: str | None = None


class SentryMonitor(BaseModel, defer_build=True):
    """A monitor, which the API also calls a detector."""

    id: str
    name: str
    type: str | None = None
    projectId: str = ""  # noqa: N815 - Sentry's name


class SentryKey(BaseModel, defer_build=True):
    """A client key of a project."""

    id: str
    name: str


class SentryAlert(BaseModel, defer_build=True):
    """An alert, which the API calls a workflow, with the ids of the monitors that it listens to."""

    id: str
    name: str
    detectorIds: list[str] = []  # noqa: N815 - Sentry's name
    lastTriggered: datetime | None = None  # noqa: N815 - Sentry's name


class _PagerdutyService(BaseModel, defer_build=True):
    id: int
    service: str


class _ServiceTable(BaseModel, defer_build=True):
    service_table: list[_PagerdutyService] = []


class SentryIntegration(BaseModel, defer_build=True):
    """An integration that somebody installed; one of PagerDuty has services."""

    id: str
    configData: _ServiceTable = Field(default_factory=_ServiceTable)  # noqa: N815 - Sentry's name


class _ChangedIssue(BaseModel, defer_build=True):
    """What a change of an issue is answered with; nothing of it is needed."""


class _SentryKeyPage(VendorList[SentryKey]):
    pass


class _SentryAlertPage(VendorList[SentryAlert]):
    pass


class _SentryIntegrationPage(VendorList[SentryIntegration]):
    pass


class SentryCronEnvironment(BaseModel, defer_build=True):
    """A cron monitor in one environment: the status of its last check-in, and its times."""

    status: str
    isMuted: bool = False  # noqa: N815 - Sentry's name
    lastCheckIn: datetime | None = None  # noqa: N815 - Sentry's name
    nextCheckIn: datetime | None = None  # noqa: N815 - Sentry's name


class SentryCron(BaseModel, defer_build=True):
    """A cron monitor with its environments; one that never had a check-in has none."""

    name: str
    status: str
    isMuted: bool = False  # noqa: N815 - Sentry's name
    environments: list[SentryCronEnvironment] = []


class SentryIssue(BaseModel, defer_build=True):
    """An issue; a person calls it by `shortId`, and the API by `id`."""

    id: str
    shortId: str  # noqa: N815 - Sentry's name
    title: str
    level: str
    issueCategory: str  # noqa: N815 - Sentry's name
    count: int
    firstSeen: datetime  # noqa: N815 - Sentry's name
    lastSeen: datetime  # noqa: N815 - Sentry's name
    permalink: str | None = None
    project: SentryObject


_ISSUE_PAGES: Final = 3
"""Of 100 issues each. Whoever has more open ones needs no list."""


class _SentryCronPage(VendorList[SentryCron]):
    pass


class _SentryIssuePage(VendorList[SentryIssue]):
    pass


class _SentryMonitorPage(VendorList[SentryMonitor]):
    pass


class _SentryPage(VendorList[SentryObject]):
    pass


def list_organizations(api: Api) -> list[SentryObject]:
    """Return the organizations that the token sees; an integration's token sees its own."""
    return _list_all(api, "/organizations/")


def list_projects(api: Api, organization: str) -> list[SentryObject]:
    return _list_all(api, f"/organizations/{organization}/projects/")


def list_teams(api: Api, organization: str) -> list[SentryObject]:
    return _list_all(api, f"/organizations/{organization}/teams/")


def list_monitors(api: Api, organization: str) -> list[SentryMonitor]:
    """Return the monitors of all projects (docs.sentry.io/api, "Fetch an Organization's Monitors")."""
    path = f"/organizations/{organization}/detectors/"
    pages = api.list_pages(_SentryMonitorPage, path, _next_page, project="-1")
    return [one for page in pages for one in page.root]


def list_crons(api: Api, organization: str) -> list[SentryCron]:
    """Return the cron monitors of all projects (docs.sentry.io/api, "Crons")."""
    pages = api.list_pages(_SentryCronPage, f"/organizations/{organization}/monitors/", _next_page)
    return [one for page in pages for one in page.root]


def list_open_issues(api: Api, organization: str) -> list[SentryIssue]:
    """Return unresolved issues of all projects (docs.sentry.io/api, "List an Organization's Issues")."""
    pages = api.list_pages(
        _SentryIssuePage,
        f"/organizations/{organization}/issues/",
        _next_page,
        project="-1",
        query="is:unresolved",
        statsPeriod="90d",
    )
    return [one for page in islice(pages, _ISSUE_PAGES) for one in page.root]


def resolve_issue(api: WritingApi, organization: str, issue: str) -> None:
    """Resolve an issue (docs.sentry.io/api, "Update an Issue"). Raises Failure."""
    api.change(_ChangedIssue, "PUT", f"/organizations/{organization}/issues/{issue}/", {"status": "resolved"})


def list_keys(api: Api, organization: str, project: str) -> list[SentryKey]:
    """Return the client keys of a project, which is named by its slug."""
    pages = api.list_pages(_SentryKeyPage, f"/projects/{organization}/{project}/keys/", _next_page)
    return [one for page in pages for one in page.root]


def list_alerts(api: Api, organization: str) -> list[SentryAlert]:
    pages = api.list_pages(_SentryAlertPage, f"/organizations/{organization}/workflows/", _next_page)
    return [one for page in pages for one in page.root]


def list_pagerduty(api: Api, organization: str) -> list[SentryIntegration]:
    """Return the integrations of PagerDuty."""
    path = f"/organizations/{organization}/integrations/"
    pages = api.list_pages(_SentryIntegrationPage, path, _next_page, provider_key="pagerduty")
    return [one for page in pages for one in page.root]


def _list_all(api: Api, path: str) -> list[SentryObject]:
    return [one for page in api.list_pages(_SentryPage, path, _next_page) for one in page.root]


def _next_page(answer: httpx.Response, _page: object) -> dict[str, str] | None:
    # Sentry links to a page after the last one too, marked as empty.
    link = answer.links.get("next", {})
    return {"cursor": link["cursor"]} if link.get("results") == "true" and "cursor" in link else None

"""What exists in an account at PagerDuty: schedules, escalation policies, services, and incidents."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import httpx
from pydantic import BaseModel, Field

from live.vendor_api import Api

PagerDutyCollection = Literal["schedules", "escalation_policies", "services"]


class PagerDutyReference(BaseModel, defer_build=True):
    """An integration as a service lists it."""

    id: str
    summary: str = ""


class PagerDutyObject(BaseModel, defer_build=True):
    """A schedule, an escalation policy or a service; a service has integrations."""

    id: str
    name: str
    integrations: list[PagerDutyReference] = Field(default_factory=list[PagerDutyReference])


class _Page(BaseModel, defer_build=True):
    """A page of one collection."""

    schedules: list[PagerDutyObject] = Field(default_factory=list[PagerDutyObject])
    escalation_policies: list[PagerDutyObject] = Field(default_factory=list[PagerDutyObject])
    services: list[PagerDutyObject] = Field(default_factory=list[PagerDutyObject])
    offset: int
    limit: int
    more: bool


def list_collection(api: Api, collection: PagerDutyCollection) -> list[PagerDutyObject]:
    """Return everything in a collection of the account."""
    pages = api.list_pages(_Page, f"/{collection}", _next_page)
    return [one for page in pages for one in getattr(page, collection)]


class PagerDutyAssignment(BaseModel, defer_build=True):
    """Somebody who was called of an incident."""

    assignee: PagerDutyReference


class PagerDutyIncident(BaseModel, defer_build=True):
    """An incident, for which somebody is called."""

    id: str
    title: str = ""
    status: Literal["triggered", "acknowledged", "resolved"]
    created_at: datetime
    service: PagerDutyReference
    assignments: list[PagerDutyAssignment] = Field(default_factory=list[PagerDutyAssignment])


class _IncidentPage(BaseModel, defer_build=True):
    incidents: list[PagerDutyIncident]
    offset: int
    limit: int
    more: bool


def list_incidents(api: Api, *, since: datetime) -> list[PagerDutyIncident]:
    """Return the incidents since a moment, of any status."""
    query = {"since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    pages = api.list_pages(_IncidentPage, "/incidents", _next_page, **query)
    return [incident for page in pages for incident in page.incidents]


def _next_page(_response: httpx.Response, page: _Page | _IncidentPage) -> Mapping[str, str] | None:
    return {"offset": str(page.offset + page.limit)} if page.more else None

"""What exists in an account at UptimeRobot: monitors, contacts, groups, pages (uptimerobot.com/api/v3)."""

from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import AliasChoices, BaseModel, Field, RootModel

from live.vendor_api import Api


class LiveMonitor(BaseModel):
    """The fields of a monitor that are used here; a heartbeat has no address."""

    id: int
    friendlyName: str  # noqa: N815 - UptimeRobot's name
    type: str
    url: str | None = None
    keywordValue: str | None = None  # noqa: N815 - UptimeRobot's name
    status: str = ""
    """UP, DOWN, LOOKS_DOWN, PAUSED, or STARTED before the first answer."""

    currentStateDuration: float | None = None  # noqa: N815 - UptimeRobot's name
    """Seconds since the status changed."""


class _MonitorPage(BaseModel):
    data: list[LiveMonitor]
    nextLink: str | None = None  # noqa: N815 - UptimeRobot's name


class LiveObject(BaseModel):
    """An integration, a group, a maintenance window, a status page or a contact; each has some of these."""

    id: int
    name: str = Field(validation_alias=AliasChoices("friendlyName", "name"))
    type: str | None = None
    value: str | None = None


class _ObjectPage(BaseModel):
    data: list[LiveObject]
    nextLink: str | None = None  # noqa: N815 - UptimeRobot's name


class _Contacts(RootModel[list[LiveObject]]):
    pass


def list_objects(api: Api, collection: str) -> list[LiveObject]:
    """Return everything in a collection, such as `integrations` or `psps`."""
    return [one for page in api.list_pages(_ObjectPage, f"/{collection}", _next_page) for one in page.data]


def list_contacts(api: Api) -> list[LiveObject]:
    """Return the alert contacts of the account, whose `value` is an address."""
    answer = api.get(_Contacts, "/user/alert-contacts")
    return answer.root if answer else []


def list_monitors(api: Api) -> list[LiveMonitor]:
    """Return all monitors: the API's own filter would miss an address that differs in its last slash."""
    return [one for page in api.list_pages(_MonitorPage, "/monitors", _next_page) for one in page.data]


def _next_page(_answer: httpx.Response, page: _MonitorPage | _ObjectPage) -> dict[str, str] | None:
    cursor = parse_qs(urlsplit(page.nextLink or "").query).get("cursor")
    return {"cursor": cursor[0]} if cursor and page.data else None

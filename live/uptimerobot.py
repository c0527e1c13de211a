"""What exists in an account at UptimeRobot: monitors, contacts, groups, pages (uptimerobot.com/api/v3)."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import AliasChoices, BaseModel, Field

from live.vendor_api import Api, VendorList


class AssignedContact(BaseModel, defer_build=True):
    """A contact that a monitor tells, `threshold` minutes after it went down."""

    alertContactId: int | str  # noqa: N815 - UptimeRobot's name
    threshold: int = 0


class LiveMonitor(BaseModel, defer_build=True):
    """The fields of a monitor that are used here; the `url` of a heartbeat is the token of its address."""

    id: int
    friendlyName: str  # noqa: N815 - UptimeRobot's name
    type: str
    url: str | None = None
    keywordValue: str | None = None  # noqa: N815 - UptimeRobot's name
    status: str = ""
    """UP, DOWN, LOOKS_DOWN, PAUSED, or STARTED before the first answer."""

    currentStateDuration: float | None = None  # noqa: N815 - UptimeRobot's name
    """Seconds since the status changed."""

    interval: int = 0
    gracePeriod: int | None = None  # noqa: N815 - UptimeRobot's name
    assignedAlertContacts: list[AssignedContact] = Field(default_factory=list[AssignedContact])  # noqa: N815


class _MonitorPage(BaseModel, defer_build=True):
    data: list[LiveMonitor]
    nextLink: str | None = None  # noqa: N815 - UptimeRobot's name


class MonitorOutage(BaseModel, defer_build=True):
    """An incident of a monitor: a time in which it was down or slow."""

    id: str
    startedAt: datetime  # noqa: N815 - UptimeRobot's name


class _OutagePage(BaseModel, defer_build=True):
    data: list[MonitorOutage]
    nextLink: str | None = None  # noqa: N815 - UptimeRobot's name


class SentAlert(BaseModel, defer_build=True):
    """What UptimeRobot has sent to a contact; its address, which may be a secret, is not read."""

    timestamp: datetime
    recipientName: str  # noqa: N815 - UptimeRobot's name
    status: str
    """SUCCESS or NOT_DELIVERED."""


class _SentAlerts(BaseModel, defer_build=True):
    data: list[SentAlert]


class LiveObject(BaseModel, defer_build=True):
    """An integration, a group, a maintenance window, a status page or a contact; each has some of these."""

    id: int
    name: str = Field(validation_alias=AliasChoices("friendlyName", "name"))
    type: str | None = None
    value: str | None = None


class _ObjectPage(BaseModel, defer_build=True):
    data: list[LiveObject]
    nextLink: str | None = None  # noqa: N815 - UptimeRobot's name


class _Contacts(VendorList[LiveObject]):
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


def read_monitor(api: Api, monitor: str) -> LiveMonitor | None:
    """Return the monitor with an id; None if there is none."""
    return api.get(LiveMonitor, f"/monitors/{monitor}")


def list_incidents(api: Api, monitor: str, *, since: datetime) -> list[MonitorOutage]:
    """Return the incidents of a monitor that began since a moment."""
    query = {"monitor_id": monitor, "started_after": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
    pages = api.list_pages(_OutagePage, "/incidents", _next_page, **query)
    return [one for page in pages for one in page.data]


def list_sent_alerts(api: Api, incident: str) -> list[SentAlert]:
    """Return what was sent of an incident, to whom, and whether it was delivered."""
    answer = api.get(_SentAlerts, f"/incidents/{incident}/alerts")
    return answer.data if answer else []


def _next_page(
    _answer: httpx.Response, page: _MonitorPage | _ObjectPage | _OutagePage
) -> dict[str, str] | None:
    cursor = parse_qs(urlsplit(page.nextLink or "").query).get("cursor")
    return {"cursor": cursor[0]} if cursor and page.data else None

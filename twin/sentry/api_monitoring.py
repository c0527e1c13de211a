"""Sentry's HTTP API: what its cron monitors have seen, and the issues. Source: docs.sentry.io/api."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from starlette.responses import JSONResponse, Response

from twin.sentry.model import Sentry
from twin.vendor.errors import VendorError
from twin.vendor.http import ApiRequest, ApiRoute
from twin.vendor.store import Attributes

_ORGANIZATION = "/organizations/{organization}"
_CATEGORIES = {"monitor_check_in_failure": "cron", "uptime_domain_failure": "uptime"}
"""Type of an issue -> its category; that of a program's event is `error`."""

_PRIORITIES = {75: "high", 50: "medium", 25: "low"}

Page = Callable[[ApiRequest, list[Attributes]], Response]


def monitoring_routes(model: Sentry, page: Page) -> Iterator[ApiRoute]:
    """Yield the routes; `page` makes the response with one page of a list."""

    def list_crons(request: ApiRequest) -> Response:
        organization = request.path["organization"]
        states = model.store.list("twin", "cron")
        return page(
            request,
            [
                _cron_to_json(identifier, cron, states)
                for identifier, cron in model.store.list(model.vendor, "cronMonitor").items()
                if cron["organization"] == organization
            ],
        )

    def list_issues(request: ApiRequest) -> Response:
        issues = model.store.list(model.vendor, "issue").items()
        open_only = "is:unresolved" in request.query.get("query", "is:unresolved")
        return page(
            request,
            [
                _issue_to_json(identifier, issue, number)
                for number, (identifier, issue) in enumerate(issues, 1)
                if issue["organization"] == request.path["organization"]
                and (issue["status"] == "unresolved" or not open_only)
            ],
        )

    def update_issue(request: ApiRequest) -> Response:
        """Resolve an issue, or open it again; alerts that listen to a resolution hear nothing of it."""
        identifier, status = request.path["issue"], request.body.get("status")
        with model.store.transaction():
            issue = model.store.get(model.vendor, "issue", identifier)
            if issue is None or issue["organization"] != request.path["organization"]:
                raise VendorError(404, "The requested resource does not exist")
            if status not in {"resolved", "unresolved"}:
                raise VendorError(400, "status: the twin resolves issues and opens them again.")
            model.store.replace(model.vendor, "issue", identifier, {**issue, "status": status})
        return JSONResponse({"status": status})

    yield "GET", f"{_ORGANIZATION}/monitors/", list_crons
    yield "PUT", f"{_ORGANIZATION}/issues/{{issue}}/", update_issue
    yield "GET", f"{_ORGANIZATION}/issues/", list_issues


def _cron_to_json(identifier: str, cron: Attributes, states: dict[str, Attributes]) -> Attributes:
    own = {key.partition(":")[2]: state for key, state in states.items() if key.startswith(f"{identifier}:")}
    return {
        "id": identifier,
        "name": cron["name"],
        "slug": cron["slug"],
        "status": "disabled" if cron.get("enabled") is False else "active",
        "isMuted": False,
        "environments": [
            {
                "name": environment,
                # A missed check-in and one in time-out are errors as well (sentry/monitors/models.py).
                "status": {"ok": "ok", "in_progress": "active", "": "active"}.get(state["status"], "error"),
                "isMuted": False,
                "lastCheckIn": _time(state.get("checkedIn")),
                "nextCheckIn": _time(state.get("expected")),
            }
            for environment, state in own.items()
        ],
    }


def _issue_to_json(identifier: str, issue: Attributes, number: int) -> Attributes:
    project = issue["project"]
    return {
        "id": identifier,
        "shortId": f"{project.upper()}-{number}",
        "title": issue["title"],
        "culprit": issue["culprit"],
        "level": issue["level"],
        "status": issue["status"],
        "issueCategory": _CATEGORIES.get(issue["type"], "error"),
        "priority": _PRIORITIES.get(issue["priority"], "high"),
        "count": str(issue["count"]),
        "firstSeen": _time(issue["firstSeen"]),
        "lastSeen": _time(issue["lastSeen"]),
        "permalink": None,
        "project": {"id": issue["projectId"], "slug": project, "name": project},
    }


def _time(moment: float | None) -> str | None:
    """Return a Unix time as the API writes it."""
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if moment else None

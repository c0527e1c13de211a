"""What the declared monitors ask for, and what a look at their targets says about it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from twin.uptimerobot.probe import (
    ProbeRequest,
    ProbeResult,
    accepted,
    connect,
    days_left,
    failed_assertions,
    look,
)
from twin.vendor.store import Attributes

_DEFAULT_CODES = ["2xx", "3xx"]
"""What UptimeRobot accepts where successHttpResponseCodes is left out."""
_DEFAULT_REMINDER_DAYS = [30, 14, 7, 1]
"""For a monitor that names none; the twin's choice."""
_DEFAULT_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class ProbeVerdict:
    """
    What one look says. `up` is None when the twin cannot probe this kind, which is not UP.

    `slow` is None when the monitor has no response time threshold or the target is down.
    """

    up: bool | None
    detail: str
    response_ms: int | None = None
    slow: bool | None = None
    certificate_end: datetime | None = None


def inspect(monitor: Attributes, authority: Path) -> ProbeVerdict:
    """Look at an UptimeRobot monitor's target, from one place: the twin has no regions."""
    match monitor["type"]:
        case "HTTP":
            return _http(monitor, authority, lambda _sight: "")
        case "KEYWORD":
            return _http(monitor, authority, lambda sight: _keyword_problem(monitor, sight.body))
        case "API":
            return _http(
                monitor,
                authority,
                lambda sight: failed_assertions(sight.body, monitor["config"]["apiAssertions"]),
            )
        case "PORT":
            sight = connect(monitor["url"], int(monitor["port"]), _timeout_seconds(monitor))
            return _verdict(monitor, sight, sight.problem)
        case other:
            return ProbeVerdict(None, f"not probed by the twin: it has no {other} probe")


def inspect_uptime(monitor: Attributes, authority: Path) -> ProbeVerdict:
    """Look at a Sentry uptime monitor's target: Sentry takes 2xx for up."""
    if monitor.get("assertionJson"):
        return ProbeVerdict(None, "not probed by the twin: it does not evaluate assertionJson")
    request = ProbeRequest(
        monitor["url"],
        monitor["method"],
        monitor["timeoutMs"] / 1000,
        monitor.get("headers") or {},
        monitor.get("body"),
        follow_redirects=True,
    )
    sight = look(request, authority)
    problem = sight.problem or _status_problem(sight, ["2xx"])
    return ProbeVerdict(not problem, problem or f"HTTP {sight.status}", sight.response_ms)


def reminder_days(monitor: Attributes) -> list[int]:
    """Return at how many days before a certificate's end to remind, ascending; empty when not asked for."""
    if monitor.get("sslExpirationReminder") is not True:
        return []
    chosen = (monitor.get("config") or {}).get("sslExpirationPeriodDays")
    return sorted(int(day) for day in (_DEFAULT_REMINDER_DAYS if chosen is None else chosen))


def due_reminder(monitor: Attributes, end: datetime) -> int | None:
    """Return the narrowest of the monitor's reminder periods that the certificate's end has entered."""
    left = days_left(end)
    return next((day for day in reminder_days(monitor) if left <= day), None)


def _http(
    monitor: Attributes, authority: Path, content_problem: Callable[[ProbeResult], str]
) -> ProbeVerdict:
    sight = look(_request(monitor), authority)
    codes = list(monitor.get("successHttpResponseCodes") or _DEFAULT_CODES)
    problem = sight.problem or _status_problem(sight, codes) or content_problem(sight)
    return _verdict(monitor, sight, problem)


def _verdict(monitor: Attributes, sight: ProbeResult, problem: str) -> ProbeVerdict:
    limit_ms = monitor.get("responseTimeThreshold")
    slow = (
        sight.response_ms > limit_ms if limit_ms and not problem and sight.response_ms is not None else None
    )
    well = f"HTTP {sight.status}" if sight.status else "connected"
    detail = problem or (f"{well} in {sight.response_ms} ms, over {limit_ms:g} ms" if slow else well)
    return ProbeVerdict(not problem, detail, sight.response_ms, slow, sight.certificate_end)


def _status_problem(sight: ProbeResult, codes: list[str]) -> str:
    return "" if sight.status and accepted(sight.status, codes) else f"HTTP {sight.status}"


def _keyword_problem(monitor: Attributes, body: str) -> str:
    keyword = monitor["keywordValue"]
    insensitive = monitor["keywordCaseType"] == "CaseInsensitive"
    exists = keyword.lower() in body.lower() if insensitive else keyword in body
    if monitor["keywordType"] == "ALERT_EXISTS":
        return "the keyword is there" if exists else ""
    return "" if exists else "the keyword is missing"


def _request(monitor: Attributes) -> ProbeRequest:
    form, body = monitor.get("postValueKv"), monitor.get("postValueData")
    headers: dict[str, str] = dict(monitor.get("customHttpHeaders") or {})
    if body:
        headers.setdefault("content-type", "application/json")
    if monitor.get("authType") == "BEARER" and monitor.get("httpPassword"):
        headers["authorization"] = f"Bearer {monitor['httpPassword']}"
    return ProbeRequest(
        monitor["url"],
        monitor.get("httpMethodType") or ("POST" if form or body else "GET"),
        _timeout_seconds(monitor),
        headers,
        body,
        form,
        _auth(monitor),
        monitor.get("followRedirections") is True,
        monitor.get("checkSslErrors") is True,
        (monitor.get("config") or {}).get("ipVersion") or "",
    )


def _auth(monitor: Attributes) -> httpx.Auth | None:
    username, password = monitor.get("httpUsername"), monitor.get("httpPassword") or ""
    if not username:
        return None
    match monitor.get("authType") or "HTTP_BASIC":
        case "HTTP_BASIC":
            return httpx.BasicAuth(username, password)
        case "DIGEST":
            return httpx.DigestAuth(username, password)
        case _:
            return None


def _timeout_seconds(monitor: dict[str, Any]) -> float:
    return float(monitor.get("timeout") or _DEFAULT_TIMEOUT_SECONDS)

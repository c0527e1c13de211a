"""The state of a monitor's target: probe it as the monitor declares, and judge the result."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from twin.uptimerobot.probe import (
    ProbeRequest,
    ProbeResult,
    check_assertions,
    days_left,
    is_accepted,
    open_tcp,
    send_http,
)
from twin.vendor.store import Attributes

_DEFAULT_CODES = ["2xx", "3xx"]
"""UptimeRobot's default of successHttpResponseCodes."""
_DEFAULT_REMINDER_DAYS = [30, 14, 7, 1]
"""Reminder periods of a monitor without sslExpirationPeriodDays; the twin's choice."""
_DEFAULT_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class ProbeVerdict:
    """
    The state of a target according to one probe.

    `up` is None if the twin can't probe this type of monitor. `slow` is None if the monitor has no response
    time threshold or the target is down.
    """

    up: bool | None
    detail: str
    response_ms: int | None = None
    slow: bool | None = None
    certificate_end: datetime | None = None


def probe_monitor(monitor: Attributes, authority: Path) -> ProbeVerdict:
    """Probe the target of an UptimeRobot monitor. All probes come from this machine: there are no regions."""
    match monitor["type"]:
        case "HTTP":
            return _probe_http(monitor, authority, lambda _result: "")
        case "KEYWORD":
            return _probe_http(monitor, authority, lambda result: _keyword_problem(monitor, result.body))
        case "API":
            return _probe_http(
                monitor,
                authority,
                lambda result: check_assertions(result.body, monitor["config"]["apiAssertions"]),
            )
        case "PORT":
            result = open_tcp(monitor["url"], int(monitor["port"]), _timeout_seconds(monitor))
            return _judge(monitor, result, result.problem)
        case other:
            return ProbeVerdict(None, f"not probed by the twin: it has no {other} probe")


def probe_uptime_monitor(monitor: Attributes, authority: Path) -> ProbeVerdict:
    """Probe the target of a Sentry uptime monitor. For Sentry a target is up if its status is 2xx."""
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
    result = send_http(request, authority)
    problem = result.problem or _status_problem(result, ["2xx"])
    return ProbeVerdict(not problem, problem or f"HTTP {result.status}", result.response_ms)


def reminder_days(monitor: Attributes) -> list[int]:
    """Return the days before a certificate's end on which to remind, ascending; [] without reminders."""
    if monitor.get("sslExpirationReminder") is not True:
        return []
    chosen = (monitor.get("config") or {}).get("sslExpirationPeriodDays")
    return sorted(int(day) for day in (_DEFAULT_REMINDER_DAYS if chosen is None else chosen))


def due_reminder(monitor: Attributes, end: datetime) -> int | None:
    """Return the shortest reminder period (days) in which the certificate ends, None if it ends later."""
    left = days_left(end)
    return next((day for day in reminder_days(monitor) if left <= day), None)


def _probe_http(
    monitor: Attributes, authority: Path, content_problem: Callable[[ProbeResult], str]
) -> ProbeVerdict:
    result = send_http(_build_request(monitor), authority)
    codes = list(monitor.get("successHttpResponseCodes") or _DEFAULT_CODES)
    problem = result.problem or _status_problem(result, codes) or content_problem(result)
    return _judge(monitor, result, problem)


def _judge(monitor: Attributes, result: ProbeResult, problem: str) -> ProbeVerdict:
    limit_ms = monitor.get("responseTimeThreshold")
    slow = (
        result.response_ms > limit_ms if limit_ms and not problem and result.response_ms is not None else None
    )
    success = f"HTTP {result.status}" if result.status else "connected"
    detail = problem or (f"{success} in {result.response_ms} ms, over {limit_ms:g} ms" if slow else success)
    return ProbeVerdict(not problem, detail, result.response_ms, slow, result.certificate_end)


def _status_problem(result: ProbeResult, codes: list[str]) -> str:
    return "" if result.status and is_accepted(result.status, codes) else f"HTTP {result.status}"


def _keyword_problem(monitor: Attributes, body: str) -> str:
    keyword = monitor["keywordValue"]
    insensitive = monitor["keywordCaseType"] == "CaseInsensitive"
    exists = keyword.lower() in body.lower() if insensitive else keyword in body
    if monitor["keywordType"] == "ALERT_EXISTS":
        return "the keyword is there" if exists else ""
    return "" if exists else "the keyword is missing"


def _build_request(monitor: Attributes) -> ProbeRequest:
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

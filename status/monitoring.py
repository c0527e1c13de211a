"""What the monitors say: UptimeRobot's monitors and heartbeats, Sentry's cron monitors and open issues."""

from collections.abc import Iterable
from typing import Final

from core.arming import SWITCHES
from core.text import printable
from live.declared import DeclaredStack, inputs_of
from live.sentry import SentryCron, SentryCronEnvironment, SentryIssue, list_crons, list_open_issues
from live.uptimerobot import LiveMonitor, list_monitors
from live.vendor_api import Api
from status.health import CronHealth, IssueHealth, MonitorHealth, MonitorState

_MONITOR: Final = "uptimerobot:index/monitor:Monitor"
_CRON: Final = "sentry:index/cronMonitor:CronMonitor"

_STATES: Final[dict[str, MonitorState]] = {
    "UP": "up",
    "DOWN": "down",
    "LOOKS_DOWN": "down",
    "PAUSED": "paused",
}
"""UptimeRobot's status -> state; every other one, such as STARTED, waits for a first answer."""

_HEARTBEAT: Final = "HEARTBEAT"
_ERRORS: Final = frozenset(("error", "performance", "db_query", "http_client", "frontend", "mobile"))
"""Sentry's categories of issues that the platform causes itself; those of monitors are the others."""


def read_monitors(api: Api, declared: DeclaredStack) -> tuple[MonitorHealth, ...]:
    """Return the declared monitors and heartbeats as the vendor has them. Raises Failure."""
    existing = {str(monitor.id): monitor for monitor in list_monitors(api)}
    return tuple(
        _monitor_of(existing.get(str(resource["id"])), inputs_of(resource).get("name"), inputs_of(resource))
        for resource in declared.of_type(_MONITOR)
    )


def _monitor_of(live: LiveMonitor | None, name: object, inputs: object) -> MonitorHealth:
    is_heartbeat = isinstance(inputs, dict) and inputs.get("type") == _HEARTBEAT
    address = inputs.get("url") if isinstance(inputs, dict) and not is_heartbeat else ""
    return MonitorHealth(
        name=printable(str(live.friendlyName if live else name)),
        kind="heartbeat" if is_heartbeat else "monitor",
        state=_state_of(live, inputs),
        state_seconds=live.currentStateDuration if live else None,
        address=printable(address) if isinstance(address, str) else "",
    )


def _state_of(live: LiveMonitor | None, inputs: object) -> MonitorState:
    if not live:
        return "missing"
    state = _STATES.get(live.status, "waiting")
    is_unarmed = isinstance(inputs, dict) and SWITCHES[_MONITOR].is_off(inputs)
    return "unarmed" if state == "paused" and is_unarmed else state


def read_crons(api: Api, organization: str, declared: DeclaredStack) -> tuple[CronHealth, ...]:
    """Return the declared cron monitors as the vendor has them. Raises Failure."""
    existing = {cron.name: cron for cron in list_crons(api, organization)}
    names = [str(inputs_of(resource).get("name")) for resource in declared.of_type(_CRON)]
    return tuple(_cron_of(name, existing.get(name)) for name in names)


def _cron_of(name: str, live: SentryCron | None) -> CronHealth:
    if not live:
        return CronHealth(name=printable(name), state="missing")
    if live.isMuted or live.status == "disabled":
        return CronHealth(name=printable(name), state="muted")
    if not live.environments:
        return CronHealth(name=printable(name), state="waiting")
    worst = max(live.environments, key=_badness)
    moments = [one.lastCheckIn for one in live.environments if one.lastCheckIn]
    following = [one.nextCheckIn for one in live.environments if one.nextCheckIn]
    return CronHealth(
        name=printable(name),
        state=("ok", "waiting", "failed")[_badness(worst)],
        checked_in_at=max(moments, default=None),
        next_at=min(following, default=None),
    )


def _badness(environment: SentryCronEnvironment) -> int:
    """Return 0 for a success, 1 for one that waits or runs, 2 for a failure, of Sentry's statuses."""
    return {"ok": 0, "active": 1, "in_progress": 1}.get(environment.status, 2)


def read_issues(api: Api, organization: str, projects: Iterable[str]) -> tuple[IssueHealth, ...]:
    """Return the open issues of these projects, the newest first. Raises Failure."""
    known = set(projects)
    issues = [_issue_of(one) for one in list_open_issues(api, organization) if one.project.slug in known]
    return tuple(sorted(issues, key=lambda issue: issue.last_seen_at, reverse=True))


def _issue_of(live: SentryIssue) -> IssueHealth:
    return IssueHealth(
        id=printable(live.shortId),
        title=printable(live.title),
        project=live.project.slug,
        kind="error" if live.issueCategory in _ERRORS else "alert",
        level=printable(live.level),
        count=live.count,
        first_seen_at=live.firstSeen,
        last_seen_at=live.lastSeen,
        address=live.permalink if live.permalink and live.permalink.startswith("https://") else "",
    )

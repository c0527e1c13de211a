"""Sentry's issues: events with one fingerprint, the times of the first and the last one, and the status."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

import structlog

from twin.host.time_scale import TimeScale
from twin.sentry.issue_alerts import IssueAlerts, IssueEvent, Trigger
from twin.vendor.store import Attributes, VendorStore

EVENTS = "events"
_KEPT_EVENTS = 5_000
_HOUR_SECONDS = 3600
_log = structlog.get_logger("issues")

IssueType = Literal["error", "monitor_check_in_failure", "uptime_domain_failure"]
_REOPENING_TRIGGERS: Mapping[str, Trigger] = {"resolved": "regressionEvent", "ignored": "reappearedEvent"}
_PRIORITIES = {"fatal": 75, "error": 75, "warning": 50, "info": 25, "debug": 25}
"""The numbers of Sentry's priorities high, medium and low."""


@dataclass(frozen=True)
class Occurrence:
    """
    One event of a program or a monitor.

    `detector_id` names the cron or uptime monitor. It is "" for an error, which belongs to the project's
    error monitor. `attributes` are those that the condition eventAttribute can test.
    """

    project_id: str
    type: IssueType
    fingerprint: tuple[str, ...]
    level: str
    title: str
    detector_id: str = ""
    message: str = ""
    culprit: str = ""
    environment: str = ""
    release: str = ""
    user: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    attributes: Mapping[str, list[str]] = field(default_factory=dict[str, list[str]])
    event_id: str = field(default_factory=lambda: uuid4().hex)


class Issues:
    """
    Stores issues as vendor "sentry", kind "issue", and their events in the log "events".

    An issue has organization, project, projectId, type, title, culprit, level, priority (75, 50, 25), status
    (unresolved, resolved, ignored), firstSeen, lastSeen (Unix times), count, detectorId, firedAt (by alert
    id), firstEvent (its `seq` in the log). An event has eventId, project, issue, type, level, title, message,
    culprit, environment, release, user, tags, attributes and state (a trigger of alerts, or "").
    """

    def __init__(self, store: VendorStore, time_scale: TimeScale, alerts: IssueAlerts) -> None:
        self._store = store
        self._time_scale = time_scale
        self._alerts = alerts

    def record(self, occurrence: Occurrence) -> None:
        """Add an event to its issue and fire the alerts that it triggers, in one transaction."""
        with self._store.transaction():
            if (project := self._store.get("sentry", "project", occurrence.project_id)) is None:
                return
            now = time.time()
            id_ = _issue_id(occurrence)
            existing = self._store.get("sentry", "issue", id_)
            trigger: Trigger | None = (
                _REOPENING_TRIGGERS.get(existing["status"]) if existing else "firstSeenEvent"
            )
            event = _build_event(id_, project["slug"], occurrence, trigger)
            number = self._store.append_log(EVENTS, event)
            self._store.prune_log(EVENTS, _KEPT_EVENTS)
            issue = existing or _build_issue(project, occurrence, number, now)
            issue |= {
                "status": "unresolved",
                "lastSeen": now,
                "count": issue["count"] + 1,
                "level": occurrence.level,
            }
            self._write(id_, issue, new=existing is None)
            _log.info("event", issue=id_, title=occurrence.title, state=event["state"])
            self._write(id_, self._alerts.fire(IssueEvent(id_, issue, event, trigger, now)))

    def resolve(self, occurrence: Occurrence) -> None:
        """Resolve the issue to which the occurrence belongs, if it exists."""
        with self._store.transaction():
            id_ = _issue_id(occurrence)
            if issue := self._store.get("sentry", "issue", id_):
                self._resolve(id_, issue, _build_event(id_, issue["project"], occurrence, None))

    def tick(self) -> None:
        """Resolve issues without events for `resolveAge` hours; remove the issues of deleted projects."""
        projects = self._store.list("sentry", "project")
        for id_, issue in self._store.list("sentry", "issue").items():
            if (project := projects.get(issue["projectId"])) is None:
                self._store.remove("sentry", "issue", id_)
                continue
            resolve_age = self._time_scale.scale_seconds((project.get("resolveAge") or 0) * _HOUR_SECONDS)
            if (
                resolve_age
                and issue["status"] == "unresolved"
                and time.time() - issue["lastSeen"] > resolve_age
            ):
                with self._store.transaction():
                    self._resolve(id_, issue, self._last_event(id_, issue))

    def _resolve(self, id_: str, issue: Attributes, event: Attributes) -> None:
        if issue["status"] == "resolved":
            return
        issue["status"] = "resolved"
        _log.info("issue resolved", issue=id_, title=issue["title"])
        issue_event = IssueEvent(id_, issue, event, "issueResolvedTrigger", time.time())
        self._write(id_, self._alerts.fire(issue_event))

    def _write(self, id_: str, issue: Attributes, *, new: bool = False) -> None:
        (self._store.insert if new else self._store.replace)("sentry", "issue", id_, issue)

    def _last_event(self, id_: str, issue: Attributes) -> Attributes:
        events = self._store.read_log(EVENTS, after=issue["firstEvent"] - 1)
        last = next((event.content for event in reversed(events) if event.content["issue"] == id_), None)
        substitute = Occurrence(issue["projectId"], issue["type"], (), issue["level"], issue["title"])
        return last or _build_event(id_, issue["project"], substitute, None)


def find_project_id(store: VendorStore, monitor: Attributes) -> str:
    """Return the internal id of the project that a monitor names, "" if the project was deleted."""
    address = (monitor["organization"], monitor["project"])
    projects = store.list("sentry", "project").items()
    return next(
        (id_ for id_, project in projects if (project["organization"], project["slug"]) == address), ""
    )


def _issue_id(occurrence: Occurrence) -> str:
    digest = hashlib.sha256("\0".join((occurrence.type, *occurrence.fingerprint)).encode()).hexdigest()
    return f"{occurrence.project_id}-{digest[:12]}"


def _build_issue(project: Attributes, occurrence: Occurrence, number: int, now: float) -> Attributes:
    return {
        "organization": project["organization"],
        "project": project["slug"],
        "projectId": occurrence.project_id,
        "type": occurrence.type,
        "title": occurrence.title,
        "culprit": occurrence.culprit,
        "priority": _PRIORITIES.get(occurrence.level, 75),
        "firstSeen": now,
        "count": 0,
        "detectorId": occurrence.detector_id,
        "firedAt": {},
        "firstEvent": number,
    }


def _build_event(issue_id: str, project: str, occurrence: Occurrence, trigger: Trigger | None) -> Attributes:
    return {
        "eventId": occurrence.event_id,
        "project": project,
        "issue": issue_id,
        "type": occurrence.type,
        "level": occurrence.level,
        "title": occurrence.title,
        "message": occurrence.message,
        "culprit": occurrence.culprit,
        "environment": occurrence.environment,
        "release": occurrence.release,
        "user": occurrence.user,
        "tags": dict(occurrence.tags),
        "attributes": dict(occurrence.attributes),
        "state": trigger or "",
    }

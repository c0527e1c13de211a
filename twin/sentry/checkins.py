"""Sentry's cron monitors: check-ins, missed check-ins and overdue jobs."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim

from twin.host.time_scale import TimeScale
from twin.sentry.issues import Issues, Occurrence, find_project_id
from twin.vendor.store import Attributes, VendorStore

CHECKINS = "checkins"
_KEPT = 2_000
_DEFAULT_MARGIN_MINUTES = 1
_DEFAULT_RUNTIME_MINUTES = 30
_UNIT_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}
_log = structlog.get_logger("checkins")

CheckInStatus = Literal["in_progress", "ok", "error", "missed", "timeout"]


class CheckIns:
    """
    Receives the check-ins of cron monitors, and keeps a state per monitor and environment.

    State: vendor "twin", kind "cron", id `<monitor id>:<environment>`, with `status`, `expected` (Unix time
    of the next check-in), `running` (check-in ids and their starts), `failures`, `successes`, `open` (there
    is an open issue). As at the vendor, no check-in of a monitor is missed before its first check-in. Every
    check-in is appended to the log "checkins" as {monitor, monitorId, project, checkInId, environment,
    status} with the status in_progress, ok, error, missed or timeout.
    """

    def __init__(self, store: VendorStore, time_scale: TimeScale, issues: Issues) -> None:
        self._store = store
        self._time_scale = time_scale
        self._issues = issues

    def accept(self, project: Attributes, slug: str, checkin: Mapping[str, Any]) -> str | None:
        """
        Record a check-in {status, check_in_id?, environment?} of a project's monitor and return its id.

        Return None if the project has no such monitor. Unlike the vendor, the twin doesn't create a monitor
        from a check-in: monitors are declared.
        """
        candidates = self._list_monitors().items()
        match = next(
            ((id_, monitor) for id_, monitor in candidates if _matches(monitor, project, slug)), None
        )
        if match is None:
            _log.warning("check-in for an unknown monitor", slug=slug, project=project["slug"])
            return None
        monitor_id, monitor = match
        status, environment = checkin["status"], str(checkin.get("environment") or "production")
        with self._store.transaction():
            now = time.time()
            state: dict[str, Any] = {**self._read_state(monitor_id, environment), "checkedIn": now}
            sent_id = str(checkin.get("check_in_id") or "")
            latest = next(reversed(state["running"]), None)
            checkin_id = (
                sent_id if sent_id.strip("0-") else (status != "in_progress" and latest) or uuid4().hex
            )
            if status == "in_progress":
                state["running"][checkin_id] = now
            else:
                state["running"].pop(checkin_id, None)
                self._update_issue(monitor_id, monitor, environment, state, status)
            state["expected"] = next_checkin_time(monitor, now, self._time_scale)
            self._record(monitor_id, monitor, environment, checkin_id, status)
            self._write_state(monitor_id, environment, {**state, "status": status})
        return checkin_id

    def tick(self) -> None:
        """Record missed check-ins and jobs that run too long."""
        now = time.time()
        monitors = self._list_monitors()
        for key, state in self._store.list("twin", "cron").items():
            monitor_id, _, environment = key.partition(":")
            monitor = monitors.get(monitor_id)
            if monitor is None:
                self._store.remove("twin", "cron", key)
            elif monitor.get("enabled") is not False and (overdue := self._find_overdue(monitor, state, now)):
                with self._store.transaction():
                    for checkin_id, status in overdue.items():
                        state["running"].pop(checkin_id, None)
                        self._record(monitor_id, monitor, environment, checkin_id, status)
                        self._update_issue(monitor_id, monitor, environment, state, status)
                        state["status"] = status
                    if "missed" in overdue.values():
                        state["expected"] = next_checkin_time(monitor, state["expected"], self._time_scale)
                    self._write_state(monitor_id, environment, state)

    def _find_overdue(self, monitor: Attributes, state: Attributes, now: float) -> dict[str, CheckInStatus]:
        max_runtime = self._time_scale.scale_minutes(
            monitor.get("maxRuntimeMinutes") or _DEFAULT_RUNTIME_MINUTES
        )
        margin = self._time_scale.scale_minutes(
            monitor.get("checkinMarginMinutes") or _DEFAULT_MARGIN_MINUTES
        )
        overdue: dict[str, CheckInStatus] = {
            id_: "timeout" for id_, started in state["running"].items() if now - started > max_runtime
        }
        if now > state["expected"] + margin:
            overdue[uuid4().hex] = "missed"
        return overdue

    def _update_issue(
        self, monitor_id: str, monitor: Attributes, environment: str, state: Attributes, status: CheckInStatus
    ) -> None:
        """Count successes and failures; open or resolve the issue at the monitor's thresholds."""
        succeeded = status == "ok"
        state["successes"] = state["successes"] + 1 if succeeded else 0
        state["failures"] = 0 if succeeded else state["failures"] + 1
        occurrence = self._build_occurrence(monitor_id, monitor, environment, status)
        if not succeeded and state["failures"] >= (monitor.get("failureIssueThreshold") or 1):
            state["open"] = True
            self._issues.record(occurrence)
        elif state["open"] and succeeded and state["successes"] >= (monitor.get("recoveryThreshold") or 1):
            state["open"] = False
            self._issues.resolve(occurrence)

    def _build_occurrence(
        self, monitor_id: str, monitor: Attributes, environment: str, status: CheckInStatus
    ) -> Occurrence:
        return Occurrence(
            project_id=find_project_id(self._store, monitor),
            type="monitor_check_in_failure",
            fingerprint=(f"cron-{monitor_id}-{environment}",),
            detector_id=monitor_id,
            level="error",
            title=f"Cron failure: {monitor['name']}",
            message=f"{status} check-in",
            environment=environment,
            tags={"monitor.slug": monitor["slug"], "monitor.id": monitor_id, "environment": environment},
        )

    def _list_monitors(self) -> dict[str, Attributes]:
        return self._store.list("sentry", "cronMonitor")

    def _read_state(self, monitor_id: str, environment: str) -> Attributes:
        fresh = {"status": "", "running": {}, "failures": 0, "successes": 0, "open": False}
        return self._store.get("twin", "cron", f"{monitor_id}:{environment}") or fresh

    def _write_state(self, monitor_id: str, environment: str, state: Attributes) -> None:
        key = f"{monitor_id}:{environment}"
        exists = self._store.get("twin", "cron", key) is not None
        (self._store.replace if exists else self._store.insert)("twin", "cron", key, state)

    def _record(
        self, monitor_id: str, monitor: Attributes, environment: str, checkin_id: str, status: CheckInStatus
    ) -> None:
        entry = {
            "monitor": monitor["name"],
            "monitorId": monitor_id,
            "project": monitor["project"],
            "checkInId": checkin_id,
            "status": status,
            "environment": environment,
        }
        self._store.append_log(CHECKINS, entry)
        self._store.prune_log(CHECKINS, _KEPT)
        _log.info("check-in", monitor=monitor["name"], status=status)


def next_checkin_time(monitor: Attributes, after: float, time_scale: TimeScale) -> float:
    """Return the Unix time of the next check-in after `after`. A month has 30 days, a year 365."""
    schedule = monitor["schedule"]
    if crontab := schedule.get("crontab"):
        zone = ZoneInfo(monitor.get("timezone") or "UTC")
        return next(CronSim(crontab, datetime.fromtimestamp(after, zone))).timestamp()
    interval = timedelta(days=schedule["intervalValue"] * _UNIT_DAYS[schedule["intervalUnit"]])
    return after + time_scale.scale_seconds(interval.total_seconds())


def _matches(monitor: Attributes, project: Attributes, slug: str) -> bool:
    address = (project["organization"], project["slug"], slug)
    return (monitor["organization"], monitor["project"], monitor["slug"]) == address

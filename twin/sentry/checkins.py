"""Sentry's cron monitors: check-ins, and what happens when they stay out."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim

from twin.host.time_scale import TimeScale
from twin.sentry.issues import Issues, Occurrence, project_number
from twin.vendor.store import Attributes, VendorStore

CHECKINS = "checkins"
_KEPT = 2_000
_DEFAULT_MARGIN_MINUTES = 1
_DEFAULT_RUNTIME_MINUTES = 30
_UNIT_DAYS = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1, "week": 7, "month": 30, "year": 365}
_log = structlog.get_logger("checkins")

MonitorStatus = Literal["in_progress", "ok", "error", "missed", "timeout"]


class CheckIns:
    """
    Cron monitors by project and slug, each with a state per environment.

    State: vendor "twin", kind "cron", id `<monitor id>:<environment>`, with `status`, `expected` (Unix time
    of the next check-in), `running` (check-in ids and their starts), `failures`, `successes`, `open` (there
    is an issue). Like at the vendor, a monitor waits for its first check-in; only then can one be missed.
    Every check-in goes to stream "checkins" as {monitor, monitorId, project, checkInId, environment, status}
    with the status in_progress, ok, error, missed or timeout.
    """

    def __init__(self, store: VendorStore, pace: TimeScale, issues: Issues) -> None:
        self._store = store
        self._pace = pace
        self._issues = issues

    def accept(self, project: Attributes, slug: str, checkin: Mapping[str, Any]) -> str | None:
        """
        Take a check-in {status, check_in_id?, environment?} of a project's monitor and return its id.

        None when the project has no such monitor: unlike the vendor the twin makes none from a check-in,
        because what is monitored is declared.
        """
        found = next((found for found in self._monitors().items() if _is(found[1], project, slug)), None)
        if found is None:
            _log.warning("check-in for an unknown monitor", slug=slug, project=project["slug"])
            return None
        monitor_id, monitor = found
        status, environment = checkin["status"], str(checkin.get("environment") or "production")
        with self._store.transaction():
            now = time.time()
            state = self._state(monitor_id, environment)
            given = str(checkin.get("check_in_id") or "")
            latest = next(reversed(state["running"]), None)
            checkin_id = given if given.strip("0-") else (status != "in_progress" and latest) or uuid4().hex
            if status == "in_progress":
                state["running"][checkin_id] = now
            else:
                state["running"].pop(checkin_id, None)
                self._judge(monitor_id, monitor, environment, state, status)
            state["expected"] = next_expected(monitor, now, self._pace)
            self._note(monitor_id, monitor, environment, checkin_id, status)
            self._save(monitor_id, environment, {**state, "status": status})
        return checkin_id

    def tick(self) -> None:
        """Find check-ins that were missed and jobs that run too long."""
        now = time.time()
        monitors = self._monitors()
        for key, state in self._store.list("twin", "cron").items():
            monitor_id, _, environment = key.partition(":")
            monitor = monitors.get(monitor_id)
            if monitor is None:
                self._store.remove("twin", "cron", key)
            elif monitor.get("enabled") is not False and (due := self._overdue(monitor, state, now)):
                with self._store.transaction():
                    for checkin_id, status in due.items():
                        state["running"].pop(checkin_id, None)
                        self._note(monitor_id, monitor, environment, checkin_id, status)
                        self._judge(monitor_id, monitor, environment, state, status)
                        state["status"] = status
                    if "missed" in due.values():
                        state["expected"] = next_expected(monitor, state["expected"], self._pace)
                    self._save(monitor_id, environment, state)

    def _overdue(self, monitor: Attributes, state: Attributes, now: float) -> dict[str, MonitorStatus]:
        longest = self._pace.minutes(monitor.get("maxRuntimeMinutes") or _DEFAULT_RUNTIME_MINUTES)
        margin = self._pace.minutes(monitor.get("checkinMarginMinutes") or _DEFAULT_MARGIN_MINUTES)
        due: dict[str, MonitorStatus] = {
            id_: "timeout" for id_, started in state["running"].items() if now - started > longest
        }
        if now > state["expected"] + margin:
            due[uuid4().hex] = "missed"
        return due

    def _judge(
        self, monitor_id: str, monitor: Attributes, environment: str, state: Attributes, status: MonitorStatus
    ) -> None:
        """Count, and open or settle the issue at the monitor's thresholds."""
        well = status == "ok"
        state["successes"] = state["successes"] + 1 if well else 0
        state["failures"] = 0 if well else state["failures"] + 1
        occurrence = self._occurrence(monitor_id, monitor, environment, status)
        if not well and state["failures"] >= (monitor.get("failureIssueThreshold") or 1):
            state["open"] = True
            self._issues.occur(occurrence)
        elif state["open"] and well and state["successes"] >= (monitor.get("recoveryThreshold") or 1):
            state["open"] = False
            self._issues.resolve(occurrence)

    def _occurrence(
        self, monitor_id: str, monitor: Attributes, environment: str, status: MonitorStatus
    ) -> Occurrence:
        return Occurrence(
            project_id=project_number(self._store, monitor),
            type="monitor_check_in_failure",
            fingerprint=(f"cron-{monitor_id}-{environment}",),
            detector_id=monitor_id,
            level="error",
            title=f"Cron failure: {monitor['name']}",
            message=f"{status} check-in",
            environment=environment,
            tags={"monitor.slug": monitor["slug"], "monitor.id": monitor_id, "environment": environment},
        )

    def _monitors(self) -> dict[str, Attributes]:
        return self._store.list("sentry", "cronMonitor")

    def _state(self, monitor_id: str, environment: str) -> Attributes:
        fresh = {"status": "", "running": {}, "failures": 0, "successes": 0, "open": False}
        return self._store.get("twin", "cron", f"{monitor_id}:{environment}") or fresh

    def _save(self, monitor_id: str, environment: str, state: Attributes) -> None:
        key = f"{monitor_id}:{environment}"
        known = self._store.get("twin", "cron", key) is not None
        (self._store.replace if known else self._store.insert)("twin", "cron", key, state)

    def _note(
        self, monitor_id: str, monitor: Attributes, environment: str, checkin_id: str, status: MonitorStatus
    ) -> None:
        entry = {
            "monitor": monitor["name"],
            "monitorId": monitor_id,
            "project": monitor["project"],
            "checkInId": checkin_id,
            "status": status,
            "environment": environment,
        }
        self._store.record(CHECKINS, entry)
        self._store.prune(CHECKINS, _KEPT)
        _log.info("check-in", monitor=monitor["name"], status=status)


def next_expected(monitor: Attributes, after: float, pace: TimeScale) -> float:
    """Return the Unix time of the next check-in after `after`; months and years are 30 and 365 days."""
    schedule = monitor["schedule"]
    if crontab := schedule.get("crontab"):
        zone = ZoneInfo(monitor.get("timezone") or "UTC")
        return next(CronSim(crontab, datetime.fromtimestamp(after, zone))).timestamp()
    interval = timedelta(days=schedule["intervalValue"] * _UNIT_DAYS[schedule["intervalUnit"]])
    return after + pace.seconds(interval.total_seconds())


def _is(monitor: Attributes, project: Attributes, slug: str) -> bool:
    wanted = (project["organization"], project["slug"], slug)
    return (monitor["organization"], monitor["project"], monitor["slug"]) == wanted

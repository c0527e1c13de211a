"""The outside view: looks at every declared monitor's target at its interval and notes when that changes."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from twin.host.time_scale import TimeScale
from twin.host.worker_pool import WorkerPool
from twin.sentry.issues import Issues, Occurrence, project_number
from twin.uptimerobot.alerts import UptimeAlerts
from twin.uptimerobot.maintenance_windows import in_maintenance
from twin.uptimerobot.monitor_state import ProbeVerdict, due_reminder, inspect, inspect_uptime
from twin.vendor.store import Attributes, VendorStore

PROBES = "probes"
_KEPT = 5_000
_WORKERS = 16
_CONFIRM_SECONDS = 1.5
"""A failure is looked at once more before it counts, as UptimeRobot does; how soon is the twin's choice."""
_HEAD_START_SECONDS = 3.0
"""A look starts this much before its interval is over, so that the confirmed verdict falls within it."""
_NEVER_PROBED: Attributes = {"status": "UNKNOWN", "probed": 0.0, "slow": False, "failures": 0, "successes": 0}
_log = structlog.get_logger("prober")


class Prober:
    """
    Watches UptimeRobot's monitors and Sentry's uptime monitors, each at its own interval.

    State survives a restart: vendor "twin", kind "watch", id `<vendor>:<monitor id>`, with `status` (UP,
    DOWN, PAUSED, UNKNOWN before the first look, NOT_PROBED for kinds that the twin cannot look at), `since`,
    `probed` (Unix times) and `detail`. Every look goes to stream "probes" as {vendor, monitorId, monitor,
    type, up, detail, responseMs, maintenance}.
    """

    def __init__(
        self, store: VendorStore, pace: TimeScale, authority: Path, alerts: UptimeAlerts, issues: Issues
    ) -> None:
        self._store = store
        self._pace = pace
        self._authority = authority
        self._alerts = alerts
        self._issues = issues
        self._crew = WorkerPool("probe", size=_WORKERS)

    def tick(self) -> None:
        """Start the looks that are due, judge heartbeats, forget what is no longer declared."""
        now = time.time()
        monitors = self._store.list("uptimerobot", "monitor")
        uptime = self._store.list("sentry", "uptimeMonitor")
        silent = self._silent(monitors)
        self._forget({f"uptimerobot:{id_}" for id_ in monitors} | {f"sentry:{id_}" for id_ in uptime})
        self._alerts.tick(monitors, silent, now)
        for id_, monitor in monitors.items():
            self._consider(id_, monitor, now, silent=id_ in silent)
        for id_, monitor in uptime.items():
            self._consider_uptime(id_, monitor, now)

    def stop(self) -> None:
        """End, leaving behind a look that takes longer than a moment: the next process looks again."""
        self._crew.stop()

    def ping(self, key: str) -> bool:
        """Note a ping of the heartbeat monitor whose URL ends in `key`; False when there is none."""
        for id_, monitor in self._store.list("uptimerobot", "monitor").items():
            url = str(monitor.get("url") or "")
            if monitor["type"] == "HEARTBEAT" and key and url.rpartition("/")[2] == key:
                self._change(f"uptimerobot:{id_}", pinged=time.time())
                return True
        return False

    def _consider(self, id_: str, monitor: Attributes, now: float, *, silent: bool) -> None:
        watch = self._watch(f"uptimerobot:{id_}", now)
        if monitor.get("isPaused") is True:
            if watch["status"] != "PAUSED":
                with self._store.transaction():
                    self._change(
                        f"uptimerobot:{id_}", status="PAUSED", since=now, slow=False, detail="paused"
                    )
                    self._alerts.drop(id_)
        elif watch["status"] == "PAUSED":
            fresh = {**_NEVER_PROBED, "since": now, "created": now}
            self._change(f"uptimerobot:{id_}", **fresh)
        elif monitor["type"] == "HEARTBEAT":
            self._judge_heartbeat(id_, monitor, watch, now, silent=silent)
        elif self._due(watch, monitor["interval"], now):
            self._submit(f"uptimerobot:{id_}", lambda: self._look(id_, monitor, silent=silent))

    def _consider_uptime(self, id_: str, monitor: Attributes, now: float) -> None:
        watch = self._watch(f"sentry:{id_}", now)
        if monitor.get("enabled") is not False and self._due(watch, monitor["intervalSeconds"], now):
            self._submit(f"sentry:{id_}", lambda: self._look_uptime(id_, monitor))

    def _due(self, watch: Attributes, interval_seconds: float, now: float) -> bool:
        return now - watch["probed"] >= self._pace.seconds(interval_seconds - _HEAD_START_SECONDS)

    def _submit(self, key: str, work: Callable[[], None]) -> None:
        def run() -> None:
            self._change(key, probed=time.time())
            work()

        self._crew.submit(key, run)

    def _look(self, id_: str, monitor: Attributes, *, silent: bool) -> None:
        key = f"uptimerobot:{id_}"
        verdict = inspect(monitor, self._authority)
        was_down = self._watch(key, time.time())["status"] == "DOWN"
        if verdict.up is False and not was_down:
            self._crew.stopping.wait(self._pace.seconds(_CONFIRM_SECONDS))
            verdict = inspect(monitor, self._authority)
        with self._store.transaction():
            self._record("uptimerobot", id_, monitor, verdict, silent=silent)
            if self._store.get("uptimerobot", "monitor", id_) is None or silent:
                return
            self._turn(id_, monitor, verdict, time.time())
            self._judge_certificate(id_, monitor, verdict)

    def _turn(self, id_: str, monitor: Attributes, verdict: ProbeVerdict, now: float) -> None:
        """Note the verdict, and begin or end an outage where it differs from the last one."""
        key = f"uptimerobot:{id_}"
        watch = self._watch(key, now)
        status = {True: "UP", False: "DOWN", None: "NOT_PROBED"}[verdict.up]
        slow = verdict.slow is True
        if status != watch["status"]:
            self._change(key, status=status, since=now)
            log = _log.warning if status in {"DOWN", "NOT_PROBED"} else _log.info
            log("monitor changed", monitor=monitor.get("name"), status=status, detail=verdict.detail)
            if status == "DOWN":
                self._alerts.begin(id_, "down", verdict.detail, now)
            elif watch["status"] == "DOWN":
                self._alerts.end(id_, "down", now)
        if slow != watch["slow"]:
            (
                self._alerts.begin(id_, "slow", verdict.detail, now)
                if slow
                else self._alerts.end(id_, "slow", now)
            )
        self._change(key, slow=slow, detail=verdict.detail)

    def _judge_heartbeat(
        self, id_: str, monitor: Attributes, watch: Attributes, now: float, *, silent: bool
    ) -> None:
        """A heartbeat is late when neither a ping nor its creation lies within interval plus grace period."""
        allowed = self._pace.seconds(monitor["interval"] + (monitor.get("gracePeriod") or 0))
        pinged = watch.get("pinged", 0.0)
        late = now - max(pinged, watch["created"]) > allowed
        if not late and pinged < watch["created"]:
            return
        status = "DOWN" if late else "UP"
        if status != watch["status"] and not silent:
            verdict = ProbeVerdict(not late, "no ping in time" if late else "pinged")
            with self._store.transaction():
                self._record("uptimerobot", id_, monitor, verdict, silent=silent)
                self._turn(id_, monitor, verdict, now)

    def _judge_certificate(self, id_: str, monitor: Attributes, verdict: ProbeVerdict) -> None:
        """Remind once for each period that the certificate's end enters."""
        if not verdict.certificate_end or (day := due_reminder(monitor, verdict.certificate_end)) is None:
            return
        end = verdict.certificate_end.isoformat()
        reminded = {"end": end, "day": day}
        if self._watch(f"uptimerobot:{id_}", time.time()).get("reminded") != reminded:
            self._change(f"uptimerobot:{id_}", reminded=reminded)
            self._alerts.remind(id_, monitor, day, end)

    def _look_uptime(self, id_: str, monitor: Attributes) -> None:
        """Count looks: `downtimeThreshold` failures open an issue, `recoveryThreshold` successes close it."""
        key, now = f"sentry:{id_}", time.time()
        verdict = inspect_uptime(monitor, self._authority)
        with self._store.transaction():
            self._record("sentry", id_, monitor, verdict, silent=False)
            watch = self._watch(key, now)
            failures = watch["failures"] + 1 if verdict.up is False else 0
            successes = watch["successes"] + 1 if verdict.up else 0
            self._change(key, failures=failures, successes=successes, detail=verdict.detail)
            outage = self._outage(id_, monitor, verdict)
            if verdict.up is None and watch["status"] != "NOT_PROBED":
                self._change(key, status="NOT_PROBED", since=now)
                _log.warning("monitor not probed", monitor=monitor.get("name"), detail=verdict.detail)
            elif failures >= (monitor.get("downtimeThreshold") or 3) and watch["status"] != "DOWN":
                self._change(key, status="DOWN", since=now)
                self._issues.occur(outage)
            elif successes >= (monitor.get("recoveryThreshold") or 1) and watch["status"] != "UP":
                self._change(key, status="UP", since=now)
                self._issues.resolve(outage)

    def _outage(self, id_: str, monitor: Attributes, verdict: ProbeVerdict) -> Occurrence:
        return Occurrence(
            project_id=project_number(self._store, monitor),
            type="uptime_domain_failure",
            fingerprint=(f"uptime-{id_}",),
            detector_id=id_,
            level="error",
            title=f"Downtime detected for {monitor['url']}",
            message=verdict.detail,
            environment=monitor.get("environment") or "",
        )

    def _record(
        self, vendor: str, id_: str, monitor: Attributes, verdict: ProbeVerdict, *, silent: bool
    ) -> None:
        entry = {
            "vendor": vendor,
            "monitorId": id_,
            "monitor": monitor.get("name") or id_,
            "type": monitor.get("type") or "UPTIME",
            "up": verdict.up,
            "detail": verdict.detail,
            "responseMs": verdict.response_ms,
            "maintenance": silent,
        }
        self._store.record(PROBES, entry)
        self._store.prune(PROBES, _KEPT)

    def _silent(self, monitors: dict[str, Attributes]) -> frozenset[str]:
        windows = self._store.list("uptimerobot", "maintenanceWindow")
        moment = datetime.now(UTC)
        return frozenset(id_ for id_, m in monitors.items() if in_maintenance(id_, m, windows, moment))

    def _watch(self, key: str, now: float) -> Attributes:
        """Return a monitor's state; the first call is taken for the monitor's creation."""
        if (watch := self._store.get("twin", "watch", key)) is None:
            watch = {**_NEVER_PROBED, "since": now, "created": now, "detail": ""}
            self._store.insert("twin", "watch", key, watch)
        return watch

    def _change(self, key: str, **changes: object) -> None:
        with self._store.transaction():
            self._store.replace("twin", "watch", key, {**self._watch(key, time.time()), **changes})

    def _forget(self, declared: set[str]) -> None:
        for key in self._store.list("twin", "watch").keys() - declared - self._crew.under_way:
            vendor, _, id_ = key.partition(":")
            with self._store.transaction():
                self._store.remove("twin", "watch", key)
                if vendor == "uptimerobot":
                    self._alerts.drop(id_)

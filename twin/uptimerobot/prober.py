"""The prober: it probes the target of every monitor at its interval and records changes of its state."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog

from twin.host.time_scale import TimeScale
from twin.host.worker_pool import WorkerPool
from twin.uptimerobot.alerts import UptimeAlerts
from twin.uptimerobot.maintenance_windows import is_in_maintenance
from twin.uptimerobot.monitor_state import ProbeVerdict, due_reminder, probe_monitor, probe_uptime_monitor
from twin.vendor.store import Attributes, VendorStore

PROBES = "probes"
_KEPT = 5_000
_WORKERS = 16
_CONFIRM_SECONDS = 1.5
"""The delay before a failure is confirmed by a second probe, as UptimeRobot does; the twin's choice."""
_HEAD_START_SECONDS = 3.0
"""A probe starts this long before its interval ends, so that the confirmed verdict falls within it."""
_NEVER_PROBED: Attributes = {"status": "UNKNOWN", "probed": 0.0, "slow": False, "failures": 0, "successes": 0}
_log = structlog.get_logger("prober")


class DowntimeListener(Protocol):
    """Called within the transaction that records that a Sentry uptime monitor is down or up again."""

    def on_down(self, monitor_id: str, monitor: Attributes, detail: str) -> None: ...

    def on_recovery(self, monitor_id: str, monitor: Attributes, detail: str) -> None: ...


class Prober:
    """
    Probes UptimeRobot's monitors and Sentry's uptime monitors, each at its own interval.

    The state survives a restart: vendor "twin", kind "watch", id `<vendor>:<monitor id>`, with `status` (UP,
    DOWN, PAUSED, UNKNOWN before the first probe, NOT_PROBED for types that the twin can't probe), `since`,
    `probed` (Unix times) and `detail`. Every probe is appended to the log "probes" as {vendor, monitorId,
    monitor, type, up, detail, responseMs, maintenance}.
    """

    def __init__(
        self,
        store: VendorStore,
        time_scale: TimeScale,
        authority: Path,
        alerts: UptimeAlerts,
        downtime_listener: DowntimeListener,
    ) -> None:
        self._store = store
        self._time_scale = time_scale
        self._authority = authority
        self._alerts = alerts
        self._downtime_listener = downtime_listener
        self._pool = WorkerPool("probe", size=_WORKERS)

    def tick(self) -> None:
        """Start the probes that are due, judge heartbeats, and forget monitors that no longer exist."""
        now = time.time()
        monitors = self._store.list("uptimerobot", "monitor")
        uptime_monitors = self._store.list("sentry", "uptimeMonitor")
        muted = self._find_muted(monitors)
        self._forget_undeclared(
            {f"uptimerobot:{id_}" for id_ in monitors} | {f"sentry:{id_}" for id_ in uptime_monitors}
        )
        self._alerts.tick(monitors, muted, now)
        for id_, monitor in monitors.items():
            self._check_monitor(id_, monitor, now, muted=id_ in muted)
        for id_, monitor in uptime_monitors.items():
            self._check_uptime_monitor(id_, monitor, now)

    def stop(self) -> None:
        """Stop. A probe that takes longer than two seconds is abandoned; the next process repeats it."""
        self._pool.stop()

    def record_ping(self, key: str) -> bool:
        """Record a ping of the heartbeat monitor whose URL ends in `key`; return False if there is none."""
        for id_, monitor in self._store.list("uptimerobot", "monitor").items():
            url = str(monitor.get("url") or "")
            if monitor["type"] == "HEARTBEAT" and key and url.rpartition("/")[2] == key:
                self._update_watch(f"uptimerobot:{id_}", pinged=time.time())
                return True
        return False

    def _check_monitor(self, id_: str, monitor: Attributes, now: float, *, muted: bool) -> None:
        watch = self._get_or_create_watch(f"uptimerobot:{id_}", now)
        if monitor.get("isPaused") is True:
            if watch["status"] != "PAUSED":
                with self._store.transaction():
                    self._update_watch(
                        f"uptimerobot:{id_}", status="PAUSED", since=now, slow=False, detail="paused"
                    )
                    self._alerts.discard_incidents(id_)
        elif watch["status"] == "PAUSED":
            self._update_watch(f"uptimerobot:{id_}", **_NEVER_PROBED, since=now, created=now)
        elif monitor["type"] == "HEARTBEAT":
            self._judge_heartbeat(id_, monitor, watch, now, muted=muted)
        elif self._is_due(watch, monitor["interval"], now):
            self._submit(f"uptimerobot:{id_}", lambda: self._probe(id_, monitor, muted=muted))

    def _check_uptime_monitor(self, id_: str, monitor: Attributes, now: float) -> None:
        watch = self._get_or_create_watch(f"sentry:{id_}", now)
        if monitor.get("enabled") is not False and self._is_due(watch, monitor["intervalSeconds"], now):
            self._submit(f"sentry:{id_}", lambda: self._probe_uptime_monitor(id_, monitor))

    def _is_due(self, watch: Attributes, interval_seconds: float, now: float) -> bool:
        return now - watch["probed"] >= self._time_scale.scale_seconds(interval_seconds - _HEAD_START_SECONDS)

    def _submit(self, key: str, work: Callable[[], None]) -> None:
        def run() -> None:
            self._update_watch(key, probed=time.time())
            work()

        self._pool.submit(key, run)

    def _probe(self, id_: str, monitor: Attributes, *, muted: bool) -> None:
        key = f"uptimerobot:{id_}"
        verdict = probe_monitor(monitor, self._authority)
        was_down = self._get_or_create_watch(key, time.time())["status"] == "DOWN"
        if verdict.up is False and not was_down:
            self._pool.stopping.wait(self._time_scale.scale_seconds(_CONFIRM_SECONDS))
            verdict = probe_monitor(monitor, self._authority)
        with self._store.transaction():
            self._record("uptimerobot", id_, monitor, verdict, muted=muted)
            if self._store.get("uptimerobot", "monitor", id_) is None or muted:
                return
            self._apply_verdict(id_, monitor, verdict, time.time())
            self._remind_of_certificate(id_, monitor, verdict)

    def _apply_verdict(self, id_: str, monitor: Attributes, verdict: ProbeVerdict, now: float) -> None:
        """Record the verdict, and open or close an incident if it differs from the last one."""
        key = f"uptimerobot:{id_}"
        watch = self._get_or_create_watch(key, now)
        status = {True: "UP", False: "DOWN", None: "NOT_PROBED"}[verdict.up]
        slow = verdict.slow is True
        if status != watch["status"]:
            self._update_watch(key, status=status, since=now)
            write_log = _log.warning if status in {"DOWN", "NOT_PROBED"} else _log.info
            write_log("monitor changed", monitor=monitor.get("name"), status=status, detail=verdict.detail)
            if status == "DOWN":
                self._alerts.open_incident(id_, "down", verdict.detail, now)
            elif watch["status"] == "DOWN":
                self._alerts.close_incident(id_, "down", now)
        if slow != watch["slow"]:
            if slow:
                self._alerts.open_incident(id_, "slow", verdict.detail, now)
            else:
                self._alerts.close_incident(id_, "slow", now)
        self._update_watch(key, slow=slow, detail=verdict.detail)

    def _judge_heartbeat(
        self, id_: str, monitor: Attributes, watch: Attributes, now: float, *, muted: bool
    ) -> None:
        """
        Judge a heartbeat monitor.

        It is down if its last ping and its creation are both older than interval plus grace period.
        """
        allowed = self._time_scale.scale_seconds(monitor["interval"] + (monitor.get("gracePeriod") or 0))
        pinged = watch.get("pinged", 0.0)
        late = now - max(pinged, watch["created"]) > allowed
        if not late and pinged < watch["created"]:
            return
        status = "DOWN" if late else "UP"
        if status != watch["status"] and not muted:
            verdict = ProbeVerdict(not late, "no ping in time" if late else "pinged")
            with self._store.transaction():
                self._record("uptimerobot", id_, monitor, verdict, muted=muted)
                self._apply_verdict(id_, monitor, verdict, now)

    def _remind_of_certificate(self, id_: str, monitor: Attributes, verdict: ProbeVerdict) -> None:
        """Send one reminder for each reminder period in which the certificate ends."""
        if not verdict.certificate_end or (day := due_reminder(monitor, verdict.certificate_end)) is None:
            return
        end = verdict.certificate_end.isoformat()
        reminded = {"end": end, "day": day}
        if self._get_or_create_watch(f"uptimerobot:{id_}", time.time()).get("reminded") != reminded:
            self._update_watch(f"uptimerobot:{id_}", reminded=reminded)
            self._alerts.send_certificate_reminder(id_, monitor, day, end)

    def _probe_uptime_monitor(self, id_: str, monitor: Attributes) -> None:
        """
        Probe the target, and count failures and successes in a row.

        The monitor is down after `downtimeThreshold` failures and up after `recoveryThreshold` successes.
        """
        key, now = f"sentry:{id_}", time.time()
        verdict = probe_uptime_monitor(monitor, self._authority)
        with self._store.transaction():
            self._record("sentry", id_, monitor, verdict, muted=False)
            watch = self._get_or_create_watch(key, now)
            failures = watch["failures"] + 1 if verdict.up is False else 0
            successes = watch["successes"] + 1 if verdict.up else 0
            self._update_watch(key, failures=failures, successes=successes, detail=verdict.detail)
            if verdict.up is None and watch["status"] != "NOT_PROBED":
                self._update_watch(key, status="NOT_PROBED", since=now)
                _log.warning("monitor not probed", monitor=monitor.get("name"), detail=verdict.detail)
            elif failures >= (monitor.get("downtimeThreshold") or 3) and watch["status"] != "DOWN":
                self._update_watch(key, status="DOWN", since=now)
                self._downtime_listener.on_down(id_, monitor, verdict.detail)
            elif successes >= (monitor.get("recoveryThreshold") or 1) and watch["status"] != "UP":
                self._update_watch(key, status="UP", since=now)
                self._downtime_listener.on_recovery(id_, monitor, verdict.detail)

    def _record(
        self, vendor: str, id_: str, monitor: Attributes, verdict: ProbeVerdict, *, muted: bool
    ) -> None:
        entry = {
            "vendor": vendor,
            "monitorId": id_,
            "monitor": monitor.get("name") or id_,
            "type": monitor.get("type") or "UPTIME",
            "up": verdict.up,
            "detail": verdict.detail,
            "responseMs": verdict.response_ms,
            "maintenance": muted,
        }
        self._store.append_log(PROBES, entry)
        self._store.prune_log(PROBES, _KEPT)

    def _find_muted(self, monitors: dict[str, Attributes]) -> frozenset[str]:
        windows = self._store.list("uptimerobot", "maintenanceWindow")
        moment = datetime.now(UTC)
        return frozenset(
            id_ for id_, monitor in monitors.items() if is_in_maintenance(id_, monitor, windows, moment)
        )

    def _get_or_create_watch(self, key: str, now: float) -> Attributes:
        """Return a monitor's state. The first call creates it; `now` is then the time of creation."""
        if (watch := self._store.get("twin", "watch", key)) is None:
            watch = {**_NEVER_PROBED, "since": now, "created": now, "detail": ""}
            self._store.insert("twin", "watch", key, watch)
        return watch

    def _update_watch(self, key: str, **changes: object) -> None:
        with self._store.transaction():
            self._store.replace(
                "twin", "watch", key, {**self._get_or_create_watch(key, time.time()), **changes}
            )

    def _forget_undeclared(self, declared: set[str]) -> None:
        for key in self._store.list("twin", "watch").keys() - declared - self._pool.active_keys:
            vendor, _, id_ = key.partition(":")
            with self._store.transaction():
                self._store.remove("twin", "watch", key)
                if vendor == "uptimerobot":
                    self._alerts.discard_incidents(id_)

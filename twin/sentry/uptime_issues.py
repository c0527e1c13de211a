"""Sentry's issues of uptime monitors: the prober reports a downtime, which opens an issue, and its end."""

from twin.sentry.issues import Issues, Occurrence, find_project_id
from twin.vendor.store import Attributes, VendorStore


class UptimeIssues:
    """Opens an issue when an uptime monitor goes down, and resolves it on recovery."""

    def __init__(self, store: VendorStore, issues: Issues) -> None:
        self._store = store
        self._issues = issues

    def on_down(self, monitor_id: str, monitor: Attributes, detail: str) -> None:
        self._issues.record(self._build_occurrence(monitor_id, monitor, detail))

    def on_recovery(self, monitor_id: str, monitor: Attributes, detail: str) -> None:
        self._issues.resolve(self._build_occurrence(monitor_id, monitor, detail))

    def _build_occurrence(self, monitor_id: str, monitor: Attributes, detail: str) -> Occurrence:
        return Occurrence(
            project_id=find_project_id(self._store, monitor),
            type="uptime_domain_failure",
            fingerprint=(f"uptime-{monitor_id}",),
            detector_id=monitor_id,
            level="error",
            title=f"Downtime detected for {monitor['url']}",
            message=detail,
            environment=monitor.get("environment") or "",
        )

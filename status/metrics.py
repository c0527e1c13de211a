"""The health of a stack as metrics for Prometheus, in OpenMetrics' format (prometheus.io/docs/specs/om)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.registry import Collector

from status.assessment import LEVELS, Assessment
from status.health import Health, StoreHealth


@dataclass(frozen=True)
class MetricDescription:
    """A gauge that is exported; every one has the label `stack` too."""

    help: str
    labels: tuple[str, ...] = ()


METRICS: Final[dict[str, MetricDescription]] = {
    "bulwark_status": MetricDescription("1 at the level that the verdict has", ("level",)),
    "bulwark_findings": MetricDescription("Findings of each level", ("level",)),
    "bulwark_unknown": MetricDescription("1 where a question was not answered, else 0", ("question",)),
    "bulwark_looked_timestamp_seconds": MetricDescription("When the health was looked at"),
    "bulwark_resources": MetricDescription("Resources of the stack"),
    "bulwark_deployed_timestamp_seconds": MetricDescription("When the stack was deployed last"),
    "bulwark_backup_timestamp_seconds": MetricDescription(
        "When the vault took the newest backup that counts", ("store", "vault")
    ),
    "bulwark_backup_longest_age_seconds": MetricDescription(
        "How old the newest backup may become", ("store", "vault")
    ),
    "bulwark_backup_size_bytes": MetricDescription("Size of the newest backup", ("store", "vault")),
    "bulwark_backup_locked_until_timestamp_seconds": MetricDescription(
        "When the lock of the newest backup ends; 0: it has none", ("store", "vault")
    ),
    "bulwark_backup_damaged": MetricDescription("1 if the newest backup is damaged, else 0", ("store",)),
    "bulwark_proof_timestamp_seconds": MetricDescription(
        "When the newest proven backup was last restored and compared", ("store",)
    ),
    "bulwark_proof_longest_age_seconds": MetricDescription("How old the last proof may become", ("store",)),
    "bulwark_drill_timestamp_seconds": MetricDescription("When the newest drill was", ("scenario", "stores")),
    "bulwark_drill_passed": MetricDescription("1 if the newest drill passed, else 0", ("scenario", "stores")),
    "bulwark_drill_longest_age_seconds": MetricDescription("How long ago the last drill of a store may be"),
    "bulwark_drill_recovery_seconds": MetricDescription(
        "RTO: until all was verified, in the newest drill", ("scenario", "stores")
    ),
    "bulwark_drill_recovery_objective_seconds": MetricDescription(
        "The objective of that", ("scenario", "stores")
    ),
    "bulwark_drill_loss_seconds": MetricDescription(
        "RPO: what was lost in the newest drill", ("scenario", "stores")
    ),
    "bulwark_drill_loss_objective_seconds": MetricDescription(
        "The objective of that", ("scenario", "stores")
    ),
    "bulwark_readiness_timestamp_seconds": MetricDescription("When the newest readiness report was made"),
    "bulwark_readiness_longest_age_seconds": MetricDescription("How old the newest one may be"),
    "bulwark_readiness_score_ratio": MetricDescription("Its score, from 0 to 1"),
    "bulwark_readiness_failed": MetricDescription("How many of its checks failed"),
    "bulwark_readiness_verdict": MetricDescription("1 at the verdict that it has", ("verdict",)),
    "bulwark_monitor_state": MetricDescription(
        "1 at the state of a monitor or a heartbeat", ("monitor", "kind", "state")
    ),
    "bulwark_checkin_state": MetricDescription("1 at the state of a job's cron monitor", ("job", "state")),
    "bulwark_checkin_timestamp_seconds": MetricDescription("When a job checked in last", ("job",)),
    "bulwark_open_issues": MetricDescription("Open issues: errors, and alerts of monitors", ("kind",)),
    "bulwark_quota_used": MetricDescription(
        "What a database has used of a quota, in seconds or bytes", ("database", "quantity")
    ),
    "bulwark_quota_limit": MetricDescription(
        "The quota, at which the vendor suspends the database", ("database", "quantity")
    ),
    "bulwark_latency_objective_seconds": MetricDescription(
        "Within which 95 % of the application's requests are answered"
    ),
    "bulwark_failure_objective_ratio": MetricDescription("How many of the requests may fail, from 0 to 1"),
    "bulwark_drift_timestamp_seconds": MetricDescription("When drift was looked for last"),
    "bulwark_drift_differences": MetricDescription("What differed then from what is declared"),
    "bulwark_exception_end_timestamp_seconds": MetricDescription(
        "When a waiver or a reviewed entry ends", ("exception", "kind")
    ),
    "bulwark_service_up": MetricDescription("1 if a service of the twin runs, else 0", ("service",)),
}
"""Name -> metric. A time that is not known has no sample."""


def render_metrics(health: Health, assessment: Assessment) -> str:
    """Return the metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_HealthCollector(health, assessment))
    return str(generate_latest(registry), "utf-8")


@dataclass(frozen=True)
class _Samples:
    """The samples of all metrics, by name: values of labels, and the value."""

    by_name: dict[str, list[tuple[Sequence[str], float]]] = field(
        default_factory=dict[str, list[tuple[Sequence[str], float]]]
    )

    def add(self, name: str, value: float | datetime | None, *labels: str) -> None:
        """Add a sample; None is left out."""
        if value is not None:
            number = value.timestamp() if isinstance(value, datetime) else float(value)
            self.by_name.setdefault(name, []).append((labels, number))


class _HealthCollector(Collector):
    """Gives the registry one gauge for each metric that has samples."""

    def __init__(self, health: Health, assessment: Assessment) -> None:
        self._health, self._assessment = health, assessment

    def collect(self) -> Iterator[GaugeMetricFamily]:
        samples = _Samples()
        _add_summary(samples, self._health, self._assessment)
        for store in self._health.stores:
            _add_store(samples, store)
        _add_drills(samples, self._health)
        _add_readiness(samples, self._health)
        _add_monitors(samples, self._health)
        _add_rest(samples, self._health)
        for name, found in samples.by_name.items():
            metric = METRICS[name]
            family = GaugeMetricFamily(name, f"{metric.help}.", labels=("stack", *metric.labels))
            for labels, value in found:
                family.add_metric((self._health.stack, *labels), value)
            yield family


def _add_summary(samples: _Samples, health: Health, assessment: Assessment) -> None:
    for level in LEVELS:
        samples.add("bulwark_status", level == assessment.level, level)
        if level != "ok":
            count = sum(finding.level == level for finding in assessment.findings)
            samples.add("bulwark_findings", count, level)
    unknown = {
        "state": health.deployment.found is None,
        "drills": health.drills.found is None,
        "readiness": health.readiness.found is None,
        "monitors": health.monitors.found is None,
        "checkins": health.crons.found is None,
        "issues": health.issues.found is None,
        "quotas": health.quotas.found is None,
        "exceptions": health.deadlines.found is None,
    }
    for title in ("primary", "replica", "elsewhere"):
        answers = [store.vaults[title] for store in health.stores if title in store.vaults]
        if answers:
            unknown[f"vault {title}"] = any(answer.found is None for answer in answers)
    for question, value in unknown.items():
        samples.add("bulwark_unknown", value, question)
    samples.add("bulwark_looked_timestamp_seconds", health.looked_at)
    if deployment := health.deployment.found:
        samples.add("bulwark_resources", deployment.resources)
        samples.add("bulwark_deployed_timestamp_seconds", deployment.deployed_at)


def _add_store(samples: _Samples, store: StoreHealth) -> None:
    for vault, answer in store.vaults.items():
        samples.add("bulwark_backup_longest_age_seconds", store.longest_age_seconds[vault], store.name, vault)
        newest = answer.found.newest if answer.found else None
        if newest:
            samples.add("bulwark_backup_timestamp_seconds", newest.stored_at, store.name, vault)
            samples.add("bulwark_backup_size_bytes", newest.bytes, store.name, vault)
            samples.add(
                "bulwark_backup_locked_until_timestamp_seconds", newest.locked_until or 0, store.name, vault
            )
    primary = store.vaults["primary"].found
    if primary:
        samples.add("bulwark_proof_timestamp_seconds", primary.last_proven_at, store.name)
        if primary.newest:
            samples.add("bulwark_backup_damaged", bool(primary.newest.problems), store.name)
    samples.add("bulwark_proof_longest_age_seconds", store.longest_proof_age_seconds, store.name)


def _add_drills(samples: _Samples, health: Health) -> None:
    if not health.drills.found:
        return
    samples.add("bulwark_drill_longest_age_seconds", health.drills.found.longest_age_seconds)
    for drill in health.drills.found.scenarios:
        name, stores = drill.scenario, ",".join(drill.stores)
        samples.add("bulwark_drill_timestamp_seconds", drill.at, name, stores)
        samples.add("bulwark_drill_passed", drill.passed, name, stores)
        samples.add("bulwark_drill_recovery_seconds", drill.back_seconds, name, stores)
        samples.add("bulwark_drill_recovery_objective_seconds", drill.back_objective_seconds, name, stores)
        samples.add("bulwark_drill_loss_seconds", drill.lost_seconds, name, stores)
        samples.add("bulwark_drill_loss_objective_seconds", drill.lost_objective_seconds, name, stores)


def _add_readiness(samples: _Samples, health: Health) -> None:
    if not health.readiness.found:
        return
    samples.add("bulwark_readiness_longest_age_seconds", health.readiness.found.longest_age_seconds)
    if newest := health.readiness.found.newest:
        samples.add("bulwark_readiness_timestamp_seconds", newest.at)
        samples.add("bulwark_readiness_score_ratio", None if newest.score is None else newest.score / 100)
        samples.add("bulwark_readiness_failed", len(newest.failed))
        for verdict in ("ready", "not_ready", "unknown"):
            samples.add("bulwark_readiness_verdict", newest.verdict == verdict, verdict)


def _add_monitors(samples: _Samples, health: Health) -> None:
    for monitor in health.monitors.found or ():
        for state in ("up", "down", "paused", "unarmed", "waiting", "missing"):
            samples.add("bulwark_monitor_state", monitor.state == state, monitor.name, monitor.kind, state)
    for cron in health.crons.found or ():
        for state in ("ok", "failed", "waiting", "muted", "missing"):
            samples.add("bulwark_checkin_state", cron.state == state, cron.name, state)
        samples.add("bulwark_checkin_timestamp_seconds", cron.checked_in_at, cron.name)
    if health.issues.found is not None:
        for kind in ("error", "alert"):
            samples.add("bulwark_open_issues", sum(issue.kind == kind for issue in health.issues.found), kind)


def _add_rest(samples: _Samples, health: Health) -> None:
    for quota in health.quotas.found or ():
        samples.add("bulwark_quota_used", quota.used, quota.database, quota.quantity)
        samples.add("bulwark_quota_limit", quota.limit, quota.database, quota.quantity)
    if health.objectives:
        samples.add("bulwark_latency_objective_seconds", health.objectives.latency_seconds)
        samples.add("bulwark_failure_objective_ratio", health.objectives.failure_ratio)
    if health.drift:
        samples.add("bulwark_drift_timestamp_seconds", health.drift.looked_at)
        samples.add("bulwark_drift_differences", health.drift.differences)
    for deadline in health.deadlines.found or ():
        samples.add(
            "bulwark_exception_end_timestamp_seconds",
            _end_of(deadline.ends_on),
            deadline.what,
            deadline.kind,
        )
    for service in health.services:
        samples.add("bulwark_service_up", service.state == "running", service.name)


def _end_of(day: date) -> datetime:
    """Return the end of a day in UTC."""
    return datetime.combine(day, time.max, UTC)

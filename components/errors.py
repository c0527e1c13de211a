"""Error tracking: a Sentry project per service, each with alerts that reach someone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_sentry as sentry

from components.alerting import MONITOR_FAILS, Alerting
from components.scheduled_job import CronProject
from components.severity import Severity

_HIGH: Final = 75  # Sentry's number for a high-priority issue
_RESOLVED: Final = 0


@dataclass(frozen=True)
class ErrorProject:
    """A service's project at Sentry."""

    slug: str
    platform: pulumi.Input[str]
    """Sentry's platform id, such as node-express."""

    events_per_minute: int
    """Rate limit of the key, so that one loop can't use up the month's quota."""

    paths: Sequence[str]
    """Source paths (Sentry ownership patterns) that the team owns."""


@dataclass(frozen=True)
class SentryCheck:
    """An address of a service that Sentry watches."""

    service: str
    """Key of the project that it belongs to."""

    name: str
    url: pulumi.Input[str]
    severity: Severity


@dataclass(frozen=True)
class ErrorThresholds:
    """When errors become an incident."""

    frequent_events: int = 100
    """More events of one issue than this within an hour."""

    failure_rate_percent: float = 5
    """Of transactions, up to 100."""

    latency_milliseconds: int = 1_000
    """95th percentile of transaction duration."""

    window_minutes: int = 10


@dataclass(frozen=True)
class ErrorSeverities:
    """Incident level of each kind of alert."""

    new: Severity = "sev3"
    regressed: Severity = "sev3"
    frequent: Severity = "sev2"
    metric: Severity = "sev2"


@dataclass(frozen=True)
class ErrorsArgs:
    """What `Errors` is made of."""

    organization: str
    team: str
    """Slug of the team that is told."""

    team_name: str
    projects: Mapping[str, ErrorProject]
    """Service -> its project."""

    environment: str = "production"
    """Sentry environment that the alerts watch."""

    checks: Sequence[SentryCheck] = ()
    jobs_service: str | None = None
    """Service whose project gets the reports of scheduled jobs; None: none does."""

    adopted: Collection[str] = ()
    """Services whose project existed before and is taken over."""

    thresholds: ErrorThresholds = ErrorThresholds()
    severities: ErrorSeverities = ErrorSeverities()

    def __post_init__(self) -> None:
        """Raise ValueError for a check, or for jobs, of a service that has no project."""
        named = {check.service for check in self.checks} | {self.jobs_service or ""}
        if unknown := sorted(named - {"", *self.projects}):
            raise ValueError(f"{', '.join(unknown)} has no project")


class Errors(pulumi.ComponentResource):
    """
    Team, projects, keys, alerts and metric monitors.

    Publishes for policies: `services`, the slugs of the projects, and `adopted`, those that existed before.
    """

    TYPE: Final = "bulwark:index:Errors"

    team: sentry.Team
    projects: dict[str, sentry.Project]
    dsns: dict[str, pulumi.Output[str]]
    """Secret. Service -> the DSN that its SDK sends to."""

    cron_project: CronProject | None
    """Where the reports of the scheduled jobs go."""

    def __init__(
        self,
        name: str,
        args: ErrorsArgs,
        *,
        alerting: Alerting,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        adopted = [project.slug for service, project in args.projects.items() if service in args.adopted]
        facts = {"services": [project.slug for project in args.projects.values()], "adopted": adopted}
        super().__init__(self.TYPE, name, facts, opts)
        self._name = name
        self._args = args
        self._alerting = alerting
        self.team = sentry.Team(
            f"{name}-team",
            organization=args.organization,
            name=args.team_name,
            slug=args.team,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.projects = {}
        self.dsns = {}
        for service, project in args.projects.items():
            self.projects[service], self.dsns[service] = self._project(service, project)
        self.cron_project = (
            CronProject(
                args.organization,
                self.team,
                self.projects[args.jobs_service],
                self.dsns[args.jobs_service],
            )
            if args.jobs_service
            else None
        )
        for check in args.checks:
            self._watch(check)
        self.register_outputs({})

    def _project(self, service: str, settings: ErrorProject) -> tuple[sentry.Project, pulumi.Output[str]]:
        args, prefix = self._args, f"{self._name}-{service}"
        child = pulumi.ResourceOptions(parent=self)
        project = sentry.Project(
            f"{prefix}-project",
            organization=args.organization,
            teams=[self.team.slug],
            name=settings.slug,
            slug=settings.slug,
            platform=settings.platform,
            # The key and the alerts below replace what Sentry would make: a key without a limit, and an
            # alert that mails everyone.
            default_key=False,
            default_rules=False,
            # The provider has no ForceNew here: it would go on with a project of another organization.
            opts=pulumi.ResourceOptions(
                parent=self,
                replace_on_changes=["organization"],
                # Both are sent on creation only and never read back.
                ignore_changes=["defaultKey", "defaultRules"],
            ),
        )
        key = sentry.Key(
            f"{prefix}-key",
            organization=args.organization,
            project=project.id,
            name=f"{settings.slug} {args.environment}",
            rate_limit_window=60,
            rate_limit_count=settings.events_per_minute,
            # The bridged schema hides `dsn` and leaves its two deprecated twins in clear.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["dsnPublic", "dsnCsp"]),
        )
        sentry.ProjectSpikeProtection(
            f"{prefix}-spike-protection",
            organization=args.organization,
            project=project.id,
            enabled=True,
            opts=child,
        )
        sentry.ProjectOwnership(
            f"{prefix}-ownership",
            organization=args.organization,
            project=project.id,
            raw="\n".join(f"path:{path} #{args.team}" for path in settings.paths),
            fallthrough=True,
            auto_assignment="Auto Assign to Issue Owner",
            codeowners_auto_sync=False,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.team]),
        )
        found = sentry.get_project_error_monitor_output(
            organization=args.organization,
            project=project.id,
            first=True,
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).id
        # On a first preview an invoke's result depends on nothing: the SDK drops that while the inputs are
        # unknown (pulumi 3.259.0, runtime/invoke.py). Policies have to see whose errors the alerts are about.
        errors = pulumi.Output.all(found, project.id).apply(lambda ids: ids[0])
        severities, thresholds = args.severities, args.thresholds
        self._alert(f"{service}-new", errors, severities.new, triggers=[{"first_seen_event": {}}])
        self._alert(
            f"{service}-regressed",
            errors,
            severities.regressed,
            triggers=[{"regression_event": {}}, {"reappeared_event": {}}],
        )
        self._alert(
            f"{service}-frequent",
            errors,
            severities.frequent,
            triggers=None,
            conditions=[{"event_frequency_count": {"value": thresholds.frequent_events, "interval": "1h"}}],
        )
        metrics = [
            self._metric(
                service, project, "failure-rate", "failure_rate()", thresholds.failure_rate_percent / 100
            ),
            self._metric(
                service, project, "latency", "p95(transaction.duration)", thresholds.latency_milliseconds
            ),
        ]
        for metric, monitor in metrics:
            self._alert(f"{service}-{metric}", monitor.id, severities.metric, triggers=MONITOR_FAILS)
        return project, pulumi.Output.secret(key.dsn.apply(lambda dsn: dsn["public"]))

    def _metric(
        self, service: str, project: sentry.Project, metric: str, aggregate: str, threshold: float
    ) -> tuple[str, sentry.MetricMonitor]:
        monitor = sentry.MetricMonitor(
            f"{self._name}-{service}-{metric}",
            organization=self._args.organization,
            project=project.id,
            name=f"{service} {metric}",
            dataset="events_analytics_platform",
            event_types=["trace_item_span"],
            query_type="performance",
            query="is_transaction:true",
            aggregate=aggregate,
            time_window_seconds=self._args.thresholds.window_minutes * 60,
            environment=self._args.environment,
            issue_detection={"type": "static"},
            condition_group={
                "logic_type": "any",
                "conditions": [
                    {"type": "gt", "comparison": threshold, "condition_result": _HIGH},
                    {"type": "lte", "comparison": threshold, "condition_result": _RESOLVED},
                ],
            },
            owner={"team_id": self.team.internal_id},
            enabled=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return metric, monitor

    def _watch(self, check: SentryCheck) -> None:
        """Watch an address from Sentry as well: another vendor may have an outage itself."""
        monitor = sentry.UptimeMonitor(
            f"{self._name}-{check.service}-check-{check.name}",
            organization=self._args.organization,
            project=self.projects[check.service].id,
            name=f"{check.service} {check.name}",
            url=check.url,
            method="GET",
            interval_seconds=60,
            timeout_ms=10_000,
            environment=self._args.environment,
            downtime_threshold=2,
            recovery_threshold=1,
            enabled=True,
            owner={"team_id": self.team.internal_id},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._alert(f"{check.service}-check-{check.name}", monitor.id, check.severity, triggers=MONITOR_FAILS)

    def _alert(
        self,
        suffix: str,
        monitor_id: pulumi.Input[str],
        severity: Severity,
        *,
        triggers: Any,
        conditions: Any = (),
    ) -> None:
        """Declare an alert, unless there is nobody to tell: Sentry takes none without an action."""
        actions = self._alerting.actions(severity, team_id=self.team.internal_id)
        if not actions:
            return
        sentry.Alert(
            f"{self._name}-{suffix}-alert",
            organization=self._args.organization,
            name=suffix.replace("-", " "),
            enabled=True,
            frequency_minutes=30,
            monitor_ids=[monitor_id],
            trigger_conditions=triggers,
            action_filters=[
                {
                    "logic_type": "all",
                    "conditions": list(conditions),
                    "actions": actions,
                }
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

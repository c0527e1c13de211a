"""Error tracking: a Sentry project per service, each with alerts that reach someone."""

from collections.abc import Collection
from typing import Any, Final

import pulumi
import pulumi_sentry as sentry

from components.alerting import MONITOR_FAILS, Alerting
from components.settings import ErrorSettings, SentryService, Severity

_HIGH: Final = 75  # Sentry's number for a high-priority issue
_RESOLVED: Final = 0


class Errors(pulumi.ComponentResource):
    """
    Team, projects, keys, alerts and metric monitors.

    Publishes for policies: `services`, the names that need a project, and `adopted`, those whose project
    existed before.
    """

    TYPE: Final = "bulwark:index:Errors"

    team: sentry.Team
    projects: dict[str, sentry.Project]
    dsns: dict[str, pulumi.Output[str]]
    """Secret. Service -> the DSN that its SDK sends to."""

    def __init__(
        self,
        name: str,
        args: ErrorSettings,
        *,
        api_service: str,
        health_url: str,
        alerting: Alerting,
        existing: Collection[str] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare them; `existing` are the names of resources that are taken over."""
        adopted = [slug for slug in args.services if f"{name}-{slug}-project" in existing]
        super().__init__(self.TYPE, name, {"services": list(args.services), "adopted": adopted}, opts)
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
        for slug, service in args.services.items():
            self.projects[slug], self.dsns[slug] = self._project(slug, service)
        self._independent_health_monitor(api_service, health_url)
        self.register_outputs({})

    def _project(self, slug: str, service: SentryService) -> tuple[sentry.Project, pulumi.Output[str]]:
        args, prefix = self._args, f"{self._name}-{slug}"
        child = pulumi.ResourceOptions(parent=self)
        project = sentry.Project(
            f"{prefix}-project",
            organization=args.organization,
            teams=[self.team.slug],
            name=slug,
            slug=slug,
            platform=service.platform,
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
            name=f"{slug} {args.environment}",
            rate_limit_window=60,
            rate_limit_count=service.events_per_minute,
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
            raw="\n".join(f"path:{path} #{args.team}" for path in service.paths),
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
        self._alert(f"{slug}-new", errors, severities.new, triggers=[{"first_seen_event": {}}])
        self._alert(
            f"{slug}-regressed",
            errors,
            severities.regressed,
            triggers=[{"regression_event": {}}, {"reappeared_event": {}}],
        )
        self._alert(
            f"{slug}-frequent",
            errors,
            severities.frequent,
            triggers=None,
            conditions=[{"event_frequency_count": {"value": thresholds.frequent_events, "interval": "1h"}}],
        )
        metrics = [
            self._metric(
                slug, project, "failure-rate", "failure_rate()", thresholds.failure_rate_percent / 100
            ),
            self._metric(
                slug, project, "latency", "p95(transaction.duration)", thresholds.latency_milliseconds
            ),
        ]
        for metric, monitor in metrics:
            self._alert(f"{slug}-{metric}", monitor.id, severities.metric, triggers=MONITOR_FAILS)
        return project, pulumi.Output.secret(key.dsn.apply(lambda dsn: dsn["public"]))

    def _metric(
        self, slug: str, project: sentry.Project, metric: str, aggregate: str, threshold: float
    ) -> tuple[str, sentry.MetricMonitor]:
        monitor = sentry.MetricMonitor(
            f"{self._name}-{slug}-{metric}",
            organization=self._args.organization,
            project=project.id,
            name=f"{slug} {metric}",
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

    def _independent_health_monitor(self, slug: str, health_url: str) -> None:
        """Watch /health from a second vendor as well: the first one may have an outage itself."""
        monitor = sentry.UptimeMonitor(
            f"{self._name}-health",
            organization=self._args.organization,
            project=self.projects[slug].id,
            name="Health, second look",
            url=health_url,
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
        self._alert("down", monitor.id, self._args.severities.down, triggers=MONITOR_FAILS)

    def _alert(
        self,
        suffix: str,
        monitor_id: pulumi.Input[str],
        severity: Severity,
        *,
        triggers: Any,
        conditions: Any = (),
    ) -> None:
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
                    "actions": self._alerting.actions(severity, team_id=self.team.internal_id),
                }
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )

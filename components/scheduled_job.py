"""A scheduled job and the two heartbeats that notice when it does not run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import pulumi
import pulumi_sentry as sentry
import pulumi_uptimerobot as uptimerobot

from components.alerting import MONITOR_FAILS, Alerting
from components.cron_slug import find_slug
from components.settings import Job, Severity
from core.objectives import longest_gap

_LONGEST_INTERVAL_SECONDS: Final = 2_678_400  # 31 days, UptimeRobot's limit for heartbeats
_LONGEST_GRACE_SECONDS: Final = 86_400


@dataclass(frozen=True)
class CronProject:
    """The project at Sentry that has the cron monitors of the jobs."""

    organization: str
    team: sentry.Team
    project: sentry.Project
    dsn: pulumi.Output[str] = field(repr=False)
    """Secret."""


class ScheduledJob(pulumi.ComponentResource):
    """
    A scheduled job: its heartbeat at UptimeRobot, its cron monitor at Sentry, either or none of them.

    Publishes for policies: `protects` (URNs of the stores that it saves), `copies` (ARNs of the buckets, or
    URNs of the vaults, that hold the result), `proves` (URNs of the stores whose backups it restores and
    compares), `drills` (URNs of the stores that it recovers), `mirrors` (URNs of the stores whose backups it
    copies on), `schedule`, `longestRunMinutes`, `latenessMinutes`, `retentionDays`.
    """

    TYPE: Final = "bulwark:index:ScheduledJob"

    heartbeat_url: pulumi.Output[str] | None = None
    """Secret. Called once after each successful run."""

    checkin_url: pulumi.Output[str] | None = None
    """Secret. Called at the start and at the end of each run, with its status (Sentry, "Cron check-ins")."""

    def __init__(
        self,
        name: str,
        job: Job,
        *,
        title: str,
        protects: Sequence[pulumi.Input[str]],
        copies: Sequence[pulumi.Input[str]],
        proves: Sequence[pulumi.Input[str]] = (),
        drills: Sequence[pulumi.Input[str]] = (),
        mirrors: Sequence[pulumi.Input[str]] = (),
        retention_days: int,
        severity: Severity,
        group: uptimerobot.MonitorGroup | None,
        cron_project: CronProject | None,
        alerting: Alerting,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        facts: dict[str, Any] = {
            "protects": list(protects),
            "copies": list(copies),
            "proves": list(proves),
            "drills": list(drills),
            **({"mirrors": list(mirrors)} if mirrors else {}),
            "schedule": job.schedule,
            "longestRunMinutes": job.longest_run_minutes,
            "latenessMinutes": job.lateness_minutes,
            "retentionDays": retention_days,
        }
        super().__init__(self.TYPE, name, facts, opts)
        if group:
            self.heartbeat_url = self._expect_heartbeat(
                name, job, title, severity, group=group, alerting=alerting
            )
        if cron_project:
            self.checkin_url = self._expect_checkins(
                name, job, title, severity, cron_project, alerting=alerting
            )
        self.register_outputs({})

    def _expect_heartbeat(
        self,
        name: str,
        job: Job,
        title: str,
        severity: Severity,
        *,
        group: uptimerobot.MonitorGroup,
        alerting: Alerting,
    ) -> pulumi.Output[str]:
        gap_seconds = int(longest_gap(job.schedule).total_seconds())
        tolerated_seconds = (job.lateness_minutes + job.longest_run_minutes) * 60
        heartbeat = uptimerobot.Monitor(
            f"{name}-heartbeat",
            name=title,
            type="HEARTBEAT",
            interval=min(gap_seconds, _LONGEST_INTERVAL_SECONDS),
            grace_period=min(tolerated_seconds, _LONGEST_GRACE_SECONDS),
            assigned_alert_contacts=alerting.contacts(severity),
            group_id=group.id.apply(int),
            is_paused=False,
            tags=["heartbeat", severity],
            # The address can silence the alarm, and the bridged schema leaves it in clear.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["url"]),
        )
        return pulumi.Output.secret(heartbeat.url)

    def _expect_checkins(
        self,
        name: str,
        job: Job,
        title: str,
        severity: Severity,
        where: CronProject,
        *,
        alerting: Alerting,
    ) -> pulumi.Output[str]:
        cron = sentry.CronMonitor(
            f"{name}-cron",
            organization=where.organization,
            project=where.project.id,
            name=title,
            schedule={"crontab": job.schedule},
            timezone="UTC",
            checkin_margin_minutes=job.lateness_minutes,
            max_runtime_minutes=job.longest_run_minutes,
            failure_issue_threshold=1,
            recovery_threshold=1,
            enabled=True,
            owner={"team_id": where.team.internal_id},
            opts=pulumi.ResourceOptions(parent=self),
        )
        sentry.Alert(
            f"{name}-alert",
            organization=where.organization,
            name=f"{title} missed or failed",
            enabled=True,
            frequency_minutes=60,
            monitor_ids=[cron.id],
            trigger_conditions=MONITOR_FAILS,
            action_filters=[
                {
                    "logic_type": "all",
                    "conditions": [],
                    "actions": alerting.actions(severity, team_id=where.team.internal_id),
                }
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        return pulumi.Output.secret(
            pulumi.Output.all(where.dsn, cron.id).apply(
                lambda values: _checkin_url(*values, organization=where.organization)
            )
        )


async def _checkin_url(dsn: str, monitor: str, *, organization: str) -> str:
    """Return the address of the check-ins of a monitor, by its id."""
    parts = urlsplit(dsn)
    slug = await find_slug(organization, monitor)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/api/{parts.path.strip('/')}/cron/{slug}/{parts.username}/"

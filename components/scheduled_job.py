"""A scheduled job and the two heartbeats that notice when it does not run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import pulumi
import pulumi_sentry as sentry
import pulumi_uptimerobot as uptimerobot

from components.alerting import MONITOR_FAILS, Alerting
from components.cron_slug import find_slug
from components.severity import Severity
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


@dataclass(frozen=True, kw_only=True)
class ScheduledJobArgs:
    """
    What `ScheduledJob` is made of.

    Raises:
        ValueError: the schedule is no cron expression.
    """

    title: str
    """Name of its monitors, as alerts show it."""

    schedule: str
    """Cron expression of five fields, UTC."""

    longest_run_minutes: int
    """A run that takes longer is reported as failed."""

    lateness_minutes: int
    """How late a start may be before an alert; hosted schedulers run hours late under load."""

    retention_days: int
    """For how long its result is kept."""

    protects: Sequence[pulumi.Input[str]] = ()
    """URNs of the stores that it saves."""

    copies: Sequence[pulumi.Input[str]] = ()
    """ARNs of the buckets, or URNs of the vaults, that hold the result."""

    proves: Sequence[pulumi.Input[str]] = ()
    """URNs of the stores whose backups it restores and compares."""

    drills: Sequence[pulumi.Input[str]] = ()
    """URNs of the stores that it recovers for a trial."""

    mirrors: Sequence[pulumi.Input[str]] = ()
    """URNs of the stores whose backups it copies on."""

    severity: Severity = "sev2"
    """Incident level of a run that is missing or failed."""

    objectives: Mapping[str, int] = field(default_factory=dict[str, int])
    """Objectives of the stores that it saves, by name, which hold in place of the platform's."""

    def __post_init__(self) -> None:
        longest_gap(self.schedule)


@dataclass(frozen=True)
class JobWatch:
    """Who notices that a job did not run, and whom they alert."""

    alerting: Alerting
    group: uptimerobot.MonitorGroup | None = None
    """That of its heartbeat at UptimeRobot; None: it has none."""

    cron_project: CronProject | None = None
    """That of its cron monitor at Sentry; None: it has none."""


class ScheduledJob(pulumi.ComponentResource):
    """
    A scheduled job: its heartbeat at UptimeRobot, its cron monitor at Sentry, either or none of them.

    Publishes for policies: `protects` (URNs of the stores that it saves), `copies` (ARNs of the buckets, or
    URNs of the vaults, that hold the result), `proves` (URNs of the stores whose backups it restores and
    compares), `drills` (URNs of the stores that it recovers), `mirrors` (URNs of the stores whose backups it
    copies on), `schedule`, `longestRunMinutes`, `latenessMinutes`, `retentionDays`, `objectives` (of the
    stores that it saves, where they differ from the platform's).
    """

    TYPE: Final = "bulwark:index:ScheduledJob"

    heartbeat_url: pulumi.Output[str] | None = None
    """Secret. Called once after each successful run."""

    checkin_url: pulumi.Output[str] | None = None
    """Secret. Called at the start and at the end of each run, with its status (Sentry, "Cron check-ins")."""

    def __init__(
        self,
        name: str,
        args: ScheduledJobArgs,
        *,
        watch: JobWatch | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        facts: dict[str, Any] = {
            "protects": list(args.protects),
            "copies": list(args.copies),
            "proves": list(args.proves),
            "drills": list(args.drills),
            **({"mirrors": list(args.mirrors)} if args.mirrors else {}),
            **({"objectives": dict(args.objectives)} if args.objectives else {}),
            "schedule": args.schedule,
            "longestRunMinutes": args.longest_run_minutes,
            "latenessMinutes": args.lateness_minutes,
            "retentionDays": args.retention_days,
        }
        super().__init__(self.TYPE, name, facts, opts)
        if watch and watch.group:
            self.heartbeat_url = self._expect_heartbeat(name, args, watch.group, watch.alerting)
        if watch and watch.cron_project:
            self.checkin_url = self._expect_checkins(name, args, watch.cron_project, watch.alerting)
        self.register_outputs({})

    def _expect_heartbeat(
        self,
        name: str,
        args: ScheduledJobArgs,
        group: uptimerobot.MonitorGroup,
        alerting: Alerting,
    ) -> pulumi.Output[str]:
        gap_seconds = int(longest_gap(args.schedule).total_seconds())
        tolerated_seconds = (args.lateness_minutes + args.longest_run_minutes) * 60
        heartbeat = uptimerobot.Monitor(
            f"{name}-heartbeat",
            name=args.title,
            type="HEARTBEAT",
            interval=min(gap_seconds, _LONGEST_INTERVAL_SECONDS),
            grace_period=min(tolerated_seconds, _LONGEST_GRACE_SECONDS),
            assigned_alert_contacts=alerting.contacts(args.severity),
            group_id=group.id.apply(int),
            is_paused=False,
            tags=["heartbeat", args.severity],
            # The address can silence the alarm, and the bridged schema leaves it in clear.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["url"]),
        )
        return pulumi.Output.secret(
            pulumi.Output.all(heartbeat.id, heartbeat.url).apply(lambda values: complete_heartbeat(*values))
        )

    def _expect_checkins(
        self,
        name: str,
        args: ScheduledJobArgs,
        where: CronProject,
        alerting: Alerting,
    ) -> pulumi.Output[str]:
        cron = sentry.CronMonitor(
            f"{name}-cron",
            organization=where.organization,
            project=where.project.id,
            name=args.title,
            schedule={"crontab": args.schedule},
            timezone="UTC",
            checkin_margin_minutes=args.lateness_minutes,
            max_runtime_minutes=args.longest_run_minutes,
            failure_issue_threshold=1,
            recovery_threshold=1,
            enabled=True,
            owner={"team_id": where.team.internal_id},
            opts=pulumi.ResourceOptions(parent=self),
        )
        actions = alerting.actions(args.severity, team_id=where.team.internal_id)
        if actions:  # Sentry takes no alert without one
            self._declare_alert(name, args, where, cron, actions)
        return pulumi.Output.secret(
            pulumi.Output.all(where.dsn, cron.id).apply(
                lambda values: _checkin_url(*values, organization=where.organization)
            )
        )

    def _declare_alert(
        self,
        name: str,
        args: ScheduledJobArgs,
        where: CronProject,
        cron: sentry.CronMonitor,
        actions: list[sentry.AlertActionFilterActionArgsDict],
    ) -> None:
        sentry.Alert(
            f"{name}-alert",
            organization=where.organization,
            name=f"{args.title} missed or failed",
            enabled=True,
            frequency_minutes=60,
            monitor_ids=[cron.id],
            trigger_conditions=MONITOR_FAILS,
            action_filters=[
                {
                    "logic_type": "all",
                    "conditions": [],
                    "actions": actions,
                }
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )


def complete_heartbeat(monitor: str, url: str) -> str:
    """
    Return the address of a heartbeat's signals; the API may answer no more of it than its token.

    Source: what clients of the API v3 have seen of `url`; the provider passes it on as it is.
    """
    return url if "://" in url else f"https://heartbeat.uptimerobot.com/m{monitor}-{url}"


async def _checkin_url(dsn: str, monitor: str, *, organization: str) -> str:
    """Return the address of the check-ins of a monitor, by its id."""
    parts = urlsplit(dsn)
    slug = await find_slug(organization, monitor)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/api/{parts.path.strip('/')}/cron/{slug}/{parts.username}/"

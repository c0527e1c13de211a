"""The platform: all components, each with its arguments from the settings."""

import json
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import pulumi

from components.alerting import Alerting, AlertingArgs
from components.arming import arm_monitors
from components.channels import (
    AlertChannel,
    EmailChannel,
    PagerDutyChannel,
    SlackChannel,
    WebhookChannel,
)
from components.database import Database
from components.document_names import RoleWithDocument, document_name, list_roles_with_documents
from components.document_values import DocumentValues, DocumentValuesArgs
from components.elsewhere import Elsewhere, ElsewhereArgs
from components.errors import (
    ErrorProject,
    Errors,
    ErrorsArgs,
    ErrorSeverities,
    ErrorThresholds,
    SentryCheck,
)
from components.existing import ExistingResources, is_of_accounts
from components.existing_database import ExistingDatabase, ExistingDatabaseArgs
from components.files import Files, FilesArgs
from components.neon_arguments import describe_neon_database
from components.providers import Providers
from components.railway import RailwayHost, RailwayHostArgs
from components.recovery_description import DeployedValues, describe_role
from components.scheduled_job import JobWatch, ScheduledJob, ScheduledJobArgs
from components.secrets import Secrets, name_files_key, name_url
from components.settings import (
    BackupSettings,
    Channel,
    CheckSettings,
    ElsewhereSettings,
    ErrorSettings,
    FileStore,
    Job,
    OncallSettings,
    PostgresSettings,
    RailwaySettings,
    S3Settings,
    Settings,
    SupabaseSettings,
    UptimeSettings,
    VercelSettings,
)
from components.settings.hosts import name_secret
from components.settings.platform import StoreObjectives
from components.settings.services import Watcher, project_slug
from components.settings.uptime import STATUS_PAGES_VARIABLE
from components.uptime import Uptime, UptimeArgs, WatchedAddress, WeeklyWindow
from components.vercel import VercelHost, VercelHostArgs
from core.host_variables import (
    DATABASE_URL,
    RAILWAY_COMMIT,
    SENTRY_DSN,
    SENTRY_ENVIRONMENT,
    SENTRY_RELEASE,
)

if TYPE_CHECKING:
    from components.oncall import OnCall


class Platform(pulumi.ComponentResource):
    """
    A platform that survives a bad day.

    Publishes for policies: `environment`, `githubRepository` (as the subject of its OIDC tokens names it),
    `endpoints` (what the public reaches), `services` (the slugs of their projects at Sentry), `objectives`.
    """

    TYPE: Final = "bulwark:index:Platform"

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        secrets: Secrets,
        providers: Providers,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        platform = settings.platform
        facts = {
            "environment": platform.environment,
            "githubRepository": platform.token_repository,
            "endpoints": [
                {"name": name, "url": service.url, "critical": service.critical}
                for name, service in sorted(settings.services.items())
            ],
            "services": [project_slug(name, service) for name, service in sorted(settings.services.items())],
            "objectives": platform.objectives.model_dump(),
        }
        existing = ExistingResources(
            settings.existing, is_ours=lambda resource_name: not is_of_accounts(resource_name)
        )
        super().__init__(
            self.TYPE,
            name,
            facts,
            pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    providers=providers.list_used(),
                    transformations=[existing, arm_monitors],
                ),
            ),
        )
        child = pulumi.ResourceOptions(parent=self)
        self.neon = {
            name: Database(name, describe_neon_database(store, protect=platform.protected), opts=child)
            for name, store in settings.neon.items()
        }
        self.existing_databases = {
            name: ExistingDatabase(name, _describe_database(name, store, secrets), opts=child)
            for name, store in settings.databases.items()
            if isinstance(store, PostgresSettings)
        }
        self.files = {
            name: Files(name, _describe_files(name, store, secrets), opts=child)
            for name, store in settings.sources.items()
        }
        uptime, errors = settings.uptime, settings.errors
        self.oncall = _declare_oncall(settings, settings.oncall, child) if settings.oncall else None
        self.alerting = Alerting("alerting", _describe_alerting(settings, secrets, self.oncall), opts=child)
        self.uptime = (
            Uptime("uptime", _describe_uptime(settings, uptime), alerting=self.alerting, opts=child)
            if uptime
            else None
        )
        self.errors = (
            Errors("errors", _describe_errors(settings, errors), alerting=self.alerting, opts=child)
            if errors
            else None
        )
        self.hosts = {
            name: self._declare_host(name, settings, host, secrets, opts=child)
            for name, host in settings.hosts.items()
        }
        self.jobs: dict[str, ScheduledJob] = {}
        self.documents: DocumentValues | None = None
        if settings.backups:
            self._declare_jobs(settings, settings.backups, opts=child)
            self.documents = DocumentValues(
                "document-values", self._describe_documents(settings, settings.backups), opts=child
            )
        existing.require_declared()
        self.register_outputs({})

    def _declare_host(
        self,
        name: str,
        settings: Settings,
        host: RailwaySettings | VercelSettings,
        secrets: Secrets,
        *,
        opts: pulumi.ResourceOptions,
    ) -> RailwayHost | VercelHost:
        service, prefix = settings.services[name], host.sentry_prefix or ""
        project = project_slug(name, service) if self.errors and service.errors else None
        plain: dict[str, pulumi.Input[str]] = dict(host.variables)
        secret: dict[str, pulumi.Input[str]] = {
            variable: secrets[name_secret(name, variable)] for variable in host.secrets
        }
        if host.database:
            secret[DATABASE_URL] = self.neon[host.database].application_uri
        if settings.errors and self.errors and project:
            secret[f"{prefix}{SENTRY_DSN}"] = self.errors.dsns[name]
            plain[f"{prefix}{SENTRY_ENVIRONMENT}"] = settings.errors.environment
            release = host.release or (RAILWAY_COMMIT if host.type == "railway" else None)
            # At Vercel no variable can refer to another, and Sentry's SDKs read its VERCEL_GIT_COMMIT_SHA.
            plain |= {f"{prefix}{SENTRY_RELEASE}": release} if release else {}
        if host.type == "railway":
            return RailwayHost(
                f"host-{name}",
                RailwayHostArgs(name, host.service, host.environment, plain, secret, project),
                opts=opts,
            )
        return VercelHost(
            f"host-{name}",
            VercelHostArgs(name, host.project, host.team, host.target, {**plain, **secret}, project),
            opts=opts,
        )

    def _declare_jobs(
        self, settings: Settings, backups: BackupSettings, *, opts: pulumi.ResourceOptions
    ) -> None:
        every = list(self.stores.values())
        watch = JobWatch(
            self.alerting,
            group=self.uptime.group if self.uptime else None,
            cron_project=self.errors.cron_project if self.errors else None,
        )
        vaults = [vault.arn for vault in backups.name_vaults(settings.platform.name)]

        def job(
            purpose: str,
            job: Job,
            title: str,
            *,
            days: int,
            protects: Sequence[pulumi.Input[str]] = (),
            proves: Sequence[pulumi.Input[str]] = (),
            drills: Sequence[pulumi.Input[str]] = (),
            mirrors: Sequence[pulumi.Input[str]] = (),
            copies: Sequence[pulumi.Input[str]] = (),
            objectives: StoreObjectives | None = None,
        ) -> ScheduledJob:
            return ScheduledJob(
                f"job-{purpose}",
                ScheduledJobArgs(
                    title=f"{settings.platform.name} {title}",
                    schedule=job.schedule,
                    longest_run_minutes=job.longest_run_minutes,
                    lateness_minutes=job.lateness_minutes,
                    retention_days=days,
                    protects=protects,
                    copies=copies,
                    proves=proves,
                    drills=drills,
                    mirrors=mirrors,
                    severity=backups.jobs_severity,
                    objectives=objectives.model_dump(exclude_none=True) if objectives else {},
                ),
                watch=watch,
                opts=opts,
            )

        retention = backups.retention
        self.jobs = {
            **{
                name: job(
                    name,
                    store.backup,
                    f"{name} dump" if name in settings.databases else f"{name} backup",
                    days=retention.database_daily_days
                    if name in settings.databases
                    else retention.files_days,
                    protects=[self.stores[name]],
                    copies=vaults,
                    objectives=store.objectives,
                )
                for name, store in sorted(settings.stores.items())
            },
            "proof": job(
                "proof",
                backups.proof,
                "proof of backups",
                days=retention.evidence_days,
                proves=every,
            ),
            "drill": job(
                "drill",
                backups.drill,
                "recovery drill",
                days=retention.evidence_days,
                drills=every,
            ),
        }
        if backups.elsewhere:
            elsewhere = Elsewhere("elsewhere", _describe_elsewhere(backups.elsewhere), opts=opts)
            self.jobs["elsewhere"] = job(
                "elsewhere",
                backups.elsewhere.job,
                "copy elsewhere",
                days=backups.elsewhere.lock_days,
                mirrors=every,
                copies=[elsewhere.urn],
            )

    def _describe_documents(self, settings: Settings, backups: BackupSettings) -> DocumentValuesArgs:
        roles = list_roles_with_documents(copies_elsewhere=bool(backups.elsewhere))
        stack = pulumi.get_stack()
        values = pulumi.Output.all(
            databases=self.backup_uris,
            projects=self.projects,
            files={name: files.source for name, files in self.files.items()},
            heartbeat_urls=self.heartbeat_urls,
            checkin_urls=self.checkin_urls,
        )

        def describe(role: RoleWithDocument) -> pulumi.Output[str]:
            return values.apply(
                lambda known: json.dumps(describe_role(settings, stack, role, DeployedValues(**known)))
            )

        return DocumentValuesArgs(
            {role: document_name(settings.platform.name, role) for role in roles},
            {role: describe(role) for role in roles},
        )

    @property
    def stores(self) -> dict[str, pulumi.Output[str]]:
        """Store -> the URN of what holds its data."""
        return {
            **{name: database.project.urn for name, database in self.neon.items()},
            **{name: database.urn for name, database in self.existing_databases.items()},
            **{name: files.urn for name, files in self.files.items()},
        }

    @property
    def backup_uris(self) -> dict[str, pulumi.Output[str]]:
        """Secret. Database -> its direct address, for dumps."""
        return {
            name: database.backup_uri
            for name, database in (*self.neon.items(), *self.existing_databases.items())
        }

    @property
    def projects(self) -> dict[str, pulumi.Output[str]]:
        """Database at Neon -> id of its project."""
        return {name: database.project.id for name, database in self.neon.items()}

    @property
    def heartbeat_urls(self) -> dict[str, pulumi.Output[str]]:
        """Secret. Job -> its heartbeat, where UptimeRobot watches."""
        return {name: job.heartbeat_url for name, job in self.jobs.items() if job.heartbeat_url}

    @property
    def checkin_urls(self) -> dict[str, pulumi.Output[str]]:
        """Secret. Job -> the address of its check-ins, where Sentry watches."""
        return {name: job.checkin_url for name, job in self.jobs.items() if job.checkin_url}


def _describe_database(name: str, store: PostgresSettings, secrets: Secrets) -> ExistingDatabaseArgs:
    return ExistingDatabaseArgs(
        store.vendor,
        store.region,
        secrets[name_url(name)],
        cloud=store.cloud,
        account=store.account,
        history_hours=store.history_hours,
    )


def _describe_files(name: str, store: FileStore, secrets: Secrets) -> FilesArgs:
    vendor, account = (
        ("supabase", store.project) if isinstance(store, SupabaseSettings) else (store.vendor, store.account)
    )
    key_id, secret = (secrets[one] for one in name_files_key(name))
    inventory = store.inventory if isinstance(store, S3Settings) else None
    return FilesArgs(
        vendor,
        account,
        store.region,
        store.endpoint,
        store.buckets,
        key_id,
        secret,
        inventory.model_dump(exclude_none=True) if inventory else None,
    )


def _describe_elsewhere(vault: ElsewhereSettings) -> ElsewhereArgs:
    return ElsewhereArgs(
        vault.vendor, vault.cloud, vault.region, vault.bucket, vault.recipients, vault.lock_days
    )


def _declare_oncall(settings: Settings, oncall: OncallSettings, opts: pulumi.ResourceOptions) -> "OnCall":
    from components.oncall import OnCall  # noqa: PLC0415
    from components.oncall_arguments import describe_oncall  # noqa: PLC0415 - its package is imported with it

    return OnCall("oncall", describe_oncall(settings, oncall), opts=opts)


def _describe_alerting(settings: Settings, secrets: Secrets, oncall: "OnCall | None") -> AlertingArgs:
    alerting, errors = settings.alerting, settings.errors
    return AlertingArgs(
        {
            name: _describe_channel(name, channel, secrets, oncall)
            for name, channel in alerting.channels.items()
        },
        alerting.routes,
        uptimerobot=settings.uptime is not None,
        sentry_organization=errors.organization if errors else None,
    )


def _describe_channel(name: str, channel: Channel, secrets: Secrets, oncall: "OnCall | None") -> AlertChannel:
    delay, repeat = channel.delay_minutes, channel.repeat_minutes
    if channel.type == "email":
        return EmailChannel(channel.address, delay_minutes=delay, repeat_minutes=repeat)
    if channel.type == "pagerduty" and channel.escalation and oncall:
        return PagerDutyChannel(
            channel.account,
            channel.service,
            oncall.key(name, "uptimerobot") or "",
            channel.region,
            oncall.key(name, "sentry"),
            delay_minutes=delay,
            repeat_minutes=repeat,
        )
    target = secrets[f"{name}_target"]
    match channel.type:
        case "slack":
            return SlackChannel(
                channel.workspace, channel.channel, target, delay_minutes=delay, repeat_minutes=repeat
            )
        case "pagerduty":
            return PagerDutyChannel(
                channel.account,
                channel.service,
                target,
                channel.region,
                delay_minutes=delay,
                repeat_minutes=repeat,
            )
        case "webhook":
            return WebhookChannel(target, channel.escalates, delay_minutes=delay, repeat_minutes=repeat)


def _describe_uptime(settings: Settings, uptime: UptimeSettings) -> UptimeArgs:
    platform, window = settings.platform.name, uptime.maintenance
    return UptimeArgs(
        group=platform,
        addresses={
            f"{service}-{name}": WatchedAddress(
                title=f"{platform} {service} {name}",
                url=url,
                severity=check.severity,
                keyword=check.keyword,
                statuses=check.statuses,
                follow_redirects=check.follow_redirects,
            )
            for service, name, url, check in _list_checks(settings, "uptimerobot")
        },
        status_page=uptime.status_page,
        interval_seconds=uptime.interval_seconds,
        timeout_seconds=uptime.timeout_seconds,
        regions=uptime.regions,
        slow_after_milliseconds=uptime.slow_after_milliseconds,
        certificate_warning_days=uptime.certificate_warning_days,
        maintenance=WeeklyWindow(window.weekday, window.time, window.duration_minutes) if window else None,
        **({"status_pages": server} if (server := os.environ.get(STATUS_PAGES_VARIABLE)) else {}),
    )


def _describe_errors(settings: Settings, errors: ErrorSettings) -> ErrorsArgs:
    return ErrorsArgs(
        errors.organization,
        errors.team,
        errors.team_name,
        projects={
            name: ErrorProject(
                project_slug(name, service),
                service.errors.platform,
                service.errors.events_per_minute,
                service.errors.paths,
            )
            for name, service in sorted(settings.services.items())
            if service.errors
        },
        environment=errors.environment,
        checks=[
            SentryCheck(service, name, url, check.severity)
            for service, name, url, check in _list_checks(settings, "sentry")
        ],
        jobs_service=errors.jobs_service,
        adopted=[name for name in settings.services if f"errors-{name}-project" in settings.existing.adopt],
        thresholds=ErrorThresholds(**dict(errors.thresholds)),
        severities=ErrorSeverities(**dict(errors.severities)),
    )


def _list_checks(settings: Settings, vendor: Watcher) -> Iterator[tuple[str, str, str, CheckSettings]]:
    """Yield (service, check, address, settings) of each check that a vendor watches, in the names' order."""
    for service_name, service in sorted(settings.services.items()):
        for name, check in sorted(service.checks.items()):
            if vendor in check.watched_by:
                yield service_name, name, f"{service.url}{check.path}", check

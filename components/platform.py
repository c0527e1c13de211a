"""The platform: all components, each with its arguments from the settings."""

from collections.abc import Sequence
from typing import Final

import pulumi

from components.alerting import Alerting
from components.arming import arm_monitors
from components.database import Database
from components.document_values import DocumentValues
from components.elsewhere import Elsewhere
from components.errors import Errors
from components.existing import ExistingResources, is_of_accounts
from components.files import Files
from components.providers import Providers
from components.scheduled_job import ScheduledJob
from components.secrets import Secrets
from components.settings import Job, Settings
from components.settings.services import project_slug
from components.uptime import Uptime
from components.vault_names import name_vaults


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
        platform, backups = settings.platform, settings.backups
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
                    providers=[providers.neon, providers.uptimerobot, providers.sentry, providers.aws],
                    transformations=[existing, arm_monitors],
                ),
            ),
        )
        child = pulumi.ResourceOptions(parent=self)
        self.database = Database("database", settings.database, protect=platform.protected, opts=child)
        self.files = Files("files", settings.files, secrets=secrets, opts=child)
        self.alerting = Alerting(
            "alerting",
            settings.alerting,
            organization=settings.errors.organization,
            targets={name: secrets[f"{name}_target"] for name in settings.alerting.secret_channels()},
            opts=child,
        )
        self.uptime = Uptime(
            "uptime",
            settings.uptime,
            platform=platform.name,
            services=settings.services,
            alerting=self.alerting,
            opts=child,
        )
        self.errors = Errors(
            "errors",
            settings.errors,
            services=settings.services,
            alerting=self.alerting,
            existing=settings.existing.adopt,
            opts=child,
        )
        database, files = self.database.project.urn, self.files.urn
        vaults = [vault.arn for vault in name_vaults(backups, platform)]

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
        ) -> ScheduledJob:
            return ScheduledJob(
                f"job-{purpose}",
                job,
                title=f"{platform.name} {title}",
                protects=protects,
                copies=copies,
                proves=proves,
                drills=drills,
                mirrors=mirrors,
                retention_days=days,
                severity=settings.uptime.heartbeat_severity,
                organization=settings.errors.organization,
                project=self.errors.projects[settings.errors.jobs_service],
                dsn=self.errors.dsns[settings.errors.jobs_service],
                team=self.errors.team,
                group=self.uptime.group,
                alerting=self.alerting,
                opts=child,
            )

        retention = backups.retention
        self.elsewhere = Elsewhere("elsewhere", backups.elsewhere, opts=child) if backups.elsewhere else None
        self.jobs = {
            "database": job(
                "database",
                backups.database,
                "database dump",
                days=retention.database_daily_days,
                protects=[database],
                copies=vaults,
            ),
            "files": job(
                "files",
                backups.files,
                "file backup",
                days=retention.files_days,
                protects=[files],
                copies=vaults,
            ),
            "proof": job(
                "proof",
                backups.proof,
                "proof of backups",
                days=retention.evidence_days,
                proves=[database, files],
            ),
            "drill": job(
                "drill",
                backups.drill,
                "recovery drill",
                days=retention.evidence_days,
                drills=[database, files],
            ),
        }
        if backups.elsewhere and self.elsewhere:
            self.jobs["elsewhere"] = job(
                "elsewhere",
                backups.elsewhere.job,
                "copy elsewhere",
                days=backups.elsewhere.lock_days,
                mirrors=[database, files],
                copies=[self.elsewhere.urn],
            )
        self.documents = DocumentValues(
            "document-values",
            settings,
            stack=pulumi.get_stack(),
            values={
                "database_url": self.database.backup_uri,
                "database_project": self.database.project.id,
                "files": self.files.source,
                "heartbeat_urls": {
                    name: resource_name.heartbeat_url for name, resource_name in self.jobs.items()
                },
                "checkin_urls": {
                    name: resource_name.checkin_url for name, resource_name in self.jobs.items()
                },
            },
            opts=child,
        )
        existing.require_declared()
        self.register_outputs({})

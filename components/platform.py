"""The whole: every component of one platform, wired."""

from typing import Final

import pulumi

from components.alerting import Alerting
from components.backups import Backups
from components.database import Database
from components.errors import Errors
from components.job import ScheduledJob
from components.providers import Providers
from components.secrets import Secrets
from components.settings import Job, Settings
from components.uptime import Uptime


class Platform(pulumi.ComponentResource):
    """
    A platform that survives a bad day.

    Publishes for policies: `endpoints` (what the public reaches) and `objectives`.
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
            "endpoints": [
                {"name": "api", "url": platform.api, "critical": True},
                {"name": "frontend", "url": platform.frontend, "critical": False},
            ],
            "objectives": platform.objectives.model_dump(),
        }
        super().__init__(
            self.TYPE,
            name,
            facts,
            pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    providers=[providers.neon, providers.uptimerobot, providers.sentry, providers.aws]
                ),
            ),
        )
        child = pulumi.ResourceOptions(parent=self)
        self.database = Database("database", settings.database, protect=platform.protected, opts=child)
        self.backups = Backups(
            "backups",
            backups,
            platform=platform.name,
            repository=platform.repository,
            protect=platform.protected,
            replica_provider=providers.aws_replica,
            opts=child,
        )
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
            api=platform.api,
            frontend=platform.frontend,
            alerting=self.alerting,
            opts=child,
        )
        self.errors = Errors(
            "errors",
            settings.errors,
            health_url=f"{platform.api}/health",
            alerting=self.alerting,
            opts=child,
        )
        api = next(iter(settings.errors.services))
        vault = {"provider": "aws", "account": backups.account, "region": backups.region}
        replica = {
            "provider": "aws",
            "account": backups.replica.account or backups.account,
            "region": backups.replica.region,
        }

        def job(
            purpose: str, job: Job, title: str, protects: list[pulumi.Input[str]], days: int
        ) -> ScheduledJob:
            return ScheduledJob(
                f"job-{purpose}",
                job,
                title=f"{platform.name} {title}",
                protects=protects,
                copies=[vault, replica],
                retention_days=days,
                severity=settings.uptime.heartbeat_severity,
                organization=settings.errors.organization,
                project=self.errors.projects[api],
                team=self.errors.team,
                group=self.uptime.group,
                alerting=self.alerting,
                opts=child,
            )

        retention = backups.retention
        store = self.database.project.urn
        self.jobs = {
            "database": job(
                "database", backups.database, "database dump", [store], retention.database_daily_days
            ),
            "files": job("files", backups.files, "file backup", ["files"], retention.files_days),
            "drill": job("drill", backups.drill, "recovery drill", [], retention.evidence_days),
        }
        self.register_outputs({})

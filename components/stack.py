"""What connects a stack's configuration file with its Platform, and the Platform with its outputs."""

import json
from datetime import timedelta
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from components import policy_gate
from components.platform import Platform
from components.secrets import Secrets, collect
from components.settings import PROJECT, Settings, SettingsError, load
from core.objectives import format_duration, longest_gap
from policies.framework.configuration import ConfigurationError


def read(config: pulumi.Config) -> tuple[Settings, Secrets]:
    """
    Read the stack's configuration: every block of this project, and every secret that the blocks need.

    Raises:
        pulumi.RunError: with all problems at once, or for a production run without the policy pack; the
            engine shows its text alone, without a traceback.
    """
    prefix = f"{PROJECT}:"
    names = [key.removeprefix(prefix) for key in CONFIG.get() if key.startswith(prefix)]
    secret = {name for name in names if is_config_secret(prefix + name)}
    try:
        settings = load({name: _parsed(config.get(name)) for name in names if name not in secret})
        policy_gate.require(environment=settings.platform.environment, stack=pulumi.get_stack())
        return settings, collect(settings, config, given=secret)
    except (SettingsError, policy_gate.PolicyPackMissingError, ConfigurationError) as refused:
        raise pulumi.RunError(str(refused)) from None


def _parsed(text: str | None) -> Any:
    try:
        return json.loads(text or "null")
    except json.JSONDecodeError:
        return text


def outputs(platform: Platform, settings: Settings) -> dict[str, Any]:
    """Return what people and the recovery half need to know of a deployed stack; secret where it is."""
    database, backups = platform.database, platform.backups
    rows = protection(settings)
    return {
        "application_database_url": database.application_uri,
        "backup_database_url": database.backup_uri,
        "owner_database_url": database.owner_uri,
        "database_host": database.host,
        "database_project": database.project.id,
        "stores": {"database": database.project.urn, "files": platform.files.urn},
        "files_source": platform.files.source,
        "vault": backups.primary.bucket.bucket,
        "vault_replica": backups.replica.bucket.bucket,
        "writer_role": backups.identity.writer.arn,
        "restorer_role": backups.identity.restorer.arn,
        "planner_role": backups.identity.planner.arn,
        "deployer_role": backups.identity.deployer.arn,
        # Secret as a whole: the Automation API tells of the top level alone whether it is secret.
        "error_dsns": pulumi.Output.secret(platform.errors.dsns),
        "checkin_urls": pulumi.Output.secret({name: job.checkin_url for name, job in platform.jobs.items()}),
        "heartbeat_urls": pulumi.Output.secret(
            {name: job.heartbeat_url for name, job in platform.jobs.items()}
        ),
        "status_page": platform.uptime.status_page.url_key,
        "protection": rows,
        "readme": _readme(settings, rows),
    }


def protection(settings: Settings) -> list[dict[str, str]]:
    """Say in a line each what is protected, by what, and where to look."""
    backups, uptime = settings.backups, settings.uptime
    history = format_duration(timedelta(hours=settings.database.history_retention_hours))
    vaults = f"{backups.region} + {backups.replica.region}"
    retention = backups.retention
    looked = f"every {format_duration(timedelta(seconds=uptime.interval_seconds))}"

    def every(schedule: str) -> str:
        return f"every {format_duration(longest_gap(schedule))}"

    def told(severity: Any) -> str:
        return ", ".join(settings.alerting.routes[severity])

    rows = [
        ("database", f"history of {history}", f"Neon project {settings.database.project}"),
        (
            "database",
            f"dump {every(backups.database.schedule)}, kept {retention.database_daily_days} d, locked",
            f"vaults in {vaults}",
        ),
        (
            "files",
            f"copy {every(backups.files.schedule)}, versions kept {retention.files_days} d",
            f"vaults in {vaults}",
        ),
        ("recovery", f"drill {every(backups.drill.schedule)}", "evidence in the vault"),
        (
            "api",
            f"/health {looked}, from {len(uptime.regions)} regions",
            f"tells {told(uptime.severities['health'])}",
        ),
        (
            "frontend",
            f"{looked}, certificate included",
            f"tells {told(uptime.severities['frontend'])}",
        ),
    ]
    rows += [
        (
            f"errors of {service}",
            "alerts on new, regressed and frequent ones",
            f"Sentry {settings.errors.organization}/{service}",
        )
        for service in settings.errors.services
    ]
    return [{"what": what, "by": by, "where": where} for what, by, where in rows]


def _readme(settings: Settings, rows: list[dict[str, str]]) -> str:
    objectives = settings.platform.objectives
    table = "\n".join(f"| {row['what']} | {row['by']} | {row['where']} |" for row in rows)
    return (
        f"# {settings.platform.name}\n\n"
        f"Back within {objectives.recovery_time_minutes} min (critical services "
        f"{objectives.critical_recovery_time_minutes} min), losing at most "
        f"{objectives.recovery_point_minutes} min; {objectives.independent_recovery_point_hours} h if the "
        f"database's vendor is gone.\n\n"
        f"| what | protected by | where to look |\n|---|---|---|\n{table}\n"
    )

"""Reads a stack's configuration for its Platform, and derives the stack's outputs from the Platform."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pulumi
from pulumi.runtime.config import CONFIG, is_config_secret

from components.guard import BREAK_GLASS, role_arn
from components.platform import Platform
from components.secrets import Secrets, collect, collect_webhooks
from components.settings import PROJECT, BackupSettings, Settings, SettingsError, load
from components.settings.services import project_slug
from core.documents import DocumentError, parse_json
from core.objectives import format_duration, longest_gap


def read_settings(config: pulumi.Config) -> Settings:
    """
    Read every block of this project from the stack's configuration.

    Raises:
        pulumi.RunError: names all problems at once; the engine shows its text without a traceback.
    """
    secret = _secret_names()
    names = [name for name in _names() if name not in secret]
    try:
        return load({name: _parse(config.get(name)) for name in names})
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def read_secrets(config: pulumi.Config, settings: Settings) -> Secrets:
    """
    Read every secret that the settings need, from the stack's configuration or the environment.

    Raises:
        pulumi.RunError: names all that are missing, and all that nothing needs.
    """
    try:
        return collect(settings, config, given=_secret_names())
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def read_webhooks(config: pulumi.Config, settings: Settings) -> dict[str, pulumi.Output[str]]:
    """
    Read the addresses of the webhooks that AWS's alarms are told, as `read_secrets` does.

    Raises:
        pulumi.RunError: names all that are missing.
    """
    try:
        return collect_webhooks(settings, config, given=_secret_names())
    except SettingsError as error:
        raise pulumi.RunError(str(error)) from None


def _names() -> list[str]:
    prefix = f"{PROJECT}:"
    return [key.removeprefix(prefix) for key in CONFIG.get() if key.startswith(prefix)]


def _secret_names() -> set[str]:
    return {name for name in _names() if is_config_secret(f"{PROJECT}:{name}")}


def _parse(text: str | None) -> Any:
    try:
        return parse_json(text or "null")
    except DocumentError:
        return text


def outputs(platform: Platform, settings: Settings) -> dict[str, Any]:
    """Return the outputs that people and recovery need; the secret ones are marked."""
    rows = protection(settings)
    return {
        # Secret as a whole, as others below: the Automation API marks secrets at the top level alone.
        "database_urls": pulumi.Output.secret(
            {
                name: {"owner": one.owner_uri, "application": one.application_uri, "backup": one.backup_uri}
                for name, one in platform.neon.items()
            }
            | {name: {"backup": one.backup_uri} for name, one in platform.existing_databases.items()}
        ),
        "database_hosts": {name: database.host for name, database in platform.neon.items()},
        "database_projects": platform.projects,
        "stores": platform.stores,
        "file_sources": pulumi.Output.secret({name: one.source for name, one in platform.files.items()}),
        **(_vault_outputs(settings, settings.backups) if settings.backups else {}),
        "role_documents": dict(platform.documents.names) if platform.documents else {},
        "error_dsns": pulumi.Output.secret(platform.errors.dsns if platform.errors else {}),
        "checkin_urls": pulumi.Output.secret(platform.checkin_urls),
        "heartbeat_urls": pulumi.Output.secret(platform.heartbeat_urls),
        "status_page": platform.uptime.status_page_url if platform.uptime else None,
        "protection": rows,
        "readme": _readme(settings, rows),
    }


def _vault_outputs(settings: Settings, backups: BackupSettings) -> dict[str, str]:
    platform = settings.platform.name
    return {
        "vault": backups.vault(platform),
        "vault_replica": backups.vault_replica(platform),
        **{
            f"{_role_name(role)}_role": role_arn(platform, backups.account, role)
            for role in backups.role_environments
        },
        "break_glass_role": role_arn(platform, backups.account, BREAK_GLASS),
    }


def _role_name(role: str) -> str:
    """Return how an output calls a role, such as `writer` for `backup-writer`."""
    return role.removeprefix("backup-").replace("-", "_")


def protection(settings: Settings) -> list[dict[str, str]]:
    """Return one row per thing that is protected: by what, and where to look."""
    errors = settings.errors
    rows = [
        *(
            (
                name,
                f"history of {format_duration(timedelta(hours=store.history_retention_hours))}",
                f"Neon project {store.project}",
            )
            for name, store in settings.neon.items()
        ),
        *(_describe_backups(settings, settings.backups) if settings.backups else ()),
        *_describe_checks(settings),
        *(
            (
                f"errors of {name}",
                "alerts on new, regressed and frequent ones",
                f"Sentry {errors.organization}/{project_slug(name, service)}",
            )
            for name, service in sorted(settings.services.items())
            if errors and service.errors
        ),
    ]
    return [{"what": what, "by": by, "where": where} for what, by, where in rows]


def _describe_backups(settings: Settings, backups: BackupSettings) -> Iterator[tuple[str, str, str]]:
    """Yield a row per backup, its proof and its drill."""
    vaults = f"vaults in {backups.region} + {backups.replica.region}"
    retention, elsewhere = backups.retention, backups.elsewhere

    def every(schedule: str) -> str:
        return f"every {format_duration(longest_gap(schedule))}"

    for name, store in settings.databases.items():
        kept = f"kept {retention.database_daily_days} d, locked"
        yield name, f"dump {every(store.backup.schedule)}, {kept}", vaults
    for name, store in settings.sources.items():
        yield name, f"copy {every(store.backup.schedule)}, versions kept {retention.files_days} d", vaults
    if elsewhere:
        yield (
            "every store",
            f"encrypted copy {every(elsewhere.job.schedule)}, locked {elsewhere.lock_days} d",
            f"{elsewhere.bucket} at {elsewhere.vendor}",
        )
    yield "backups", f"restored and compared {every(backups.proof.schedule)}", "proofs in the vault"
    yield "recovery", f"drill {every(backups.drill.schedule)}", "evidence in the vault"


def _describe_checks(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Yield a row per check: the service, how it is watched, and who is told."""
    uptime = settings.uptime
    every = f" every {format_duration(timedelta(seconds=uptime.interval_seconds))}" if uptime else ""
    places = f", from {len(uptime.regions)} regions" if uptime else ""
    for name, service in sorted(settings.services.items()):
        for check in service.checks.values():
            by = f"{check.path}{every}{places}" if "uptimerobot" in check.watched_by else check.path
            yield name, by, f"tells {', '.join(settings.alerting.route(check.severity)) or 'nobody'}"


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

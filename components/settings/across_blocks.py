"""The rules between blocks of a stack's settings, each with the blocks that it needs."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from components.settings.alerting import AlertingSettings
from components.settings.backups import BackupSettings
from components.settings.errors import ErrorSettings
from components.settings.oncall import OncallSettings, check_use
from components.settings.platform import PlatformSettings, check_objectives, merge_objectives
from components.settings.services import Services, Watcher
from components.settings.stores import (
    NeonSettings,
    PostgresSettings,
    S3Settings,
    StoresByName,
    SupabaseSettings,
)
from components.settings.uptime import UptimeSettings
from core.objectives import format_duration, longest_gap, worst_case_age, worst_case_loss

_Problems = Iterator[tuple[str, str]]
"""Path of a setting, and what is wrong with it."""


def check_across_blocks(blocks: Mapping[str, Any], given: Collection[str]) -> _Problems:
    """Yield the problems between the blocks that could be read whole; `given` names all that are there."""
    for needed, rule in _RULES:
        if all(name in blocks for name in needed):
            yield from rule(*(blocks[name] for name in needed))
    yield from _check_vendors(blocks.get("services", {}), given)
    if "oncall" not in given and isinstance(alerting := blocks.get("alerting"), AlertingSettings):
        for name in alerting.escalations():
            yield f"alerting.channels.{name}.escalation", "is there; there is no block oncall"
    if "stores" in blocks or "stores" not in given:
        yield from _check_hosts(blocks.get("services", {}), blocks.get("stores", {}))


def _check_regions(backups: BackupSettings, stores: StoresByName) -> _Problems:
    for name, store in sorted(stores.items()):
        yield from _check_region(backups, f"the store {name} lives", store.region.removeprefix("aws-"))


def _check_region(backups: BackupSettings, who: str, home: str) -> _Problems:
    for path, region in (
        ("backups.region", backups.region),
        ("backups.replica.region", backups.replica.region),
    ):
        if region == home:
            yield path, f"{region}; {who} in that region, a vault must be somewhere else"


def _check_references(stores: StoresByName) -> _Problems:
    """Check that the rows that a drill compares refer to stores of files."""
    sources = {name for name, store in stores.items() if isinstance(store, SupabaseSettings | S3Settings)}
    for name, store in sorted(stores.items()):
        if isinstance(store, NeonSettings | PostgresSettings) and store.drill:
            for source in sorted(set(store.drill.files) - sources):
                yield (
                    f"stores.{name}.drill.files.{source}",
                    f"is no store of files; there are: {', '.join(sorted(sources)) or 'none'}",
                )


def _check_losses(platform: PlatformSettings, stores: StoresByName) -> _Problems:
    for name, store in sorted(stores.items()):
        job, own = store.backup, store.objectives and store.objectives.independent_recovery_point_hours
        whose = f"stores.{name}" if own else "platform"
        objectives = merge_objectives(platform.objectives, store.objectives)
        allowed = timedelta(hours=objectives.independent_recovery_point_hours)
        loss = worst_case_loss(
            job.schedule,
            longest_run=timedelta(minutes=job.longest_run_minutes),
            lateness=timedelta(minutes=job.lateness_minutes),
        )
        if loss > allowed:
            yield (
                f"stores.{name}.backup.schedule",
                f"{job.schedule!r} can lose {format_duration(loss)}; "
                f"{whose}.objectives.independent_recovery_point_hours allows {format_duration(allowed)}",
            )


def _check_proof(platform: PlatformSettings, backups: BackupSettings, stores: StoresByName) -> _Problems:
    """Check that every backup is followed by a proof, and the proof is as young as the objective demands."""
    proof = backups.proof
    between = longest_gap(proof.schedule)
    for store, job in sorted((name, store.backup) for name, store in stores.items()):
        if between > longest_gap(job.schedule):
            yield (
                "backups.proof.schedule",
                f"{proof.schedule!r} lets {format_duration(between)} pass between runs; each backup is to be "
                f"proven, and those of {store} are at most {format_duration(longest_gap(job.schedule))} "
                "apart",
            )
    age = worst_case_age(
        proof.schedule,
        longest_run=timedelta(minutes=proof.longest_run_minutes),
        lateness=timedelta(minutes=proof.lateness_minutes),
    )
    # The state has no objectives of its own.
    allowed = {"platform.objectives.proof_age_hours": platform.objectives.proof_age_hours} | {
        f"stores.{name}.objectives.proof_age_hours": store.objectives.proof_age_hours
        for name, store in sorted(stores.items())
        if store.objectives and store.objectives.proof_age_hours
    }
    for whose, hours in allowed.items():
        if age > timedelta(hours=hours):
            yield (
                "backups.proof.schedule",
                f"{proof.schedule!r} lets the last proof become {format_duration(age)} old; "
                f"{whose} allows {format_duration(timedelta(hours=hours))}",
            )


def _check_objectives(platform: PlatformSettings, stores: StoresByName) -> _Problems:
    for name, store in sorted(stores.items()):
        if store.objectives:
            merged = merge_objectives(platform.objectives, store.objectives)
            for path, text in check_objectives(merged):
                yield f"stores.{name}.objectives.{path}", text


def _check_jobs_service(services: Services, errors: ErrorSettings) -> _Problems:
    known = sorted(name for name, service in services.items() if service.errors)
    if errors.jobs_service and errors.jobs_service not in known:
        which = ", ".join(known) or "there are none"
        yield (
            "errors.jobs_service",
            f"{errors.jobs_service!r} is none of the services that have `errors`: {which}",
        )


def _check_vendors(services: Services, given: Collection[str]) -> _Problems:
    """Check that each vendor that a service names has a block of its own."""
    blocks: Mapping[Watcher, str] = {"uptimerobot": "uptime", "sentry": "errors"}
    for name, service in services.items():
        for check_name, check in service.checks.items():
            for vendor in check.watched_by:
                if blocks[vendor] not in given:
                    path = f"services.{name}.checks.{check_name}.watched_by"
                    yield path, f"{vendor}; there is no block {blocks[vendor]}"
        if service.errors and "errors" not in given:
            yield f"services.{name}.errors", "is there; there is no block errors"


def _check_hosts(services: Services, stores: StoresByName) -> _Problems:
    """Check that each database that a host is given has an address for the application."""
    known = sorted(name for name, store in stores.items() if isinstance(store, NeonSettings))
    for name, service in services.items():
        if service.host and service.host.database and service.host.database not in known:
            yield (
                f"services.{name}.host.database",
                f"{service.host.database!r} is no store at Neon; there are: {', '.join(known) or 'none'}",
            )


def _check_retention(platform: PlatformSettings, backups: BackupSettings) -> _Problems:
    noticed = platform.objectives.corruption_noticed_within_days
    for tier, days in backups.retention.model_dump().items():
        if days <= noticed:
            yield (
                f"backups.retention.{tier}",
                f"{days} days; corruption may go unseen for {noticed} days "
                "(platform.objectives.corruption_noticed_within_days)",
            )


def _check_channels(uptime: UptimeSettings, alerting: AlertingSettings) -> _Problems:
    if uptime.plan == "free":
        for name, channel in alerting.channels.items():
            if channel.delay_minutes or channel.repeat_minutes:
                yield f"alerting.channels.{name}", "delay and repeat must be 0 on UptimeRobot's free plan"


def _check_escalations(alerting: AlertingSettings, oncall: OncallSettings) -> _Problems:
    return check_use(oncall, alerting.escalations())


def _check_tls(platform: PlatformSettings, stores: StoresByName) -> _Problems:
    for name, store in sorted(stores.items()):
        if (
            platform.environment == "production"
            and isinstance(store, NeonSettings)
            and store.tls == "disable"
        ):
            yield f"stores.{name}.tls", "disable; production speaks TLS"


def _check_disposable(platform: PlatformSettings, stores: StoresByName) -> _Problems:
    for name, store in sorted(stores.items()):
        if (
            platform.environment == "production"
            and isinstance(store, NeonSettings | PostgresSettings)
            and store.disposable
        ):
            yield f"stores.{name}.disposable", "true; no drill may replace production's data"


def _check_lock_mode(platform: PlatformSettings, backups: BackupSettings) -> _Problems:
    if platform.environment == "production" and backups.lock_mode != "COMPLIANCE":
        yield "backups.lock_mode", f"{backups.lock_mode}; in production only COMPLIANCE holds"


_RULES: Final[tuple[tuple[tuple[str, ...], Callable[..., _Problems]], ...]] = (
    (("backups", "stores"), _check_regions),
    (("stores",), _check_references),
    (("platform", "stores"), _check_losses),
    (("platform", "stores"), _check_objectives),
    (("platform", "backups", "stores"), _check_proof),
    (("services", "errors"), _check_jobs_service),
    (("platform", "backups"), _check_retention),
    (("uptime", "alerting"), _check_channels),
    (("alerting", "oncall"), _check_escalations),
    (("platform", "stores"), _check_tls),
    (("platform", "stores"), _check_disposable),
    (("platform", "backups"), _check_lock_mode),
)
"""The blocks that a rule needs, in the order of its parameters, and the rule."""

"""Reads a stack's blocks into models and reports everything that is wrong, at once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ValidationError

from components.settings import alerting, backups, database, drill, errors, files, platform, uptime
from components.settings.model import SettingsModel
from core.objectives import format_duration, longest_gap, worst_case_age, worst_case_loss

PROJECT = "bulwark"


@dataclass(frozen=True)
class Problem:
    """One problem in a settings file: the path of the setting, and what is wrong with it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class SettingsError(Exception):
    """All problems of a stack's settings."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"the stack's settings have {count}:\n{lines}")


class Settings(SettingsModel):
    """All settings of a stack's file, without its secrets."""

    platform: platform.PlatformSettings
    database: database.DatabaseSettings
    files: files.FileSettings
    backups: backups.BackupSettings
    drill: drill.DrillSettings
    uptime: uptime.UptimeSettings
    errors: errors.ErrorSettings
    alerting: alerting.AlertingSettings

    @property
    def drill_organization(self) -> str:
        """Id of the organization at Neon that drills make their projects in."""
        return self.drill.organization or self.database.organization


_RULES: dict[str, Callable[[Any], list[tuple[str, str]]]] = {
    "platform": platform.rules,
    "database": database.rules,
    "files": files.rules,
    "backups": backups.rules,
    "drill": drill.rules,
    "uptime": uptime.rules,
    "errors": errors.rules,
    "alerting": alerting.rules,
}


def load(blocks: Mapping[str, Any]) -> Settings:
    """
    Build the settings from the blocks of a stack's file.

    Args:
        blocks: block name (`database`, ...) -> parsed YAML.

    Raises:
        SettingsError: with every problem found: of types, of each block as a whole, and between blocks.
    """
    problems = [Problem(block, "is no block of this project") for block in blocks if block not in _RULES]
    parsed: dict[str, BaseModel] = {}
    for name, field in Settings.model_fields.items():
        if name not in blocks:
            problems.append(Problem(name, "is missing; Pulumi.prod.yaml shows a complete one"))
            continue
        model = field.annotation
        assert isinstance(model, type)  # noqa: S101 - every field of Settings is a plain model class
        assert issubclass(model, BaseModel)  # noqa: S101
        try:
            # As JSON, strict mode takes a list for a tuple and still no text for a number.
            parsed[name] = model.model_validate_json(json.dumps(blocks[name], default=str))
        except ValidationError as error:
            problems += _describe_problems(name, error)
        else:
            problems += [Problem(f"{name}.{path}", text) for path, text in _RULES[name](parsed[name])]
    if len(parsed) == len(_RULES):
        settings = Settings.model_validate(parsed)
        problems += [Problem(path, text) for path, text in _check_across_blocks(settings)]
        if not problems:
            return settings
    raise SettingsError(problems)


def _describe_problems(block: str, error: ValidationError) -> list[Problem]:
    problems: list[Problem] = []
    for detail in error.errors(include_url=False, include_context=False):
        path = ".".join([block, *(str(step) for step in detail["loc"])])
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            message = "is no setting of this block"
        elif detail["type"] == "missing":
            message = "is missing"
        elif not isinstance(detail["input"], dict | list):
            message = f"{detail['input']!r}; {message[0].lower()}{message[1:]}"
        problems.append(Problem(path, message))
    return problems


def _check_across_blocks(settings: Settings) -> list[tuple[str, str]]:
    """Check the rules that need two blocks together."""
    problems: list[tuple[str, str]] = []
    homes = (
        ("the database lives", settings.database.region.removeprefix("aws-")),
        ("the files live", settings.files.region),
    )
    problems += [
        (path, f"{region}; {who} in that region, a vault must be somewhere else")
        for path, region in (
            ("backups.region", settings.backups.region),
            ("backups.replica.region", settings.backups.replica.region),
        )
        for who, home in homes
        if region == home
    ]
    objectives = settings.platform.objectives
    allowed = timedelta(hours=objectives.independent_recovery_point_hours)
    for store in ("database", "files"):
        job = getattr(settings.backups, store)
        loss = worst_case_loss(
            job.schedule,
            longest_run=timedelta(minutes=job.longest_run_minutes),
            lateness=timedelta(minutes=job.lateness_minutes),
        )
        if loss > allowed:
            problems.append(
                (
                    f"backups.{store}.schedule",
                    f"{job.schedule!r} can lose {format_duration(loss)}; "
                    f"platform.objectives.independent_recovery_point_hours allows {format_duration(allowed)}",
                )
            )
    problems += _check_proof(settings)
    if settings.platform.api_service not in settings.errors.services:
        known = ", ".join(settings.errors.services)
        problems.append(
            ("platform.api_service", f"{settings.platform.api_service!r} is none of errors.services: {known}")
        )
    noticed = objectives.corruption_noticed_within_days
    problems += [
        (
            f"backups.retention.{tier}",
            f"{days} days; corruption may go unseen for {noticed} days "
            "(platform.objectives.corruption_noticed_within_days)",
        )
        for tier, days in settings.backups.retention.model_dump().items()
        if days <= noticed
    ]
    if settings.uptime.plan == "free":
        problems += [
            (f"alerting.channels.{name}", "delay and repeat must be 0 on UptimeRobot's free plan")
            for name, channel in settings.alerting.channels.items()
            if channel.delay_minutes or channel.repeat_minutes
        ]
    production = settings.platform.environment == "production"
    if production and settings.database.tls == "disable":
        problems.append(("database.tls", "disable; production speaks TLS"))
    if production and settings.backups.lock_mode != "COMPLIANCE":
        problems.append(
            ("backups.lock_mode", f"{settings.backups.lock_mode}; in production only COMPLIANCE holds")
        )
    return problems


def _check_proof(settings: Settings) -> list[tuple[str, str]]:
    """Check that every backup is followed by a proof, and the proof is as young as the objective demands."""
    backups, proof = settings.backups, settings.backups.proof
    between = longest_gap(proof.schedule)
    problems = [
        (
            "backups.proof.schedule",
            f"{proof.schedule!r} lets {format_duration(between)} pass between runs; each backup is to be "
            f"proven, and those of {store} are at most {format_duration(longest_gap(job.schedule))} apart",
        )
        for store, job in (("database", backups.database), ("files", backups.files))
        if between > longest_gap(job.schedule)
    ]
    age = worst_case_age(
        proof.schedule,
        longest_run=timedelta(minutes=proof.longest_run_minutes),
        lateness=timedelta(minutes=proof.lateness_minutes),
    )
    allowed = timedelta(hours=settings.platform.objectives.proof_age_hours)
    if age > allowed:
        problems.append(
            (
                "backups.proof.schedule",
                f"{proof.schedule!r} lets the last proof become {format_duration(age)} old; "
                f"platform.objectives.proof_age_hours allows {format_duration(allowed)}",
            )
        )
    return problems

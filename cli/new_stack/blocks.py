"""Builds the blocks of a stack's file from answers and from what the vendors show."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Final, NamedTuple, TypeVar

from cli.new_stack.answers import (
    REPOSITORY_IDS,
    AnswerError,
    Answers,
    ChannelAnswer,
    StoreAnswer,
    read_channel,
    read_errors,
    read_service,
    read_store,
    read_vault,
)
from cli.new_stack.inventory import Inventory
from components.settings import Problem, SettingsError, load
from components.settings.database import HISTORY_LIMIT_HOURS, PROTECTED_BRANCHES
from components.settings.uptime import SHORTEST_INTERVAL_SECONDS
from core.documents import DocumentError, parse_yaml

Blocks = dict[str, Any]
"""Name of a block -> its content, as in a stack's file without the project's prefix."""

_AnswerT = TypeVar("_AnswerT")


class _Habits(NamedTuple):
    """What an environment is given where nobody says otherwise, as the two committed examples have it."""

    severities: tuple[str, str]
    """Of a critical address, and of others and of jobs."""

    history_hours: int
    protects: bool
    hour: int
    """At which backups begin, UTC."""

    backups: Mapping[str, Any]
    objectives: Mapping[str, int]
    interval_seconds: int


_HABITS: Final[Mapping[str, _Habits]] = {
    "production": _Habits(
        severities=("sev1", "sev2"),
        history_hours=168,
        protects=True,
        hour=2,
        backups={
            "lock_mode": "COMPLIANCE",
            "lock_days": 30,
            "retention": {
                "database_daily_days": 35,
                "database_weekly_days": 98,
                "database_monthly_days": 400,
                "files_days": 30,
                "state_days": 98,
                "evidence_days": 400,
            },
        },
        objectives={
            "recovery_time_minutes": 60,
            "critical_recovery_time_minutes": 15,
            "recovery_point_minutes": 60,
            "independent_recovery_point_hours": 27,
            "corruption_noticed_within_days": 14,
        },
        interval_seconds=60,
    ),
    "staging": _Habits(
        severities=("sev3", "sev3"),
        history_hours=24,
        protects=False,
        hour=3,
        backups={
            "environment_prefix": "staging-",
            "lock_mode": "GOVERNANCE",
            "lock_days": 7,
            "retention": {
                "database_daily_days": 8,
                "database_weekly_days": 15,
                "database_monthly_days": 32,
                "files_days": 8,
                "state_days": 32,
                "evidence_days": 32,
            },
        },
        objectives={"corruption_noticed_within_days": 3, "independent_recovery_point_hours": 30},
        interval_seconds=120,
    ),
}

_DATABASE_TIMES: Final = {"longest_run_minutes": 30, "lateness_minutes": 120}
_FILES_TIMES: Final = {"longest_run_minutes": 45, "lateness_minutes": 120}
_HEALTH: Final = "/health"
"""Path that a critical service answers (policies/rules/endpoints/endpoint_has_monitor.py)."""


def build(answers: Answers, inventory: Inventory) -> tuple[Blocks, list[Problem]]:
    """
    Return the blocks that the answers stand for, and all that is wrong with them or missing.

    A setting that no answer gives and no vendor shows is left out; the settings' own rules name it.
    """
    blocks, refused = _build(answers, inventory)
    for path, value in answers.values.items():
        _set(blocks, path, _read(value))
    for path, value in answers.values.items():
        # 123456789012 is a number in YAML, and an account is a text.
        if any(one.path == path and "must be a text" in one.message for one in find_problems(blocks)):
            _set(blocks, path, value)
    return blocks, [*refused, *find_problems(blocks)]


def find_problems(blocks: Blocks) -> list[Problem]:
    """Return what the settings' own rules refuse."""
    try:
        load(blocks)
    except SettingsError as error:
        return error.problems
    return []


def _build(answers: Answers, inventory: Inventory) -> tuple[Blocks, list[Problem]]:
    refused: list[Problem] = []
    habits = _HABITS.get(answers.environment, _HABITS["production"])
    stores = {
        one.name: _describe_store(one, inventory, habits)
        for one in _read_all(answers.stores, read_store, refused)
    }
    backups = _describe_backups(answers, habits, refused)
    channels = {one.name: one for one in _read_all(answers.channels, read_channel, refused)}
    errors = _describe_errors(answers, inventory)
    services = _describe_services(answers, inventory, habits, refused)
    if errors and services:
        errors["jobs_service"] = min(services)
    uptime = _describe_uptime(answers, habits)
    blocks = {
        "platform": _describe_platform(answers, habits),
        "services": services,
        "stores": stores,
        "backups": backups,
        "uptime": uptime,
        "errors": errors,
        "alerting": _describe_alerting(channels),
    }
    return {name: deepcopy(block) for name, block in blocks.items() if block}, refused


def _read_all(
    answers: Iterable[str], read: Callable[[str], _AnswerT], refused: list[Problem]
) -> Iterator[_AnswerT]:
    for answer in answers:
        try:
            yield read(answer)
        except AnswerError as error:
            refused.append(Problem(error.option, str(error)))


def _describe_platform(answers: Answers, habits: _Habits) -> Blocks:
    given = {"environment": answers.environment, "name": answers.name, "repository": answers.repository}
    ids = {path.partition(".")[2]: answers.values[path] for path in REPOSITORY_IDS if path in answers.values}
    return {
        **{name: text for name, text in given.items() if text},
        **ids,
        "objectives": dict(habits.objectives),
    }


def _describe_services(
    answers: Answers, inventory: Inventory, habits: _Habits, refused: list[Problem]
) -> Blocks:
    """Return the services; without a vendor that looks they have no checks."""
    services: Blocks = {}
    keywords = {one.url: one.keywordValue for one in inventory.monitors if one.keywordValue}
    organization = inventory.find_sentry(read_errors(answers.errors)[0]) if answers.errors else None
    for answer in _read_all(answers.services, read_service, refused):
        service = services.setdefault(answer.name, {"url": answer.origin})
        if service["url"] != answer.origin:
            refused.append(
                Problem("--service", f"{answer.name} has two addresses: {service['url']}, {answer.origin}")
            )
        is_critical = answer.path.rstrip("/") == _HEALTH
        if is_critical:
            service["critical"] = True
        watchers = [*(["uptimerobot"] * bool(answers.uptime)), *(["sentry"] * bool(answers.errors))]
        if watchers:
            check: Blocks = {"path": answer.path, "severity": habits.severities[0 if is_critical else 1]}
            if keyword := keywords.get(f"{answer.origin}{answer.path}"):
                check["keyword"] = keyword
            if watchers != ["uptimerobot"] and (is_critical or "uptimerobot" not in watchers):
                check["watched_by"] = watchers
            service.setdefault("checks", {})[_name_check(answer.path)] = check
    if answers.errors:
        for name, service in services.items():
            platform = organization.projects.get(name) if organization else None
            service["errors"] = {"platform": platform or "other", "events_per_minute": 300, "paths": ["**"]}
    return services


def _name_check(path: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_")[-30:].strip("_") or "page"


def _describe_store(store: StoreAnswer, inventory: Inventory, habits: _Habits) -> Blocks:
    is_database = store.type in {"neon", "postgres"}
    times = _DATABASE_TIMES if is_database else _FILES_TIMES
    backup = {"schedule": f"{17 if is_database else 47} {habits.hour} * * *", **times}
    match store.type:
        case "neon":
            place = _describe_neon(store.place, inventory, habits)
        case "supabase":
            place = _describe_supabase(store.place, inventory)
        case _:
            place = {"vendor": store.place}
    return {"type": store.type, **place, "backup": backup}


def _describe_neon(name: str, inventory: Inventory, habits: _Habits) -> Blocks:
    found = inventory.find_neon(name)
    plan = inventory.neon_plans.get(found.org_id or "", "") if found else ""
    plan = plan if plan in HISTORY_LIMIT_HOURS else "launch"
    limits = {
        "history_retention_hours": min(habits.history_hours, HISTORY_LIMIT_HOURS[plan]),
        "protect_default_branch": habits.protects and PROTECTED_BRANCHES[plan] > 0,
    }
    if not found:
        return {"plan": plan, "project": name, **limits}
    databases = inventory.list_databases(found.id)
    only = databases[0] if len(databases) == 1 else None
    return {
        "plan": plan,
        **({"organization": found.org_id} if found.org_id else {}),
        "project": found.name,
        "region": found.region_id,
        "postgres_version": found.pg_version,
        **({"database": only.name, "owner_role": only.owner_name} if only else {}),
        **limits,
    }


def _describe_supabase(name: str, inventory: Inventory) -> Blocks:
    found = inventory.find_supabase(name)
    if not found:
        return {"project": name}
    buckets = inventory.list_buckets(found.ref)
    return {"project": found.ref, "region": found.region, **({"buckets": buckets} if buckets else {})}


def _describe_backups(answers: Answers, habits: _Habits, refused: list[Problem]) -> Blocks:
    vaults = list(_read_all(answers.vaults, read_vault, refused))
    if len(answers.vaults) > 2:
        refused.append(
            Problem("--vault", f"is given {len(answers.vaults)} times; a stack has a vault and a replica")
        )
    if answers.elsewhere and not answers.vaults:
        refused.append(Problem("--elsewhere", "copies the backups of the vaults; give --vault twice"))
    if not vaults:
        return {}
    first, *others = vaults
    replica: Blocks = {}
    if others:
        replica = {"region": others[0].region}
        if others[0].account != first.account:
            replica |= {"account": others[0].account, "profile": f"{answers.name}-replica"}
    hour = habits.hour
    blocks: Blocks = {
        "account": first.account,
        "region": first.region,
        "replica": replica,
        **habits.backups,
        "proof": {"schedule": f"47 {hour} * * *", "longest_run_minutes": 60, "lateness_minutes": 240},
        "drill": {"schedule": f"23 {hour + 2} * * 6", "longest_run_minutes": 60, "lateness_minutes": 180},
        "jobs_severity": habits.severities[1],
    }
    if answers.elsewhere:
        blocks["elsewhere"] = {
            "vendor": answers.elsewhere,
            "cloud": answers.elsewhere,
            "lock_days": habits.backups["lock_days"] + 5,
            "job": {"schedule": f"13 {hour + 3} * * *", "longest_run_minutes": 60, "lateness_minutes": 180},
        }
    return blocks


def _describe_uptime(answers: Answers, habits: _Habits) -> Blocks:
    if not answers.uptime:
        return {}
    shortest = SHORTEST_INTERVAL_SECONDS.get(answers.uptime, 60)  # pyrefly: ignore[no-matching-overload] - a plan that there is not has none
    return {
        "plan": answers.uptime,
        "interval_seconds": max(habits.interval_seconds, shortest),
        "regions": ["eu", "na"],
        "certificate_warning_days": [30, 14, 7, 1],
        "status_page": f"{answers.name} status",
    }


def _describe_errors(answers: Answers, inventory: Inventory) -> Blocks:
    if not answers.errors:
        return {}
    slug, team = read_errors(answers.errors)
    team = team or answers.values.get("errors.team", "")
    organization = inventory.find_sentry(slug)
    if not team and organization and len(organization.teams) == 1:
        (team,) = organization.teams
    name = organization.teams.get(team) if organization else None
    return {
        "organization": slug,
        **({"team": team, "team_name": name or team} if team else {}),
        "environment": answers.environment,
    }


def _describe_alerting(channels: Mapping[str, ChannelAnswer]) -> Blocks:
    """Return the channels, and routes by which each hears of what is severe, and pagers of nothing else."""
    if not channels:
        return {}
    calm = [name for name, channel in channels.items() if channel.type not in {"pagerduty", "webhook"}]
    mail = [name for name in calm if channels[name].type == "email"]
    return {
        "channels": {name: _describe_channel(channel) for name, channel in channels.items()},
        "routes": {
            "sev1": list(channels),
            "sev2": list(channels),
            "sev3": calm or list(channels),
            "sev4": mail or calm or list(channels),
        },
    }


def _describe_channel(channel: ChannelAnswer) -> Blocks:
    first, _, second = channel.target.partition("/")
    match channel.type:
        case "email":
            return {"type": "email", "address": channel.target}
        case "slack":
            return {"type": "slack", "workspace": first, "channel": second}
        case "pagerduty":
            return {"type": "pagerduty", "account": first, "service": second}
        case _:
            return {"type": channel.type}


def _read(value: str) -> Any:
    try:
        return parse_yaml(value)
    except DocumentError:
        return value


def _set(blocks: Blocks, path: str, value: Any) -> None:
    """Set a value; what is no mapping on the way to it is replaced by one."""
    *steps, last = path.split(".")
    at = blocks
    for step in steps:
        inner = at.get(step)
        if not isinstance(inner, dict):
            inner = at[step] = {}
        at = inner
    at[last] = value

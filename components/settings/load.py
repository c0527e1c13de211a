"""Reads a stack's blocks into models and reports everything that is wrong, at once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, cast, get_args, get_origin

from pydantic import Field, TypeAdapter, ValidationError

from components.settings import (
    alerting,
    backups,
    existing,
    oncall,
    platform,
    services,
    stores,
    uptime,
)
from components.settings.across_blocks import check_across_blocks
from components.settings.alerting import AlertingSettings
from components.settings.backups import BackupSettings
from components.settings.errors import ErrorSettings
from components.settings.existing import ExistingSettings
from components.settings.hosts import RailwaySettings, VercelSettings
from components.settings.model import SettingsModel
from components.settings.oncall import OncallSettings
from components.settings.platform import ObjectiveSettings, PlatformSettings, merge_objectives
from components.settings.services import Services
from components.settings.stores import (
    DatabaseStore,
    FileStore,
    NeonSettings,
    PostgresSettings,
    S3Settings,
    StoresByName,
    SupabaseSettings,
)
from components.settings.uptime import UptimeSettings
from components.settings.wording import describe
from core.failure import Failure

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

    def document(self) -> list[dict[str, str]]:
        """Return the problems as plain data."""
        return [asdict(problem) for problem in self.problems]


class Settings(SettingsModel):
    """All settings of a stack's file, without its secrets."""

    platform: PlatformSettings
    services: Services = Field(default_factory=dict)
    stores: StoresByName = Field(default_factory=dict)
    backups: BackupSettings | None = None
    uptime: UptimeSettings | None = None
    errors: ErrorSettings | None = None
    alerting: AlertingSettings = Field(default_factory=AlertingSettings)
    oncall: OncallSettings | None = None
    existing: ExistingSettings = Field(default_factory=ExistingSettings)

    @property
    def vaults(self) -> BackupSettings:
        """The block `backups`. Raises Failure without one."""
        if self.backups is None:
            raise Failure(
                "This stack declares no vaults, so that there is nothing to recover from.",
                f"add `{PROJECT}:backups` to its file; Pulumi.prod.yaml shows one.",
            )
        return self.backups

    def objectives_of(self, store: str) -> ObjectiveSettings:
        """Return the objectives of a store; of what is none, such as the state, the platform's."""
        own = self.stores[store].objectives if store in self.stores else None
        return merge_objectives(self.platform.objectives, own)

    @property
    def databases(self) -> dict[str, DatabaseStore]:
        """The databases, in the order of their names."""
        return {
            name: store
            for name, store in sorted(self.stores.items())
            if isinstance(store, NeonSettings | PostgresSettings)
        }

    @property
    def neon(self) -> dict[str, NeonSettings]:
        """The databases at Neon, in the order of their names."""
        return {name: store for name, store in self.databases.items() if isinstance(store, NeonSettings)}

    @property
    def hosts(self) -> dict[str, RailwaySettings | VercelSettings]:
        """Service -> where it runs, in the order of the services' names."""
        return {name: service.host for name, service in sorted(self.services.items()) if service.host}

    @property
    def at_railway(self) -> bool:
        """Whether a service's variables at Railway are declared."""
        return any(host.type == "railway" for host in self.hosts.values())

    @property
    def at_vercel(self) -> bool:
        """Whether a service's variables at Vercel are declared."""
        return any(host.type == "vercel" for host in self.hosts.values())

    @property
    def sources(self) -> dict[str, FileStore]:
        """The stores of files, in the order of their names."""
        return {
            name: store
            for name, store in sorted(self.stores.items())
            if isinstance(store, SupabaseSettings | S3Settings)
        }


_RULES: dict[str, Callable[[Any], list[tuple[str, str]]]] = {
    "platform": platform.rules,
    "services": services.rules,
    "stores": stores.rules,
    "backups": backups.rules,
    "uptime": uptime.rules,
    "alerting": alerting.rules,
    "oncall": oncall.rules,
    "existing": existing.rules,
}


def _without_none(annotation: Any) -> Any:
    """Return the type of an optional block that is there: an empty one is a mistake."""
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if len(kinds) < len(get_args(annotation)) else annotation


@cache
def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    """Return the validator of a block's type; building one takes longer than a stack's whole validation."""
    return TypeAdapter[Any](kind)


def _parse(name: str, kind: Any, content: Any) -> tuple[Any, list[Problem]]:
    """Return a block, None if it is wrong, and its problems; of a map the entries that are right."""
    block = _adapter_of(kind)
    if get_origin(kind) is dict and isinstance(content, dict):
        entries: dict[str, Any] = {}
        problems: list[Problem] = []
        for key, entry in cast("dict[str, Any]", content).items():
            try:
                entries |= _validate(block, {key: entry})
            except ValidationError as error:
                problems += [Problem(path, text) for path, text in describe(name, content, error)]
        return entries, problems
    try:
        return _validate(block, content), []
    except ValidationError as error:
        return None, [Problem(path, text) for path, text in describe(name, content, error)]


def _validate(block: TypeAdapter[Any], content: Any) -> Any:
    # As JSON, strict mode takes a list for a tuple and still no text for a number.
    return block.validate_json(json.dumps(content, default=str), strict=True)


def _find_nothing(_block: Any) -> list[tuple[str, str]]:
    return []


def load(blocks: Mapping[str, Any]) -> Settings:
    """
    Build the settings from the blocks of a stack's file.

    Args:
        blocks: block name (`stores`, ...) -> parsed YAML.

    Raises:
        SettingsError: with every problem found: of types, of each block as a whole, and between blocks.
    """
    known = Settings.model_fields
    problems = [Problem(block, "is no block of this project") for block in blocks if block not in known]
    whole: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        if name not in blocks and field.is_required():
            problems.append(Problem(name, "is missing; Pulumi.prod.yaml shows a complete one"))
            continue
        if name not in blocks:
            continue
        block, found = _parse(name, _without_none(field.annotation), blocks[name])
        problems += found
        if block is not None:
            if not found:
                whole[name] = block
            rules = _RULES.get(name, _find_nothing)
            problems += [Problem(f"{name}.{path}", text) for path, text in rules(block)]
    problems += [Problem(path, text) for path, text in check_across_blocks(whole, blocks)]
    if problems:
        raise SettingsError(problems)
    return Settings.model_validate(whole)

"""What a stack sets otherwise: `policies/config/<stack>.json`, in the format of `--policy-pack-config`."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parents[1] / "config"
_LEVELS: Final = ("advisory", "disabled", "mandatory")
_SEVERITIES: Final = ("low", "medium", "high", "critical")

Configuration = dict[str, dict[str, Any]]
"""Rule -> its settings: `enforcementLevel`, `severity`, and the rule's own parameters."""


class ConfigurationError(Exception):
    """A configuration that can't be used."""


def file_of(stack: str, folder: Path = FOLDER) -> Path | None:
    """Return the stack's file, if it has one."""
    path = folder / f"{stack}.json"
    return path if stack and path.exists() else None


def read(stack: str, folder: Path = FOLDER) -> Configuration:
    """
    Return what the stack's file says; nothing where there is none.

    Raises:
        ConfigurationError: for a file that is no JSON object of settings.
    """
    path = file_of(stack, folder)
    if not path:
        return {}
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise ConfigurationError(f"{path.name} is no JSON ({error})") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path.name} is no JSON object of rules")
    settings = {
        rule: {"enforcementLevel": given} if isinstance(given, str) else given
        for rule, given in found.items()
    }
    for rule, given in settings.items():
        if (
            not isinstance(given, dict)
            or given.get("enforcementLevel", "mandatory") not in _LEVELS
            or given.get("severity", "low") not in _SEVERITIES
        ):
            raise ConfigurationError(
                f"{path.name} gives {rule} something that is neither an object of settings nor a level "
                f"({', '.join(_LEVELS)})"
            )
    return settings


def check(configured: Configuration, rules: Collection[str]) -> None:
    """
    Refuse what the engine would pass over; parameters it checks itself, against each rule's schema.

    Raises:
        ConfigurationError: for settings of a rule that does not exist.
    """
    if strangers := sorted(set(configured) - set(rules)):
        raise ConfigurationError(f"the configuration names no rule of this pack: {', '.join(strangers)}")


def relaxed(configured: Configuration) -> list[str]:
    """Return the rules that it makes less than mandatory."""
    return sorted(
        rule
        for rule, settings in configured.items()
        if settings.get("enforcementLevel", "mandatory") != "mandatory"
    )

"""A stack's settings of the pack: `policies/config/<stack>.json`, in the format of `--policy-pack-config`."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from core.text import printable

FOLDER: Final = Path(__file__).parents[1] / "config"
_LEVELS: Final = ("advisory", "disabled", "mandatory")
_OF_EVERY_RULE: Final = frozenset(("enforcementLevel", "severity"))
_SEVERITIES: Final = ("low", "medium", "high", "critical")

Configuration = dict[str, dict[str, Any]]
"""Rule -> its settings: `enforcementLevel`, `severity`, and the rule's own parameters."""


class ConfigurationError(Exception):
    """A configuration that can't be used."""


def find_file(stack: str, folder: Path = FOLDER) -> Path | None:
    """Return the path of the stack's configuration; None if it has none."""
    path = folder / f"{stack}.json"
    return path if stack and path.exists() else None


def read(stack: str, folder: Path = FOLDER) -> Configuration:
    """
    Return the stack's configuration; an empty one if it has no file.

    Raises:
        ConfigurationError: The file is not a JSON object of settings.
    """
    path = find_file(stack, folder)
    if not path:
        return {}
    from core.documents import DocumentError, parse_json, read_file  # noqa: PLC0415 - imports pydantic_core

    try:
        document = parse_json(read_file(path))
    except (OSError, DocumentError) as error:
        raise ConfigurationError(f"{path.name} can't be read: {error}") from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path.name} is no JSON object of rules")
    configured = {
        rule: {"enforcementLevel": settings} if isinstance(settings, str) else settings
        for rule, settings in document.items()
    }
    for rule, settings in configured.items():
        if (
            not isinstance(settings, dict)
            or settings.get("enforcementLevel", "mandatory") not in _LEVELS
            or settings.get("severity", "low") not in _SEVERITIES
        ):
            raise ConfigurationError(
                f"{path.name} gives {printable(rule)[:100]} something that is neither an object of settings "
                f"nor a level ({', '.join(_LEVELS)})"
            )
    # A rule that is configured without a level would be advisory: 0, protobuf's default, is ADVISORY
    # (pulumi-policy 1.21, PolicyPackAnalyzerServicer.Configure).
    return {rule: {"enforcementLevel": "mandatory", **settings} for rule, settings in configured.items()}


def check(configured: Configuration, rules: Mapping[str, Collection[str]]) -> None:
    """
    Refuse settings of rules, and parameters of a rule, that do not exist: the engine ignores them.

    The engine checks the values of parameters itself, against each rule's schema.

    Args:
        configured: The configuration.
        rules: Id of each rule -> the names of its parameters.

    Raises:
        ConfigurationError: Names what does not exist.
    """
    if unknown := sorted(set(configured) - set(rules)):
        raise ConfigurationError(
            f"the configuration names no rule of this pack: {printable(', '.join(unknown))[:300]}"
        )
    parameters = {
        rule: set(settings) - _OF_EVERY_RULE - {*rules[rule]} for rule, settings in configured.items()
    }
    if named := sorted(f"{rule}.{name}" for rule, names in parameters.items() for name in names):
        raise ConfigurationError(
            f"the configuration names no parameter of its rule: {printable(', '.join(named))[:300]}"
        )


def relaxed_rules(configured: Configuration) -> list[str]:
    """Return the rules that the configuration makes advisory or disables."""
    return sorted(
        rule
        for rule, settings in configured.items()
        if settings.get("enforcementLevel", "mandatory") != "mandatory"
    )

"""Which line of the settings a finding comes from."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml

from core.documents import DocumentError, parse_yaml, read_file

_BLOCKS: Final = {
    "Alerting": "alerting",
    "Backups": "backups",
    "Database": "stores",
    "ExistingDatabase": "stores",
    "Errors": "errors",
    "Files": "stores",
    "Platform": "platform",
    "RailwayHost": "services",
    "ScheduledJob": "backups",
    "Uptime": "uptime",
    "VercelHost": "services",
}
"""Component -> its block in the stack's settings file."""

_SETTINGS_OF: Final = {
    "alert-follows-its-route": "alerting.routes",
    "contact-is-told": "alerting.channels",
    "endpoint-has-monitor": "services.*.checks",
    "endpoint-has-second-prober": "services.*.checks",
    "endpoint-is-published": "services.*.url",
    "endpoint-monitor-checks-certificate": "uptime.certificate_warning_days",
    "endpoint-monitor-checks-content": "services.*.checks",
    "endpoint-monitor-is-fast": "uptime.interval_seconds",
    "endpoint-monitor-looks-from-several-regions": "uptime.regions",
    "escalation-always-calls-somebody": "oncall.schedules",
    "escalation-is-fast": "oncall.escalations",
    "escalation-reaches-second-person": "oncall.escalations",
    "escalation-repeats": "oncall.escalations",
    "error-key-has-rate-limit": "services.*.errors.events_per_minute",
    "host-role-is-limited": "services.*.host",
    "host-secret-is-sensitive": "services.*.host",
    "maintenance-window-is-short": "uptime.maintenance",
    "monitor-reaches-someone": "alerting.routes",
    "monitor-route-is-independent": "alerting.channels",
    "readiness-is-recent": "services",
    "service-has-error-project": "services.*.errors",
    "service-receives-its-dsn": "services.*.host",
    "store-backups-outlast-corruption": "backups.retention",
    "store-branch-is-protected": "stores.*.protect_default_branch",
    "store-drill-is-recent": "stores.*.drill",
    "store-has-copy-elsewhere": "backups.elsewhere",
    "store-has-history": "stores.*.history_retention_hours",
    "store-has-independent-backup": "backups.replica",
    "store-history-fits-plan": "stores.*.history_retention_hours",
    "store-is-drilled": "backups.drill.schedule",
    "store-is-proven": "backups.proof.schedule",
    "store-loss-is-within-objective": "stores.*.backup.schedule",
    "vault-access-is-logged": "backups.access_log_days",
    "vault-expires-every-tier": "backups.retention",
    "vault-expires-nothing-early": "backups.retention",
    "vault-is-locked": "backups.lock_days",
    "vault-is-replicated": "backups.replica",
}
"""Rule -> the setting that decides it; `*` is the store or the service whose name the resource bears."""

_NUMBERED: Final = re.compile(r"waiver ([0-9]{1,6}) ")
_SETTING: Final = re.compile(r"([a-z-]+)\.([a-z_]+) = ")


def locate(stack: str, rule: str, urn: str, finding: str, folder: Path) -> tuple[str, int]:
    """
    Return the file, relative to the folder, and the line that a finding comes from.

    Args:
        stack: The stack.
        rule: The rule's id.
        urn: The resource, or "" for the whole stack.
        finding: The finding's text.
        folder: The folder of the program.
    """
    if rule == "waivers-are-valid":
        return "policies/waivers.yaml", _find_waiver(folder / "policies/waivers.yaml", finding)
    if rule == "settings-only-tighten" and (setting := _SETTING.search(finding)):
        file = f"policies/config/{stack}.json"
        return file, _find_line(folder / file, (setting[1], setting[2]))
    file = f"Pulumi.{stack}.yaml"
    steps = _SETTINGS_OF.get(rule, _find_block(urn)).split(".")
    names = _read_names(folder / file, steps[0])
    named = next((one for one in names if _bears(urn, one)), "")
    if named and len(steps) == 1:
        steps = [steps[0], named]
    if "*" in steps and not named:
        steps = [_find_block(urn)]
    path = [f"bulwark:{steps[0]}", *(named if step == "*" else step for step in steps[1:])]
    return file, _find_line(folder / file, ("config", *path))


def read_repository(stack: str, folder: Path) -> str:
    """Return the repository, `owner/name`, that the settings of the stack name; empty without one."""
    try:
        settings = parse_yaml(read_file(folder / f"Pulumi.{stack}.yaml"))
    except (OSError, DocumentError):
        return ""
    match settings:
        case {"config": {"bulwark:platform": {"repository": str(repository)}}}:
            return repository if re.fullmatch(r"[\w.-]+/[\w.-]+", repository) else ""
        case _:
            return ""


def _find_block(urn: str) -> str:
    kinds = (
        [token.rpartition(":")[2] for token in urn.split("::")[2].split("$")] if urn.count("::") >= 3 else []
    )
    return next((_BLOCKS[kind] for kind in reversed(kinds) if kind in _BLOCKS), "platform")


def _bears(urn: str, name: str) -> bool:
    """Tell whether a resource's name has this one between its hyphens: `job-files-heartbeat` has `files`."""
    return f"-{name}-" in f"-{urn.rpartition('::')[2]}-"


def _read_names(path: Path, block: str) -> list[str]:
    """Return the names of the stores or services, the longest first."""
    if block not in {"stores", "services"}:
        return []
    node = _compose(path)
    for step in ("config", f"bulwark:{block}"):
        node = _children(node).get(step)
    return sorted(_children(node), key=len, reverse=True)


def _find_waiver(path: Path, finding: str) -> int:
    """Return the line of the entry that a finding names by its number; else 1."""
    match = _NUMBERED.search(finding)
    node = _children(_compose(path)).get(str(int(match[1]) - 1)) if match else None
    return _line_of(node) if node else 1


def _find_line(path: Path, steps: tuple[str, ...]) -> int:
    """Return the line of the last of these keys that is there, one inside the other; 1 if none is."""
    node = _compose(path)
    line = 1
    for step in steps:
        keys = {_text_of(key): key for key in _keys(node)}
        if step not in keys:
            break
        line, node = _line_of(keys[step]), _children(node)[step]
    return line


@lru_cache(8)
def _compose(path: Path) -> yaml.Node | None:
    """Return the nodes of a YAML or JSON file, which know their lines; None if it is missing or malformed."""
    try:
        text = read_file(path).decode()
        parse_yaml(text)  # within limits
        return yaml.compose(text, yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _keys(node: yaml.Node | None) -> list[yaml.Node]:
    return [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []


def _children(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Return the values of a mapping by their keys, or the items of a list by their positions."""
    match node:
        case yaml.MappingNode():
            return {_text_of(key): value for key, value in node.value}
        case yaml.SequenceNode():
            return {str(number): item for number, item in enumerate(node.value)}
        case _:
            return {}


def _text_of(node: yaml.Node) -> str:
    return str(node.value)


def _line_of(node: yaml.Node) -> int:
    return node.start_mark.line + 1

"""A stack as its file describes it: its settings, and whether it lives at the vendors or on the twin."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from components.settings import PROJECT, Settings, SettingsError, load
from core.failure import Failure
from twin.host.home import TwinHome, default_root

ProviderKind = Literal["stand-in", "real"]

_BRIDGED: Final = ("neon:", "uptimerobot:", "sentry:")
_BRIDGES_NOTES: Final = "__pulumi_raw_state_delta"

CHECKOUT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class StackTarget:
    """
    One stack of this project.

    `twin` is where it lives if not at the vendors; there, `providers` says whether the vendors' own
    plugins are at work or the twin's.
    """

    name: str
    settings: Settings
    twin: TwinHome | None
    providers: ProviderKind = "stand-in"

    @property
    def place(self) -> Literal["vendors", "twin"]:
        return "twin" if self.twin else "vendors"


def home() -> TwinHome:
    """Return this checkout's twin, whether or not it has been started yet."""
    return TwinHome(default_root(CHECKOUT))


def find(stack: str, *, on_twin: bool, providers: ProviderKind | None = None) -> StackTarget:
    """
    Read a stack's settings and say where it lives.

    On the twin, what one kind of provider made stays with it; `providers` is for a stack that is empty.

    Raises:
        Failure: for a stack without a file, or whose settings are wrong; all problems are in it.
    """
    try:
        settings = settings_in(content(stack))
    except SettingsError as error:
        raise Failure(
            f"Pulumi.{stack}.yaml: {error}", "correct the file; settings.schema.json knows every key."
        ) from None
    twin = home() if on_twin or settings.platform.environment == "local" else None
    if twin:
        return StackTarget(stack, settings, twin, _providers(stack, twin, providers))
    if providers == "stand-in":
        raise Failure(
            f"The stack {stack} lives at the vendors, where stand-ins of their providers have no place.",
            "leave out `--providers`, or add `--twin`.",
        )
    return StackTarget(stack, settings, None, "real")


def content(stack: str) -> dict[str, Any]:
    path = CHECKOUT / f"Pulumi.{stack}.yaml"
    try:
        parsed = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        known = sorted(file.name.split(".")[1] for file in CHECKOUT.glob("Pulumi.*.yaml"))
        raise Failure(
            f"There is no {path.name}.", f"choose one of these stacks: {', '.join(known)}."
        ) from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise Failure(
            f"{path.name}{line} is no YAML: {getattr(error, 'problem', error)}.", "correct the file."
        ) from None
    if not isinstance(parsed, dict):
        raise Failure(f"{path.name} has no settings.", "start from Pulumi.prod.yaml.")
    return parsed


def settings_in(content: dict[str, Any]) -> Settings:
    """Read the settings that are in a stack's file. Raises SettingsError."""
    return load(
        {
            key.removeprefix(f"{PROJECT}:"): value
            for key, value in content.get("config", {}).items()
            if key.startswith(f"{PROJECT}:") and not (isinstance(value, dict) and "secure" in value)
        }
    )


def state_file(twin: TwinHome, stack: str, project: str = PROJECT) -> Path:
    """Return where the engine keeps the state of a stack on the twin."""
    return twin.state / ".pulumi" / "stacks" / project / f"{stack}.json"


def checkpoint(twin: TwinHome, stack: str, project: str = PROJECT) -> dict[str, Any]:
    """Read what the engine last wrote of a stack on the twin, empty before that; asking it takes 0.5 s."""
    path = state_file(twin, stack, project)
    if not path.exists():
        return {}
    return json.loads(path.read_text())["checkpoint"].get("latest") or {}


def _providers(stack: str, twin: TwinHome, wanted: ProviderKind | None) -> ProviderKind:
    """
    Say which kind of provider a stack on the twin goes through.

    Raises:
        Failure: when the other kind made what is there; each kind's state has what only it can read.
    """
    made = {_maker(found) for found in checkpoint(twin, stack).get("resources") or []} - {None}
    if not made:
        return wanted or "stand-in"
    maker = "real" if "real" in made else "stand-in"
    if wanted and wanted != maker:
        words = {"real": "the vendors' own providers", "stand-in": "stand-ins of the vendors' providers"}
        raise Failure(
            f"The stack {stack} was made through {words[maker]}; {words[wanted]} can't take it over.",
            f"leave out `--providers {wanted}`, or take the stack down first with `./bulwark destroy`.",
        )
    return maker


def _maker(resource: dict[str, Any]) -> ProviderKind | None:
    """Say which kind of provider made a bridged vendor's resource; the real bridge leaves notes in it."""
    if not resource["type"].startswith(_BRIDGED):
        return None
    return "real" if _BRIDGES_NOTES in resource.get("outputs", {}) else "stand-in"

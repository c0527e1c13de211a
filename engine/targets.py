"""Finds the target of a stack by its name, its file and the options of a command."""

from typing import TYPE_CHECKING

from components.settings import PROJECT
from core.failure import Failure
from core.state_folder import StateFolder, default_root
from engine import stack_file
from engine.stack_target import ProviderKind, StackTarget, VendorTarget

if TYPE_CHECKING:
    from engine.twin import TwinTarget


def state_folder() -> StateFolder:
    """Return the folder of this checkout, whether or not anything is in it yet."""
    return StateFolder(default_root(stack_file.CHECKOUT))


def find_target(stack: str, *, on_twin: bool, providers: ProviderKind | None = None) -> StackTarget:
    """
    Read a stack's settings and return where it lives.

    A stack whose environment is `local` lives on the twin, and with `on_twin` every other one does. There,
    what one kind of provider made stays with it; `providers` chooses the kind for a stack that is empty.

    Raises:
        Failure: the stack has no file, or its settings are wrong; names all that is wrong.
    """
    content = stack_file.read(stack)
    if on_twin or is_local(content):
        return find_twin_target(stack, providers)
    settings = stack_file.load_settings(stack, content)
    if providers == "stand-in":
        raise Failure(
            f"The stack {stack} lives at the vendors, where stand-ins of their providers have no place.",
            "leave out `--providers`, or add `--twin`.",
        )
    return VendorTarget(stack, settings, "real")


def find_twin_target(stack: str, providers: ProviderKind | None = None) -> "TwinTarget":
    """Return a stack on the twin. Raises Failure as `find_target` does."""
    # The twin's services are imported by the commands that run the twin alone.
    from engine.twin import TwinTarget  # noqa: PLC0415

    return TwinTarget.find(stack, providers)


def is_local(content: dict[str, object]) -> bool:
    """Tell whether the content of a stack's file is that of a stack which lives on the twin alone."""
    config = content.get("config")
    platform = config.get(f"{PROJECT}:platform") if isinstance(config, dict) else None
    return isinstance(platform, dict) and platform.get("environment") == "local"

"""Settles what a killed run of the engine leaves behind: its lock, and creations that it began."""

from typing import Any

import pulumi.automation as auto
from rich.console import Console

from components.settings import PROJECT
from core.failure import Failure
from engine.session import explain_errors
from engine.stack_target import StackTarget


def settle(
    engine: auto.Stack,
    target: StackTarget,
    console: Console,
    *,
    project: str = PROJECT,
    forget: bool = False,
) -> None:
    """
    Make the stack ready for the next run: break a dead engine's lock, forget creations that were cut short.

    Where the vendors do not remember what they made, a person has to look, unless `forget` says that what was
    begun is found in another way.

    Raises:
        Failure: another run is at work, or a vendor may have made what the state does not know.
    """
    with explain_errors():
        target.break_stale_lock(engine, project, console)
        checkpoint = target.read_checkpoint(engine.name, project)
        if checkpoint is not None and not checkpoint.get("pending_operations"):
            return
        exported = engine.export_stack()
        deployment: dict[str, Any] = dict(exported.deployment or {})
        begun = [
            operation["resource"]["urn"]
            for operation in deployment.get("pending_operations") or []
            if operation["type"] == "creating"
        ]
        if not begun:
            return
        if not (target.remembers_creations or forget):
            listed = "\n".join(f"    {urn}" for urn in begun)
            raise Failure(
                f"An earlier run was cut short while it created:\n{listed}",
                f"`./bulwark adopt --stack {target.name}{target.option}` finds by name what the vendors have "
                "of these; then run this again.",
            )
        engine.import_stack(
            auto.Deployment(version=exported.version, deployment=deployment | {"pending_operations": []})
        )

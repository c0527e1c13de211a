"""Clears up what a killed engine run leaves behind: its lock on the stack, and what it began to create."""

import json
import socket
import time
from pathlib import Path
from typing import Any, Final

import psutil
import pulumi.automation as auto
from rich.console import Console

from components.settings import PROJECT
from core.failure import Failure
from engine.session import failing_plainly
from engine.stack_target import StackTarget, checkpoint
from twin.host.home import TwinHome

_PATIENCE_SECONDS: Final = 30
"""An engine whose program was killed notices, winds down and unlocks within this time."""


def settle(
    engine: auto.Stack, space: StackTarget, console: Console, *, project: str = PROJECT, forget: bool = False
) -> None:
    """
    Make the stack ready for the next run.

    On the twin, a lock of a dead engine is taken off, and a creation that was cut short is forgotten: the
    twin knows by the resource's URN that it made it already, so that nothing is there twice. Vendors don't;
    there, a person has to look, unless `forget` says that what was begun is found otherwise.

    Raises:
        Failure: when another run is at work, or when a vendor may have made what the state doesn't know.
    """
    with failing_plainly():
        _settle(engine, space, console, project, forget=forget)


def _settle(engine: auto.Stack, space: StackTarget, console: Console, project: str, *, forget: bool) -> None:
    if space.twin:
        _unlock(engine, _locks_folder(space.twin, project, engine.name), engine.name, console)
        if not checkpoint(space.twin, engine.name, project).get("pending_operations"):
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
    if not space.twin and not forget:
        listed = "\n".join(f"    {urn}" for urn in begun)
        raise Failure(
            f"An earlier run was cut short while it created:\n{listed}",
            f"type `pulumi refresh --stack {space.name}` and answer for each whether the vendor has it.",
        )
    engine.import_stack(
        auto.Deployment(version=exported.version, deployment=deployment | {"pending_operations": []})
    )


def _unlock(engine: auto.Stack, folder: Path, stack: str, console: Console) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with console.status("") as status:
        while alive := _holders(folder):
            if time.monotonic() > deadline:
                raise Failure(
                    f"Another run (process {alive[0]}) is working on the stack {stack}.",
                    "wait for its end, or end it and run this again.",
                )
            status.update(f"Waiting for another run (process {alive[0]}) to end")
            time.sleep(0.2)
    if _locks(folder):
        engine.cancel()


def _locks_folder(twin: TwinHome, project: str, stack: str) -> Path:
    return twin.state / ".pulumi" / "locks" / "organization" / project / stack


def _locks(folder: Path) -> list[Path]:
    return list(folder.glob("*.json"))


def _holders(folder: Path) -> list[int]:
    """Return the processes on this machine that hold the stack's lock and are alive engines."""
    alive: list[int] = []
    for lock in _locks(folder):
        try:
            holder = json.loads(lock.read_text())
            process = psutil.Process(holder["pid"])
            is_engine = process.name() == "pulumi" and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.Error):
            continue
        if is_engine and holder["hostname"] == socket.gethostname():
            alive.append(process.pid)
    return alive

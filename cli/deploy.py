"""What surrounds an engine run: a question before it, and on the twin the platform's deployment after it."""

import json
import os
import sys
from typing import Any, Final

import pulumi.automation as auto
from rich.console import Console

from components import secrets
from components.settings import PROJECT, SettingsError
from core.failure import Failure
from engine import stack_target, twin
from engine.stack_target import StackTarget
from twin import file_store

_REQUESTS_PER_MINUTE: Final = {"free": 10, "solo": 20, "team": 200, "enterprise": 400}
"""What UptimeRobot answers by plan: twice the monitors that a plan has at least (uptimerobot.com/api/v3)."""
_REQUESTS_OF_ONE: Final = 60
"""Its provider asks that often in a minute while it makes monitors one by one: 6 times in 6.5 s each."""


def at_once(space: StackTarget) -> int | None:
    """
    Return how many resources may be made or removed at the same time; None leaves it to the engine.

    So many that UptimeRobot, the vendor with the lowest limit, need not refuse requests. Its provider waits
    when it is refused all the same, but holds up every other resource of the vendor.
    """
    if space.twin:
        return None
    return max(1, _REQUESTS_PER_MINUTE[space.settings.uptime.plan] // _REQUESTS_OF_ONE)


def require_secrets(space: StackTarget) -> None:
    """
    Raise Failure unless every secret of a stack at the vendors is in its file or in the environment.

    The program looks again, but an engine's run that fails for it tells the same in many more words.
    """
    file = stack_target.content(space.name).get("config", {})
    given = {
        key.removeprefix(f"{PROJECT}:")
        for key, value in file.items()
        if key.startswith(f"{PROJECT}:") and isinstance(value, dict) and "secure" in value
    }
    set_here = {name for name in secrets.required(space.settings) if os.environ.get(secrets.variable(name))}
    try:
        secrets.check(space.settings, given=given | set_here)
    except SettingsError as error:
        raise Failure(f"Pulumi.{space.name}.yaml: {error}", "set them and run this again.") from None


def confirmed(stack: str, *, to: str = "up") -> bool:
    """Ask for the stack's name; without a terminal there is nobody to ask, so the answer is no."""
    if not sys.stdin.isatty():
        sys.stderr.write(
            f"bulwark: nobody is here to confirm; type `./bulwark {to} --stack {stack} --yes`.\n"
        )
        return False
    return input(f"Type the stack's name ({stack}) to {to} it: ").strip() == stack


def refuse_protected(stack: auto.Stack) -> None:
    """
    Refuse to take down a stack that protects something.

    The engine would go on past every protected resource and remove all the others: the monitors, alerts and
    bucket policies around the very data that it keeps.

    Raises:
        Failure: naming what is protected, here or at Neon, and the line that lifts it.
    """
    resources = (stack.export_stack().deployment or {}).get("resources", [])
    held = [found["urn"].rsplit("::", 1)[-1] for found in resources if found.get("protect")]
    if held:
        raise Failure(
            f"The stack {stack.name} protects what holds data ({', '.join(held)}); nothing was destroyed.",
            f"if all of it is to go, `pulumi state unprotect --all --stack {stack.name}`, then this again.",
        )
    # Neon refuses to delete these (422), and its provider takes the refusal for success.
    kept = [found["id"] for found in resources if found.get("outputs", {}).get("defaultBranchProtected")]
    if kept:
        raise Failure(
            f"Neon keeps a project whose default branch is protected ({', '.join(kept)}), and the stack "
            "would forget it; nothing was destroyed.",
            f"lift the protection in Neon's console, `./bulwark refresh --accept --stack {stack.name}`, then "
            "this again.",
        )


def platform_to_twin(space: StackTarget, outputs: dict[str, Any], *, scale: int, console: Console) -> None:
    """Deploy the sample platform: load its rows and files once, then tell it where its database is."""
    # Here and not above: a preview, which needs neither, would pay 0.1 s for the database client.
    from twin.neon.model import Neon  # noqa: PLC0415
    from twin.sample_app import canary, seed  # noqa: PLC0415

    assert space.twin  # noqa: S101 - the caller checked
    database = space.settings.database
    with console.status("Loading the sample platform's data") as status:
        loaded = seed.load(
            outputs["owner_database_url"],
            application_role=database.application_role,
            backup_role=database.backup_role,
            scale=scale,
            progress=lambda table: status.update(f"Loading the sample platform's data: {table}"),
        )
        if loaded.loaded:
            # A branch then starts from here and needn't replay the whole load.
            for _, cluster in Neon(space.twin).clusters():
                cluster.base_backup()
    if loaded.loaded:
        console.print(f"Loaded {loaded.rows:,} rows of sample data in {loaded.seconds:.1f} s.")
    elif loaded.scale != scale:
        console.print(
            f"The sample data is there already, at scale {loaded.scale}; `./bulwark destroy` makes room for "
            f"another."
        )
    canary.prepare(outputs["owner_database_url"])
    stored = file_store.seed(space.twin, space.settings.files.buckets[0], loaded.scale)
    if stored:
        console.print(f"Stored the {stored:,} objects that its rows name.")
    deployed = space.twin.root / "platform.json"
    partial = deployed.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps({"database_url": twin.reached(outputs["application_database_url"])}))
    partial.replace(deployed)


def platform_gone(space: StackTarget) -> None:
    """Forget database and files of the sample platform, when its stack is destroyed."""
    if space.twin and space.settings.platform.environment == "local":
        (space.twin.root / "platform.json").unlink(missing_ok=True)
        file_store.empty(space.twin)

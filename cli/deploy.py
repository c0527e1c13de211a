"""Questions before a change of a stack: does a person want it, and does the stack protect anything?"""

import sys
from typing import TYPE_CHECKING

from core.failure import Failure
from engine.program import ADMINISTRATOR, Program

if TYPE_CHECKING:
    import pulumi.automation as auto


def confirm(stack: str, *, to: str = "up", what: str = "it") -> bool:
    """Ask for the stack's name and return whether it was given; without a terminal the answer is no."""
    if not sys.stdin.isatty():
        sys.stderr.write(
            f"bulwark: nobody is here to confirm; type `./bulwark {to} --stack {stack} --yes`.\n"
        )
        return False
    return input(f"Type the stack's name ({stack}) to {to} {what}: ").strip() == stack


def refuse_protected(engine: "auto.Stack", program: Program) -> None:
    """
    Refuse to take down a stack that protects something.

    The engine would go on past every protected resource and remove all the others: the monitors, alerts and
    bucket policies around the very data that it keeps.

    Raises:
        Failure: names what is protected, here or at Neon, and the command that lifts it.
    """
    resources = (engine.export_stack().deployment or {}).get("resources", [])
    protected = [resource["urn"].rsplit("::", 1)[-1] for resource in resources if resource.get("protect")]
    if protected:
        where = f" -C {program.folder.name}" if program is ADMINISTRATOR else ""
        raise Failure(
            f"{program.title.capitalize()} {engine.name} protects what holds data ({', '.join(protected)}); "
            "nothing was destroyed.",
            f"if all of it is to go, `pulumi{where} state unprotect --all --stack {engine.name}`, then this "
            "again.",
        )
    # Neon refuses to delete these (422), and its provider takes the refusal for success.
    kept = [
        resource["id"] for resource in resources if resource.get("outputs", {}).get("defaultBranchProtected")
    ]
    if kept:
        raise Failure(
            f"Neon keeps a project whose default branch is protected ({', '.join(kept)}), and the stack "
            "would forget it; nothing was destroyed.",
            "lift the protection in Neon's console, "
            f"`./bulwark refresh --accept --stack {engine.name}`, then this again.",
        )

"""What stands before a change of a stack: a person's consent, and whether the stack protects anything."""

import sys
from typing import TYPE_CHECKING

from core.failure import Failure
from engine.program import ADMINISTRATOR, Program

if TYPE_CHECKING:
    import pulumi.automation as auto


def require_consent(stack: str, *, to: str = "up", what: str = "it") -> None:
    """
    Ask for the stack's name.

    Raises:
        Failure: it was not given, or nobody is here to give it.
    """
    command = f"`./bulwark {to} --stack {stack} --yes`"
    if not sys.stdin.isatty():
        raise Failure("Nothing was changed: nobody is here to confirm.", f"type {command}.")
    if input(f"Type the stack's name ({stack}) to {to} {what}: ").strip() != stack:
        raise Failure(
            "Nothing was changed: what was typed is not the stack's name.", f"{command} does not ask."
        )


def _is_setting(kind: str) -> bool:
    """Tell whether a type is a setting of a bucket, or another name of a key."""
    return kind.startswith(("aws:s3/bucket", "aws:kms/alias")) and kind != "aws:s3/bucket:Bucket"


def refuse_protected(engine: "auto.Stack", program: Program) -> None:
    """
    Refuse to take down a stack that protects something.

    The engine would go on past every protected resource and remove all the others: the monitors, alerts and
    bucket policies around the very data that it keeps.

    Raises:
        Failure: names what is protected, here or at Neon, and the command that lifts it.
    """
    resources = (engine.export_stack().deployment or {}).get("resources", [])
    protected = [resource for resource in resources if resource.get("protect")]
    if protected:
        data = [each["urn"].rsplit("::", 1)[-1] for each in protected if not _is_setting(each["type"])]
        which = " --administrator" if program is ADMINISTRATOR else ""
        raise Failure(
            f"{program.title.capitalize()} {engine.name} protects what holds data ({', '.join(data)}) and "
            "what guards it; nothing was destroyed.",
            f"if all of it is to go, `./bulwark pulumi{which} state unprotect --all --stack {engine.name}`, "
            "then this again.",
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

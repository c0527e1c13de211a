"""`./bulwark adopt`: what exists already is found by name, and the settings to take it over are written."""

import difflib
import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

import pulumi.automation as auto
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.adoption import settings_file
from cli.adoption.finding import UNDECIDED, Finding, FindingStatus
from cli.adoption.search import SearchResult, search
from cli.adoption.settings_text import with_settings
from cli.stack import JsonOption, StackOption, TwinOption
from components.secrets import PROVIDER_TOKENS, variable
from components.settings import PROJECT
from engine import session, stack_target, twin

_VERDICTS: Final[dict[FindingStatus, str]] = {
    "managed": "this stack has it",
    "set": "{setting} names it",
    "found": "{setting}, to be written",
    "missing": "`up` makes it",
    "ambiguous": "{setting} is left to you",
    "unfit": "{setting} is left to you",
    "unknown": "not known",
}


def adopt(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    yes: bool = False,
) -> int:
    """
    Look for what exists already, and write the settings by which the next `up` takes it over.

    At the vendors it is looked for by the names that the stack would give. Nothing is changed there, and of
    several that are alike none is chosen.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at the twin instead of the vendors.
        as_json: Print one JSON document instead of text.
        yes: Write without asking.

    Returns:
        0 when nothing is left to be decided or written.
    """
    space = stack_target.find(stack, on_twin=on_twin)
    path = stack_target.CHECKOUT / f"Pulumi.{stack}.yaml"
    found = _looked(space)
    # Now, for the engine writes into the file of a stack that it makes.
    before = settings_file.read(path)
    changes = {
        ("config", f"{PROJECT}:{one.path[0]}", *one.path[1:]): one.value
        for one in found.findings
        if one.status == "found"
    }
    after = with_settings(before, changes, file=path.name)
    settings_file.check(path, after)
    if not as_json:
        _print(found, path.name, before, after)
    for failure in found.failures:
        sys.stderr.write(f"{failure}\n")
    written = bool(changes) and (yes or confirmed(space, path.name))
    if written:
        settings_file.replace(path, before, after)
    undecided = [one for one in found.findings if one.status in UNDECIDED]
    code = 1 if undecided or (changes and not written) else 0
    if as_json:
        _print_json(space, found, code, written=written)
    elif written:
        sys.stdout.write(f"Written. Look at it: ./bulwark preview --stack {stack}{' --twin' * on_twin}\n")
    return code


def _looked(space: stack_target.StackTarget) -> SearchResult:
    console = Console(stderr=True)
    if space.twin:
        twin.make_ready(space.twin, space.settings, console, real=space.providers == "real")
    chosen = session.select(space)
    with console.status("Reading the stack") as status, session.failing_plainly():
        deployment: Mapping[str, Any] = chosen.export_stack().deployment or {}
        resources = deployment.get("resources") or ()
        known = {one["urn"].rsplit("::", 1)[-1]: str(one.get("id", "")) for one in resources}
        keys = _keys(chosen)
        return search(space, keys, known, lambda vendor: status.update(f"Asking {vendor}"))


def _keys(chosen: auto.Stack) -> dict[str, str]:
    """Return the vendors' keys: from the stack's configuration, else from the environment, as the program."""
    configured = chosen.get_all_config()
    return {
        name: configured[key].value
        if (key := f"{PROJECT}:{name}") in configured
        else os.environ[variable(name)]
        for name in PROVIDER_TOKENS
        if f"{PROJECT}:{name}" in configured or variable(name) in os.environ
    }


def _print(found: SearchResult, file: str, before: str, after: str) -> None:
    console = Console()
    table = Table(title="What exists already")
    for heading in ("what", "found", "setting"):
        table.add_column(heading, overflow="fold")
    for one in found.findings:
        ids = ", ".join(one.candidates) or one.id or ("nothing" if one.status == "missing" else "")
        verdict = _VERDICTS[one.status].format(setting=".".join(one.path))
        table.add_row(escape(one.what), escape(ids), escape(verdict))
    console.print(table)
    for one in found.findings:
        if one.told:
            console.print(f"{escape(one.what)}: {escape(one.told)}", style="yellow", highlight=False)
    if before != after:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, n=1, lineterm="")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    elif not any(one.status in UNDECIDED for one in found.findings):
        sys.stdout.write(f"Nothing is left to be written into {file}.\n")


def _print_json(space: stack_target.StackTarget, found: SearchResult, code: int, *, written: bool) -> None:
    def told(one: Finding) -> dict[str, Any]:
        return {
            "what": one.what,
            "setting": f"{PROJECT}:{'.'.join(one.path)}",
            "status": one.status,
            "id": one.id or None,
            "value": one.value,
            "told": one.told,
            "candidates": list(one.candidates),
        }

    document = {
        "stack": space.name,
        "place": space.place,
        "exit_code": code,
        "written": written,
        "found": [told(one) for one in found.findings],
        "failures": [str(failure) for failure in found.failures],
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def confirmed(space: stack_target.StackTarget, file: str) -> bool:
    """Ask whether to write; without a terminal there is nobody to ask, so the answer is no."""
    at = " --twin" if space.twin and space.settings.platform.environment != "local" else ""
    if not sys.stdin.isatty():
        sys.stderr.write(
            f"bulwark: nobody is here to confirm; type `./bulwark adopt --stack {space.name}{at} --yes`.\n"
        )
        return False
    whose = "These are the twin's ids, which no vendor knows. " if at else ""
    return input(f"{whose}Write this into {file}? [y/N] ").strip().lower() in {"y", "yes"}

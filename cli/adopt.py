"""`./bulwark adopt`: finds by name what exists already, and writes the settings that take it over."""

import difflib
import json
import os
import sys
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from cli.adoption import settings_file
from cli.adoption.finding import UNDECIDED, Finding, FindingStatus
from cli.adoption.search import SearchResult, search
from cli.adoption.settings_text import insert_settings
from cli.options import JsonOption, StackOption, TwinOption
from components.settings import PROJECT
from core.console import PrintableConsole
from engine import session, stack_file
from engine.program import BOTH
from engine.stack_target import StackTarget
from engine.targets import find_target

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
    target = find_target(stack, on_twin=on_twin)
    path = stack_file.path_of(stack)
    result = _search(target)
    # Now, for the engine writes into the file of a stack that it makes.
    before = settings_file.read(path)
    changes = {
        ("config", f"{PROJECT}:{finding.path[0]}", *finding.path[1:]): finding.value
        for finding in result.findings
        if finding.status == "found"
    }
    after = insert_settings(before, changes, file=path.name)
    settings_file.check(path, after, target)
    if not as_json:
        _print(result, path.name, before, after)
    for failure in result.failures:
        sys.stderr.write(f"{failure}\n")
    written = bool(changes) and (yes or confirm(target, path.name))
    if written:
        settings_file.replace(path, before, after)
    undecided = [finding for finding in result.findings if finding.status in UNDECIDED]
    code = 1 if undecided or (changes and not written) else 0
    if as_json:
        _print_json(target, result, code, written=written)
    elif written:
        sys.stdout.write(f"Written. Look at it: ./bulwark preview --stack {stack}{' --twin' * on_twin}\n")
    return code


def _search(target: StackTarget) -> SearchResult:
    console = PrintableConsole(stderr=True)
    target.prepare(console, runs_program=False)
    administrator, engine = (session.select(target, program) for program in BOTH)
    with console.status("Reading the stack") as status, session.explain_errors():
        deployments = [one.export_stack().deployment or {} for one in (administrator, engine)]
        resources = [resource for one in deployments for resource in one.get("resources") or ()]
        known = {resource["urn"].rsplit("::", 1)[-1]: str(resource.get("id", "")) for resource in resources}
        return search(target, os.environ, known, lambda vendor: status.update(f"Asking {vendor}"))


def _print(result: SearchResult, file: str, before: str, after: str) -> None:
    console = PrintableConsole()
    table = Table(title="What exists already")
    for heading in ("what", "found", "setting"):
        table.add_column(heading, overflow="fold")
    for finding in result.findings:
        ids = (
            ", ".join(finding.candidates) or finding.id or ("nothing" if finding.status == "missing" else "")
        )
        verdict = _VERDICTS[finding.status].format(setting=".".join(finding.path))
        table.add_row(escape(finding.what), escape(ids), escape(verdict))
    console.print(table)
    for finding in result.findings:
        if finding.note:
            console.print(f"{escape(finding.what)}: {escape(finding.note)}", style="yellow", highlight=False)
    if before != after:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, n=1, lineterm="")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    elif not any(finding.status in UNDECIDED for finding in result.findings):
        sys.stdout.write(f"Nothing is left to be written into {file}.\n")


def _print_json(target: StackTarget, result: SearchResult, code: int, *, written: bool) -> None:
    def row(finding: Finding) -> dict[str, Any]:
        return {
            "what": finding.what,
            "setting": f"{PROJECT}:{'.'.join(finding.path)}",
            "status": finding.status,
            "id": finding.id or None,
            "value": finding.value,
            "told": finding.note,
            "candidates": list(finding.candidates),
        }

    document = {
        "stack": target.name,
        "place": target.location,
        "exit_code": code,
        "written": written,
        "found": [row(finding) for finding in result.findings],
        "failures": [str(failure) for failure in result.failures],
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def confirm(target: StackTarget, file: str) -> bool:
    """Ask whether to write; without a terminal the answer is no."""
    if not sys.stdin.isatty():
        sys.stderr.write(
            "bulwark: nobody is here to confirm; type "
            f"`./bulwark adopt --stack {target.name}{target.option} --yes`.\n"
        )
        return False
    whose = "These are the twin's ids, which no vendor knows. " if target.option else ""
    return input(f"{whose}Write this into {file}? [y/N] ").strip().lower() in {"y", "yes"}

"""`./bulwark adopt`: finds by name what exists already, and writes the settings that use it."""

import difflib
import json
import os
import sys
from collections import Counter
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
from core.failure import Failure
from engine import pending_operations, session, stack_file
from engine.declared_resources import StepResource
from engine.event_log import EventLog
from engine.program import BOTH
from engine.stack_target import StackTarget
from engine.targets import find_target

_BLOCK: Final = "existing"
_VERDICTS: Final[dict[FindingStatus, str]] = {
    "set": "the settings name it",
    "found": "{setting}, to be written",
    "duplicate": "beside the stack's own; left to you",
    "ambiguous": "left to you",
    "unfit": "left to you",
    "unknown": "not known",
}
"""What is shown of each; of the others only how many there are."""


def adopt(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    yes: bool = False,
) -> int:
    """
    Look for what exists already, and write the settings by which the next `up` uses it.

    The programs say what they would make, and at the vendors it is looked for by its name. What others may
    use as well, GitHub's issuer in an AWS account and the team at Sentry, the stack then reads and never
    changes; all else it takes over. Nothing is changed at a vendor, and of several that are alike none is
    chosen.

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
    changes: dict[tuple[str, ...], Any] = {
        ("config", f"{PROJECT}:{_BLOCK}", finding.setting, finding.resource): finding.id
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
    if code == 0:
        _forget_interrupted(target)
    if as_json:
        _print_json(target, result, code, written=written)
    elif written:
        sys.stdout.write(f"Written. Look at it: ./bulwark preview --stack {stack}{target.option}\n")
    return code


def _search(target: StackTarget) -> SearchResult:
    console = PrintableConsole(stderr=True)
    target.prepare(console)
    declared: list[StepResource] = []
    state: list[dict[str, Any]] = []
    failures: list[Failure] = []
    with console.status("Asking the programs what they declare") as status:
        for program in BOTH:
            engine = session.select(target, program, ignores_existing=True)
            with session.explain_errors():
                target.break_stale_lock(engine, program.project, console)
            resources, failure = _preview(engine, program.title)
            declared += resources
            failures += [failure] if failure else []
            with session.explain_errors():
                state += (engine.export_stack().deployment or {}).get("resources") or ()
        result = search(
            target, os.environ, declared, state, on_progress=lambda vendor: status.update(f"Asking {vendor}")
        )
    result.failures[:0] = failures
    return result


def _forget_interrupted(target: StackTarget) -> None:
    """Let the next run go on: what an engine that was killed had begun to make was looked for by its name."""
    for program in BOTH:
        engine = session.select(target, program, runs_program=False)
        pending_operations.settle(
            engine, target, PrintableConsole(stderr=True), project=program.project, forget=True
        )


def _preview(engine: Any, title: str) -> tuple[list[StepResource], Failure | None]:
    """Return what a program declares, and why that may not be all."""
    log = EventLog("", quiet=True, as_json=True)
    _, code = session.run(
        lambda: engine.preview(on_output=lambda _: None, on_event=log.on_event), on_failure=log.on_failure
    )
    failure = Failure(
        f"The preview of {title} failed, so that some of it was not looked for: {log.cause()}",
        "correct that, and run this again.",
    )
    return log.declared.list_resources(), failure if code else None


def _print(result: SearchResult, file: str, before: str, after: str) -> None:
    console = PrintableConsole()
    table = Table(title="What exists already")
    for heading in ("what", "found", "setting"):
        table.add_column(heading, overflow="fold")
    for finding in result.findings:
        if finding.status in _VERDICTS:
            ids = ", ".join(filter(None, (finding.id, *finding.candidates)))
            verdict = _VERDICTS[finding.status].format(setting=f"{_BLOCK}.{finding.setting}")
            table.add_row(escape(f"{finding.vendor} {finding.what}"), escape(ids), escape(verdict))
    if table.row_count:
        console.print(table)
    for finding in result.findings:
        if finding.note:
            console.print(f"{escape(finding.what)}: {escape(finding.note)}", style="yellow", highlight=False)
    counts = Counter(finding.status for finding in result.findings)
    managed, missing = counts["managed"], counts["missing"]
    sys.stdout.write(f"{managed} are this stack's already; {missing} are not there, and `up` makes them.\n")
    if before != after:
        lines = difflib.unified_diff(before.splitlines(), after.splitlines(), file, file, n=1, lineterm="")
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    elif not any(finding.status in UNDECIDED for finding in result.findings):
        sys.stdout.write(f"Nothing is left to be written into {file}.\n")


def _print_json(target: StackTarget, result: SearchResult, code: int, *, written: bool) -> None:
    def row(finding: Finding) -> dict[str, Any]:
        return {
            "vendor": finding.vendor,
            "resource": finding.resource,
            "what": finding.what,
            "setting": f"{PROJECT}:{_BLOCK}.{finding.setting}",
            "status": finding.status,
            "id": finding.id or None,
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

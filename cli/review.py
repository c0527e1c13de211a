"""`./bulwark review | audit`: what the policies say of the program, and of what is deployed."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pulumi.automation as auto
from cyclopts import Parameter
from rich.console import Console

from cli import drill_facts
from cli.output import save
from cli.stack import JsonOption, StackOption, TwinOption, open_stack
from components.policy_gate import PACK
from core.failure import Failure
from engine import session, stack_target
from engine.event_log import EventLog
from policies.framework import configuration
from policies.report import VARIABLE
from review import markdown, sarif, terminal
from review.review import Review, build

Write = Annotated[Path | None, Parameter(name="--write")]


def review(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    write: Write = None,
    save_plan: Annotated[Path | None, Parameter(name="--save-plan")] = None,
) -> int:
    """
    Preview the stack and show the plan, every policy's verdict, and what a disaster would cost.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's program against the twin instead of the vendors; needs no secret.
        as_json: Print one JSON document instead of text.
        write: A folder to write review.md, review.json and review.sarif into.
        save_plan: A file for the plan, which `./bulwark up --plan` does, and nothing else; not written where
            anything refuses the deploy.

    Returns:
        0 when nothing refuses the deploy, else the engine's exit code.
    """
    try:
        _, chosen = open_stack(stack, on_twin=on_twin)
    except Failure as failure:
        # Or a pull request would go on showing the review of an earlier commit.
        if write:
            _written(build(stack, "review", report=None, stopped=str(failure)), write)
        raise
    watched = EventLog("Review", quiet=True, as_json=True)
    lines: list[str] = []
    partial = save_plan and save_plan.absolute().with_name(f"{save_plan.name}.partial")

    def read(line: str) -> None:
        lines.append(line)
        watched.read(line)

    def preview() -> int:
        with watched.shown():
            return session.run(
                lambda: chosen.preview(
                    on_output=read,
                    on_event=watched.see,
                    color="never",
                    policy_packs=[str(PACK)],
                    plan=partial and str(partial),
                )
            )[1]

    code, report = _reported(chosen, preview)
    watched.close(0 if report else code)
    found = build(stack, "review", steps=watched.steps, report=report, stopped=_stopped(report, lines))
    if save_plan and partial:
        _keep(partial, save_plan, passes=found.passes and not code)
    return _shown(found, code, as_json=as_json, write=write)


def audit(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    write: Write = None,
) -> int:
    """
    Ask the policies about what is deployed, from the stack's state, where nothing is unknown.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at what a stack made on the twin.
        as_json: Print one JSON document instead of text.
        write: A folder to write audit.md, audit.json and audit.sarif into.

    Returns:
        0 when every policy is satisfied, else the engine's exit code.
    """
    space = stack_target.find(stack, on_twin=on_twin)
    chosen = session.select(space)
    drill_facts.hand_over(space, chosen)
    arguments = ["policy", "analyze", "--stack", stack, "--policy-pack", str(PACK)]
    if settings := configuration.file_of(stack):
        arguments += ["--policy-pack-config", str(settings)]
    lines: list[str] = []

    def analyze() -> int:
        with Console(stderr=True).status(f"Audit of {stack}"):
            return session.run(lambda: _command(chosen, arguments, lines.append))[1]

    code, report = _reported(chosen, analyze)
    if not report and not code:
        raise Failure(f"There is nothing to audit: {stack} has no resources.", "run ./bulwark up first.")
    found = build(stack, "audit", report=report, stopped=_stopped(report, lines))
    return _shown(found, code, as_json=as_json, write=write)


def _command(chosen: auto.Stack, arguments: list[str], on_output: Callable[[str], Any]) -> Any:
    workspace = chosen.workspace
    return workspace.pulumi_command.run(
        [*arguments, "--color", "never"],
        str(workspace.work_dir),
        dict(workspace.env_vars),
        on_output,
    )


def _reported(chosen: auto.Stack, run: Callable[[], int]) -> tuple[int, dict[str, Any] | None]:
    """Run the engine and return its exit code and what the policies wrote; None if they were not asked."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        chosen.workspace.env_vars = {**chosen.workspace.env_vars, VARIABLE: str(path)}
        code = run()
        return code, json.loads(path.read_text()) if path.exists() else None


def _stopped(report: dict[str, Any] | None, lines: list[str]) -> str:
    return "" if report else "\n".join(line.rstrip() for line in lines if line.strip()) or "nothing"


def _shown(found: Review, code: int, *, as_json: bool, write: Path | None) -> int:
    if write:
        _written(found, write)
    if as_json:
        sys.stdout.write(json.dumps(found.document(), indent=2) + "\n")
    else:
        terminal.show(found, Console())
    return code or (0 if found.passes else 1)


def _keep(partial: Path, plan: Path, *, passes: bool) -> None:
    if passes:
        partial.replace(plan)
        return
    for path in (partial, plan):  # of an earlier review as well: it is not what was reviewed now
        path.unlink(missing_ok=True)


def _written(found: Review, folder: Path) -> None:
    occasion: Literal["review", "audit"] = found.occasion
    files = {
        f"{occasion}.md": markdown.render(found),
        f"{occasion}.json": json.dumps(found.document(), indent=2) + "\n",
        f"{occasion}.sarif": json.dumps(sarif.render(found, stack_target.CHECKOUT), indent=2) + "\n",
    }
    save(folder, files, what="The review", option="--write")

"""`./bulwark up | preview | refresh | outputs | destroy`: what the engine does, with the policies on."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pulumi.automation as auto
from cyclopts import Parameter, validators
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli import deploy, drill_facts
from cli.output import save
from components.policy_gate import PACK
from engine import orphaned_projects, pending_operations, plan_file, session, stack_target, twin
from engine.event_log import EventLog

StackOption = Annotated[str, Parameter(name=["--stack", "-s"])]
TwinOption = Annotated[bool, Parameter(name="--twin", negative=())]
ProvidersOption = Annotated[stack_target.ProviderKind | None, Parameter(name="--providers")]
JsonOption = Annotated[bool, Parameter(name="--json", negative=())]


def up(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    as_json: JsonOption = False,
    yes: bool = False,
    plan: Annotated[Path | None, Parameter(name="--plan")] = None,
    scale: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1,
) -> int:
    """
    Provision the stack, with the policies on, and say what is protected by what.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's program against the twin instead of the vendors.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        as_json: Print one JSON document instead of text; progress goes to standard error.
        yes: Don't ask before changing a stack at the vendors.
        plan: A file of `./bulwark review --save-plan`: what it says is done, and nothing else.
        scale: Size of the sample data that the first `up` loads; 1 is about 6,000 rows.

    Returns:
        The engine's exit code.
    """
    planned = plan_file.read(plan) if plan else None
    space, chosen = open_stack(stack, on_twin=on_twin, providers=providers)
    # A policy over the whole stack speaks when the last resource is registered. In a preview that is before
    # anything exists; in an update it would be too late.
    asks = space.twin is None and not yes
    ahead = EventLog("Preview", quiet=not asks, as_json=as_json)
    update = EventLog("Update", quiet=True, as_json=as_json)
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / "plan.json" if planned else None
        result, code = _run(ahead, chosen.preview, policy_packs=[str(PACK)], plan=again and str(again))
        if code == 0 and planned and again:
            plan_file.refuse_others(planned, plan_file.read(again), stack=stack)
    if code == 0 and asks and not deploy.confirmed(stack):
        code = 1
    elif code == 0:
        held = str(plan.absolute()) if plan else None
        result, code = _run(
            update,
            chosen.up,
            policy_packs=[str(PACK)],
            suppress_outputs=True,
            plan=held,
            parallel=deploy.at_once(space),
        )
        sys.stderr.write(orphaned_projects.told(space, chosen, update.steps))
    found = {name: out.value for name, out in result.outputs.items()} if code == 0 else {}
    if found and space.settings.platform.environment == "local":
        deploy.platform_to_twin(space, found, scale=scale, console=Console(stderr=True))
    if as_json:
        shown = _shown(result.outputs) if found else {}
        document = {"stack": stack, "exit_code": code, "changes": update.counts, "outputs": shown}
        _print_json(document | {"refusals": update.document()["refusals"]})
    elif code == 0:
        _print_protection(found["protection"])
    return code


def preview(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    as_json: JsonOption = False,
) -> int:
    """
    Show what `up` would change, and every policy's verdict; changes nothing.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's program against the twin instead of the vendors.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        as_json: Print one JSON document: counts, each step, each violation.

    Returns:
        The engine's exit code; a violation is not 0.
    """
    _, chosen = open_stack(stack, on_twin=on_twin, providers=providers)
    plan = EventLog("Preview", quiet=False, as_json=as_json)
    _, code = _run(plan, chosen.preview, policy_packs=[str(PACK)])
    if as_json:
        _print_json({"stack": stack, "exit_code": code, **plan.document()})
    return code


def refresh(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    as_json: JsonOption = False,
    accept: bool = False,
    write: Annotated[Path | None, Parameter(name="--write")] = None,
) -> int:
    """
    Compare the stack with what really exists at the vendors, and show the drift.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at the twin instead of the vendors.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        as_json: Print one JSON document: counts and each difference.
        accept: Write what was found into the stack's state; the next `up` then corrects it.
        write: A folder to write drift.json into, and drift.md where anything drifted.

    Returns:
        0 when nothing drifted or the drift was accepted, else the engine's exit code.
    """
    _, chosen = open_stack(stack, on_twin=on_twin, providers=providers, program=False)
    drift = EventLog("Refresh", quiet=True, as_json=as_json)
    if accept:
        _, code = _run(drift, chosen.refresh)
    else:
        _, code = _run(drift, chosen.preview_refresh, expect_no_changes=True)
    if write and (drift.steps or code == 0):
        _write_drift(stack, drift, write)
    if as_json:
        _print_json({"stack": stack, "exit_code": code, **drift.document()})
    elif drift.steps or code == 0:
        _print_drift(drift.steps)
    return code


def destroy(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    as_json: JsonOption = False,
    yes: bool = False,
) -> int:
    """
    Take down what the stack made; what is locked stays and is listed with its date.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Take down what a stack made on the twin.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        as_json: Print one JSON document instead of text; progress goes to standard error.
        yes: Don't ask before destroying a stack at the vendors.

    Returns:
        The engine's exit code.
    """
    asks = stack_target.find(stack, on_twin=on_twin).twin is None and not yes
    if asks and not deploy.confirmed(stack, to="destroy"):
        return 1
    space, chosen = open_stack(stack, on_twin=on_twin, providers=providers, program=False)
    deploy.refuse_protected(chosen)
    removal = EventLog("Destroy", quiet=True, as_json=as_json)
    _, code = _run(removal, chosen.destroy, continue_on_error=True, parallel=deploy.at_once(space))
    if code == 0:
        deploy.platform_gone(space)
    if as_json:
        _print_json({"stack": stack, "exit_code": code, "changes": removal.counts})
    return code


def outputs(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    show_secrets: bool = False,
) -> int:
    """
    Show the stack's outputs; secrets only when asked for.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Show what a stack made on the twin.
        as_json: Print one JSON document.
        show_secrets: Show secret values in clear.
    """
    found = session.select(stack_target.find(stack, on_twin=on_twin), runs_program=False).outputs()
    shown = _shown(found, secrets=show_secrets)
    if as_json:
        _print_json(shown)
        return 0
    table = Table("output", "value", title=f"Outputs of {stack}")
    for name, value in shown.items():
        table.add_row(name, escape(value if isinstance(value, str) else json.dumps(value, indent=2)))
    Console().print(table)
    return 0


def open_stack(
    stack: str,
    *,
    on_twin: bool,
    providers: stack_target.ProviderKind | None = None,
    program: bool = True,
) -> tuple[stack_target.StackTarget, auto.Stack]:
    """
    Make a stack ready: its services run, and nothing of an interrupted run is in the way.

    `program` says whether the operation runs the program, which needs all of the stack's secrets.
    """
    console = Console(stderr=True)
    space = stack_target.find(stack, on_twin=on_twin, providers=providers)
    if space.twin:
        twin.make_ready(space.twin, space.settings, console, real=space.providers == "real")
    elif program:
        deploy.require_secrets(space)
    chosen = session.select(space, runs_program=program)
    pending_operations.settle(chosen, space, console)
    if program:
        drill_facts.hand_over(space, chosen)
    return space, chosen


def _run(watched: EventLog, operation: Callable[..., Any], **options: Any) -> tuple[Any, int]:
    with watched.shown():
        result, code = session.run(
            lambda: operation(on_output=watched.read, on_event=watched.see, color=watched.color, **options)
        )
    watched.close(code)
    return result, code


def _shown(found: Any, *, secrets: bool = False) -> dict[str, Any]:
    return {
        name: out.value if secrets or not out.secret else "[secret]" for name, out in sorted(found.items())
    }


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def _write_drift(stack: str, drift: EventLog, folder: Path) -> None:
    # Here and not above: it knows every rule, and no other command of these asks for one.
    from review.drift import render  # noqa: PLC0415

    reports = {"drift.json": json.dumps({"stack": stack, **drift.document()}, indent=2) + "\n"}
    if drift.steps:
        reports["drift.md"] = render(stack, drift.steps)
    else:
        (folder / "drift.md").unlink(missing_ok=True)
    save(folder, reports, what="The drift", option="--write")


def _print_drift(steps: list[dict[str, Any]]) -> None:
    if not steps:
        sys.stdout.write("Nothing has drifted.\n")
        return
    table = Table("resource", "what happened to it", title="Drift")
    for step in steps:
        changed = ", ".join(step["properties"])
        what = "it is gone" if step["op"] == "delete" else f"changed: {changed}"
        table.add_row(step["urn"].rsplit("::", 1)[-1], what)
    Console().print(table)


def _print_protection(rows: list[dict[str, str]]) -> None:
    table = Table("what", "protected by", "where to look", title="What is protected")
    for row in rows:
        table.add_row(row["what"], row["by"], row["where"])
    console = Console()
    console.print(table)
    console.print(
        "Declared, not proven: ./bulwark backups says what was backed up and restored.", style="yellow"
    )

"""`./bulwark up | preview | refresh | outputs | destroy`: operations of the engine, with the policies on."""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pulumi.automation as auto
from cyclopts import Parameter, validators
from rich.markup import escape
from rich.table import Table

from cli import deploy
from cli.open_stack import OpenStack, open_stack
from cli.options import AdministratorOption, JsonOption, StackOption, TwinOption
from cli.stack_recovery_file import describe_stack, to_yaml
from core.console import PrintableConsole
from core.failure import Failure
from engine import orphaned_projects, plan_file, session
from engine.administrator_plan import require_administrator
from engine.event_log import EventLog, merge_documents
from engine.policy_gate import PACK
from engine.program import ADMINISTRATOR, BOTH
from engine.stack_target import ProviderKind, StackTarget
from engine.targets import find_target

ProvidersOption = Annotated[ProviderKind | None, Parameter(name="--providers")]


def up(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    administrator: AdministratorOption = False,
    as_json: JsonOption = False,
    yes: bool = False,
    plan: Annotated[Path | None, Parameter(name="--plan")] = None,
    scale: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1,
) -> int:
    """
    Provision the stack, with the policies on, and say what is protected by what.

    First comes the administrator's stack, with what the platform has at AWS, then the platform's.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's programs against the twin instead of the vendors.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        administrator: Provision the administrator's stack alone, which needs no vendor's key.
        as_json: Print one JSON document instead of text; progress goes to standard error.
        yes: Don't ask before changing a stack at the vendors.
        plan: A file of `./bulwark review --save-plan`: what it says is done, and nothing else.
        scale: Size of the sample data that the first `up` loads; 1 is about 6,000 rows.

    Returns:
        The engine's exit code.
    """
    reviewed = plan_file.read(plan) if plan else None
    with open_stack(stack, on_twin=on_twin, providers=providers, administrator_only=administrator) as opened:
        target = opened.target
        asks = target.asks_before_changes and not yes
        logs, code = _deploy_administrator(opened, asks=asks, planned=plan is not None, as_json=as_json)
        values: dict[str, Any] = {}
        shown: dict[str, Any] = {}
        if opened.platform and not code:
            outputs, code = _deploy_platform(
                target, opened.platform, logs, reviewed, plan, asks=asks, as_json=as_json
            )
            values = {name: output.value for name, output in outputs.items()}
            shown = _hide_secrets(outputs)
    if values:
        _record_issuer_keys(target, values)
        target.deploy_platform(values, scale=scale, console=PrintableConsole(stderr=True))
        _grant_large_objects(target, values)
    if as_json:
        merged = merge_documents(logs)
        _print_json(
            {
                "stack": stack,
                "exit_code": code,
                "changes": merged["changes"],
                "outputs": shown,
                "refusals": merged["refusals"],
            }
        )
    elif values:
        _print_protection(values["protection"])
    elif code == 0:
        sys.stdout.write(f"What the platform {stack} has at AWS is up. Next: ./bulwark up --stack {stack}\n")
    return code


def _deploy_administrator(
    opened: OpenStack, *, asks: bool, planned: bool, as_json: bool
) -> tuple[list[EventLog], int]:
    """
    Bring the administrator's stack up, if it has changes; return the log of what it did, and the exit code.

    Raises:
        Failure: it has changes, and whoever runs this may only read at AWS, or carries out a plan.
    """
    target, engine = opened.target, opened.administrator
    # A policy over the whole stack judges when the last resource is registered. In a preview that is before
    # anything exists; in an update it would be too late.
    seen = EventLog("Administrator's preview", quiet=not asks, as_json=as_json)
    _, code = _run(seen, engine.preview, policy_packs=[str(PACK)])
    if code or not seen.steps:
        return [seen], code
    require_administrator(target, seen.steps, planned=planned)
    if asks and not deploy.confirm(target.name, what=ADMINISTRATOR.title):
        return [], 1
    log = EventLog("Administrator's update", quiet=True, as_json=as_json)
    _, code = _run(log, engine.up, policy_packs=[str(PACK)], suppress_outputs=True)
    return [log], code


def _deploy_platform(
    target: StackTarget,
    engine: auto.Stack,
    logs: list[EventLog],
    reviewed: plan_file.ReviewedPlan | None,
    plan: Path | None,
    *,
    asks: bool,
    as_json: bool,
) -> tuple[auto.OutputMap, int]:
    """Bring the platform's stack up; return its outputs and the exit code, and add the log of the update."""
    seen = EventLog("Preview", quiet=not asks, as_json=as_json)
    with tempfile.TemporaryDirectory() as folder:
        now = Path(folder) / "plan.json" if reviewed else None
        _, code = _run(seen, engine.preview, policy_packs=[str(PACK)], plan=now and str(now))
        if code == 0 and reviewed and now:
            plan_file.require_same(reviewed, plan_file.read(now), stack=target.name)
    if code or (asks and not deploy.confirm(target.name)):
        return {}, code or 1
    log = EventLog("Update", quiet=True, as_json=as_json)
    logs.append(log)
    result, code = _run(
        log,
        engine.up,
        policy_packs=[str(PACK)],
        suppress_outputs=True,
        plan=str(plan.absolute()) if plan else None,
        parallel=target.parallelism,
    )
    sys.stderr.write(orphaned_projects.describe_orphans(target, engine, log.steps))
    return (result.outputs if code == 0 else {}), code


def _record_issuer_keys(target: StackTarget, outputs: dict[str, Any]) -> None:
    """Record the keys that sign attestations, or say why they are not recorded: the next `up` tries again."""
    if "vault" not in outputs:
        return
    from cli.recovery_context import record_issuer_keys  # noqa: PLC0415 - botocore takes a second

    try:
        record_issuer_keys(target, outputs["vault"])
    except Failure as failure:
        sys.stderr.write(
            f"{failure}\nThe issuer's keys are not recorded: attestations verify only while it publishes "
            "them.\n"
        )


def _grant_large_objects(target: StackTarget, outputs: dict[str, Any]) -> None:
    """Let the backup role read large objects, or say why it may not: the next `up` tries again."""
    from recovery.postgres.large_objects import grant_large_objects  # noqa: PLC0415 - for psycopg

    url = target.reach_database(outputs["owner_database_url"])
    try:
        missing = grant_large_objects(url, target.settings.database.backup_role).missing
    except Failure as failure:
        sys.stderr.write(
            f"{failure}\nThe backup role was granted no large objects. The stack is up; the next `up` tries "
            "again.\n"
        )
    else:
        sys.stderr.write("".join(f"{phrase}\n" for phrase in missing))


def preview(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    administrator: AdministratorOption = False,
    as_json: JsonOption = False,
) -> int:
    """
    Show what `up` would change, and every policy's verdict; changes nothing.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's programs against the twin instead of the vendors.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        administrator: Show the administrator's stack alone.
        as_json: Print one JSON document: counts, each step, each violation.

    Returns:
        The engine's exit code; a violation is not 0.
    """
    logs: list[EventLog] = []
    code = 0
    with open_stack(stack, on_twin=on_twin, providers=providers, administrator_only=administrator) as opened:
        for engine in opened.stacks:
            logs.append(EventLog("Preview", quiet=False, as_json=as_json))
            _, code = _run(logs[-1], engine.preview, policy_packs=[str(PACK)])
            if code:
                break
    if as_json:
        _print_json({"stack": stack, "exit_code": code, **merge_documents(logs)})
    return code


def refresh(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    providers: ProvidersOption = None,
    administrator: AdministratorOption = False,
    as_json: JsonOption = False,
    accept: bool = False,
) -> int:
    """
    Compare the stack with what really exists at the vendors, and show the drift.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at the twin instead of the vendors.
        providers: On the twin: through the vendors' `real` provider plugins, or through `stand-in`s; those
            that the stack was made with, if left out.
        administrator: Compare the administrator's stack alone.
        as_json: Print one JSON document: counts and each difference.
        accept: Write what was found into the stack's state; the next `up` then corrects it.

    Returns:
        0 when nothing drifted or the drift was accepted, else the engine's exit code.
    """
    logs: list[EventLog] = []
    code = 0
    with open_stack(
        stack,
        on_twin=on_twin,
        providers=providers,
        administrator_only=administrator,
        runs_program=False,
    ) as opened:
        for engine in opened.stacks:
            logs.append(EventLog("Refresh", quiet=True, as_json=as_json))
            if accept:
                _, ended = _run(logs[-1], engine.refresh)
            else:
                _, ended = _run(logs[-1], engine.preview_refresh, expect_no_changes=True)
            code = code or ended
    drift = merge_documents(logs)
    if as_json:
        _print_json({"stack": stack, "exit_code": code, **drift})
    elif drift["steps"] or code == 0:
        _print_drift(drift["steps"])
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

    First goes the platform's stack, then the administrator's.

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
    asks = find_target(stack, on_twin=on_twin).asks_before_changes and not yes
    if asks and not deploy.confirm(stack, to="destroy"):
        return 1
    logs: list[EventLog] = []
    code = 0
    with open_stack(stack, on_twin=on_twin, providers=providers, runs_program=False) as opened:
        for program, engine in zip(BOTH, opened.stacks, strict=True):
            deploy.refuse_protected(engine, program)
        for engine in reversed(opened.stacks):
            logs.append(EventLog("Destroy", quiet=True, as_json=as_json))
            _, code = _run(
                logs[-1], engine.destroy, continue_on_error=True, parallel=opened.target.parallelism
            )
            if code:
                break
        else:
            opened.target.remove_platform()
    if as_json:
        _print_json({"stack": stack, "exit_code": code, "changes": merge_documents(logs)["changes"]})
    return code


def outputs(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    as_json: JsonOption = False,
    show_secrets: bool = False,
    recovery: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """
    Show the stack's outputs; secrets only when asked for.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Show what a stack made on the twin.
        as_json: Print one JSON document.
        show_secrets: Show secret values in clear.
        recovery: Print the recovery file of the stack instead (docs/recovery.md), which never has a secret.
    """
    if recovery:
        target = find_target(stack, on_twin=on_twin)
        file = describe_stack(target, session.outputs(target))
        sys.stdout.write(f"{file.model_dump_json(indent=2)}\n" if as_json else to_yaml(file))
        return 0
    values = session.select(find_target(stack, on_twin=on_twin), runs_program=False).outputs()
    shown = _hide_secrets(values, show=show_secrets)
    if as_json:
        _print_json(shown)
        return 0
    table = Table("output", "value", title=f"Outputs of {stack}")
    for name, value in shown.items():
        table.add_row(name, escape(value if isinstance(value, str) else json.dumps(value, indent=2)))
    PrintableConsole().print(table)
    return 0


def _run(log: EventLog, operation: Callable[..., Any], **options: Any) -> tuple[Any, int]:
    with log.show():
        result, code = session.run(
            lambda: operation(on_output=log.on_output, on_event=log.on_event, color=log.color, **options)
        )
    log.close(code)
    return result, code


def _hide_secrets(outputs: Any, *, show: bool = False) -> dict[str, Any]:
    return {
        name: output.value if show or not output.secret else "[secret]"
        for name, output in sorted(outputs.items())
    }


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def _print_drift(steps: list[dict[str, Any]]) -> None:
    if not steps:
        sys.stdout.write("Nothing has drifted.\n")
        return
    table = Table("resource", "what happened to it", title="Drift")
    for step in steps:
        changed = ", ".join(step["properties"])
        what = "it is gone" if step["op"] == "delete" else f"changed: {changed}"
        table.add_row(step["urn"].rsplit("::", 1)[-1], what)
    PrintableConsole().print(table)


def _print_protection(rows: list[dict[str, str]]) -> None:
    table = Table("what", "protected by", "where to look", title="What is protected")
    for row in rows:
        table.add_row(row["what"], row["by"], row["where"])
    console = PrintableConsole()
    console.print(table)
    console.print(
        "Declared, not proven: ./bulwark backups says what was backed up and restored.", style="yellow"
    )

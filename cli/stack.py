"""`./bulwark up | preview | refresh | outputs`: operations of the engine, with the policies on."""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pulumi.automation as auto
from cyclopts import Parameter, validators
from rich.markup import escape
from rich.table import Table

from cli import deploy
from cli.ending import Ending
from cli.engine_runs import EngineRuns, command_line
from cli.open_stack import OpenStack, open_stack
from cli.options import AdministratorOption, JsonOption, StackOption, TwinOption
from core.console import PrintableConsole
from core.failure import Failure
from engine import plan_file, session
from engine.administrator_plan import require_administrator
from engine.event_log import merge_documents
from engine.first_answers import WaitingMonitor, describe_waiting
from engine.program import ADMINISTRATOR
from engine.stack_target import ProviderKind, StackTarget
from engine.targets import find_target

if TYPE_CHECKING:
    from cli.adoption.leftovers import Leftovers

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
        runs = EngineRuns(
            command_line("up", target, administrator=administrator), stack=stack, as_json=as_json
        )
        asks = target.asks_before_changes and not yes
        _deploy_administrator(opened, runs, reviewed, asks=asks)
        outputs: auto.OutputMap = {}
        if opened.platform and not runs.code:
            outputs = _deploy_platform(target, opened.platform, runs, plan, asks=asks)
        left = _find_leftovers(opened, runs)
        values: dict[str, Any] = {name: output.value for name, output in outputs.items()}
        if values:
            _record_issuer_keys(target, values)
            target.deploy_platform(values, scale=scale, console=PrintableConsole(stderr=True))
            _grant_large_objects(target, values)
            _arm_monitors(opened, runs)
            if not as_json:
                _print_protection(values["protection"])
    waiting = _list_waiting(opened)
    verdict = _judge_up(runs, target, left, waiting, whole=bool(opened.platform))
    if as_json:
        document = runs.document(verdict)
        kept = ("stack", "exit_code", "verdict", "changes", "refusals")
        _print_json(
            {
                **{name: document[name] for name in kept},
                "outputs": _hide_secrets(outputs),
                "leftovers": left.document() if left else [],
                "waiting": [asdict(monitor) for monitor in waiting],
            }
        )
    if not as_json or not verdict.passes:
        verdict.write()
    return runs.code


def _judge_up(
    runs: EngineRuns,
    target: StackTarget,
    left: "Leftovers | None",
    waiting: Sequence[WaitingMonitor],
    *,
    whole: bool,
) -> Ending:
    ending = runs.explain_failure() if runs.code else None
    if left:
        sys.stderr.write(left.describe())
    if ending and left and left.can_be_adopted:
        adopt = command_line("adopt", target)
        return replace(ending, next_step=f"`{adopt}`, then `{runs.command}` again; it goes on from there.")
    if ending:
        return ending
    if not whole:
        return Ending(
            True,
            f"What the platform {target.name} has at AWS is up.",
            command_line("up", target),
        )
    if waiting:
        return Ending(
            True,
            f"{target.name} is up and passes {runs.policies} policies. {describe_waiting(waiting)}",
            f"deploy the platform there; then `{command_line('up', target)}` arms what answers.",
        )
    return Ending(
        True,
        f"{target.name} is up and passes {runs.policies} policies. Declared, not proven:",
        f"{command_line('backups', target)} says what was backed up and restored.",
    )


def _deploy_administrator(
    opened: OpenStack, runs: EngineRuns, reviewed: plan_file.ReviewedPlan | None, *, asks: bool
) -> None:
    """
    Preview both programs, and bring the administrator's stack up if it has changes.

    Raises:
        Failure: it has changes, and whoever runs this may only read at AWS, carries out a plan, or does not
            want them; or the platform's plan is not what was reviewed.
    """
    target = opened.target
    if opened.first_answers and reviewed:
        opened.first_answers.follow(reviewed)
    with tempfile.TemporaryDirectory() as folder:
        now = Path(folder) / "plan.json" if reviewed else None
        # A policy over the whole stack judges when the last resource is registered. In a preview that is
        # before anything exists; in an update it would be too late.
        seen, *of_platform = runs.preview(opened, quiet=not asks, plan=now)
        for log in of_platform:
            runs.logs.remove(log)
        if runs.code:
            return
        if seen.steps:
            require_administrator(target, seen.steps, planned=reviewed is not None)
        if reviewed and now:
            plan_file.require_same(reviewed, plan_file.read(now), stack=target.name)
    if not seen.steps:
        return
    runs.logs.remove(seen)
    if asks:
        deploy.require_consent(target.name, what=ADMINISTRATOR.title)
    runs.run_judged(
        "Administrator's update", opened.administrator, opened.administrator.up, suppress_outputs=True
    )


def _deploy_platform(
    target: StackTarget, engine: auto.Stack, runs: EngineRuns, plan: Path | None, *, asks: bool
) -> auto.OutputMap:
    """
    Bring the platform's stack up; return its outputs, none if that failed.

    Raises:
        Failure: a person does not want the changes.
    """
    if asks:
        deploy.require_consent(target.name)
    result, _ = runs.run_judged(
        "Update",
        engine,
        engine.up,
        suppress_outputs=True,
        plan=str(plan.absolute()) if plan else None,
        parallel=target.parallelism,
    )
    return {} if runs.code else result.outputs


def _arm_monitors(opened: OpenStack, runs: EngineRuns) -> None:
    """Arm what answers since the platform was deployed, as the policies have judged it."""
    answers = opened.first_answers
    if not opened.platform or not answers or not answers.waiting or not answers.ask_again():
        return
    declared = [resource["urn"] for log in runs.logs for resource in log.declared.list_resources()]
    runs.run(
        "Arming the monitors",
        opened.platform.up,
        counts=False,
        suppress_outputs=True,
        target=[urn for urn in declared if urn.rpartition("::")[2] in answers.waiting],
    )


def _list_waiting(opened: OpenStack) -> list[WaitingMonitor]:
    return list(opened.first_answers.waiting.values()) if opened.first_answers else []


def _find_leftovers(opened: OpenStack, runs: EngineRuns) -> "Leftovers | None":
    """Search for what attempts to create something left at the vendors; None where nothing was attempted."""
    declared = [log.declared for log in runs.logs if log.declared.attempted]
    if not declared:
        return None
    from cli.adoption.leftovers import find_leftovers  # noqa: PLC0415 - botocore takes a second

    return find_leftovers(opened.target, opened.read_resources, declared)


def _record_issuer_keys(target: StackTarget, outputs: dict[str, Any]) -> None:
    """Record the keys that sign attestations, or say why they are not recorded: the next `up` tries again."""
    if "vault" not in outputs:
        return
    from cli.stack_recovery import record_issuer_keys  # noqa: PLC0415 - botocore takes a second

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

    for name, store in target.settings.neon.items():
        url = target.reach_database(outputs["database_urls"][name]["owner"])
        try:
            missing = grant_large_objects(url, store.backup_role).missing
        except Failure as failure:
            sys.stderr.write(
                f"{failure}\nThe backup role of {name} was granted no large objects. The stack is up; "
                "the next `up` tries again.\n"
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
    with open_stack(stack, on_twin=on_twin, providers=providers, administrator_only=administrator) as opened:
        target = opened.target
        command = command_line("preview", target, administrator=administrator)
        runs = EngineRuns(command, stack=stack, as_json=as_json)
        runs.preview(opened, quiet=False)
    waiting = describe_waiting(_list_waiting(opened))
    if runs.code:
        verdict = runs.explain_failure()
    else:
        verdict = Ending(
            True,
            f"{stack} passes {runs.policies} policies. `up` would do: {runs.changes or 'nothing'}."
            f"{waiting and ' '}{waiting}",
            command_line("up", target, administrator=administrator) if runs.changes else "",
        )
    if as_json:
        _print_json(runs.document(verdict))
    if not as_json or not verdict.passes:
        verdict.write()
    return runs.code


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
    with open_stack(
        stack,
        on_twin=on_twin,
        providers=providers,
        administrator_only=administrator,
        runs_program=False,
    ) as opened:
        target, code = opened.target, 0
        command = command_line("refresh", target, administrator=administrator)
        runs = EngineRuns(command, stack=stack, as_json=as_json)
        failed: Ending | None = None
        for engine in opened.stacks:
            if accept:
                _, log = runs.run("Refresh", engine.refresh)
            else:
                _, log = runs.run("Refresh", engine.preview_refresh, expect_no_changes=True)
            # Drift alone ends with a code and no error: no changes were expected.
            if runs.code and (log.errors or not log.steps):
                failed = failed or runs.explain_failure()
            code = code or runs.code
        runs.code = code
    drift = merge_documents(runs.logs)["steps"]
    verdict = failed or _judge_drift(drift, target, accepted=accept)
    if as_json:
        _print_json(runs.document(verdict))
    elif drift:
        _print_drift(drift)
    if not as_json or not verdict.passes:
        verdict.write()
    return code


def _judge_drift(drift: list[dict[str, Any]], target: StackTarget, *, accepted: bool) -> Ending:
    if not drift:
        return Ending(True, "Nothing has drifted.")
    count = f"{len(drift)} resource{'s' if len(drift) > 1 else ''}"
    if accepted:
        return Ending(
            True,
            f"{count} had drifted; the stack's state has what was found.",
            f"{command_line('preview', target)} shows how `up` sets it back.",
        )
    return Ending(
        False,
        f"{count} of {target.name} drifted: the vendors have something else than the stack's state.",
        f"`{command_line('refresh', target)} --accept`, then `{command_line('up', target)}` sets it back; "
        "or declare what is there now.",
    )


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
        from cli.stack_recovery_file import describe_stack, to_yaml  # noqa: PLC0415 - botocore and psycopg

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


def _hide_secrets(outputs: Any, *, show: bool = False) -> dict[str, Any]:
    return {
        name: output.value if show or not output.secret else "[secret]"
        for name, output in sorted(outputs.items())
    }


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def _print_drift(steps: list[dict[str, Any]]) -> None:
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
    PrintableConsole().print(table)

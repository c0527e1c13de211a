"""`./bulwark up | preview | refresh | outputs | destroy`: what the engine does, with the policies on."""

import json
import sys
from typing import Annotated, Any

import pulumi.automation as auto
from cyclopts import Parameter, validators
from pulumi.automation import events
from rich.console import Console
from rich.table import Table

from cli import deploy, engine, interrupted, stack_file, twin
from components.policy_gate import PACK

Stack = Annotated[str, Parameter(name=["--stack", "-s"])]
OnTwin = Annotated[bool, Parameter(name="--twin", negative=())]
Json = Annotated[bool, Parameter(name="--json", negative=())]


def up(
    *,
    stack: Stack = "local",
    on_twin: OnTwin = False,
    as_json: Json = False,
    yes: bool = False,
    scale: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 1,
) -> int:
    """
    Provision the stack, with the policies on, and say what is protected by what.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's program against the twin instead of the vendors.
        as_json: Print one JSON document instead of text; progress goes to standard error.
        yes: Don't ask before changing a stack at the vendors.
        scale: Size of the sample data that the first `up` loads; 1 is about 6,000 rows.

    Returns:
        The engine's exit code.
    """
    console = Console(stderr=True)
    space = stack_file.find(stack, on_twin=on_twin)
    if space.twin:
        twin.make_ready(space.twin, space.settings, console)
    chosen = engine.select(space)
    interrupted.settle(chosen, space, console)
    changes = _Changes()
    # A policy over the whole stack speaks when the last resource is registered. In a preview that is before
    # anything exists; in an update it would be too late.
    _, code = _preview(chosen, _Changes(), as_json=as_json)
    result = None
    if code == 0 and space.twin is None and not yes and not deploy.confirmed(stack):
        code = 1
    if code == 0:
        result, code = engine.run(
            lambda: chosen.up(
                policy_packs=[str(PACK)], on_output=_writer(as_json), on_event=changes.see, color=_color()
            )
        )
    if result and space.settings.platform.environment == "local":
        found = {name: out.value for name, out in result.outputs.items()}
        deploy.platform_to_twin(space, found, scale=scale, console=console)
    shown = _shown(result.outputs) if result else {}
    if as_json:
        _print_json({"stack": stack, "exit_code": code, "changes": changes.counts, "outputs": shown})
    elif code == 0:
        _print_protection(shown.get("protection", []))
    return code


def preview(*, stack: Stack = "local", on_twin: OnTwin = False, as_json: Json = False) -> int:
    """
    Show what `up` would change, and every policy's verdict; changes nothing.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Run another stack's program against the twin instead of the vendors.
        as_json: Print one JSON document: counts, each step, each violation.

    Returns:
        The engine's exit code; a violation is not 0.
    """
    space = stack_file.find(stack, on_twin=on_twin)
    if space.twin:
        twin.make_ready(space.twin, space.settings, Console(stderr=True))
    chosen = engine.select(space)
    changes = _Changes()
    _, code = _preview(chosen, changes, as_json=as_json)
    if as_json:
        _print_json({"stack": stack, "exit_code": code, **changes.document()})
    return code


def refresh(
    *, stack: Stack = "local", on_twin: OnTwin = False, as_json: Json = False, accept: bool = False
) -> int:
    """
    Compare the stack with what really exists at the vendors, and show the drift.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at the twin instead of the vendors.
        as_json: Print one JSON document: counts and each difference.
        accept: Write what was found into the stack's state; the next `up` then corrects it.

    Returns:
        0 when nothing drifted or the drift was accepted, else the engine's exit code.
    """
    space = stack_file.find(stack, on_twin=on_twin)
    if space.twin:
        twin.make_ready(space.twin, space.settings, Console(stderr=True))
    chosen = engine.select(space)
    changes = _Changes()
    if accept:
        _, code = engine.run(
            lambda: chosen.refresh(on_output=_writer(as_json), on_event=changes.see, color=_color())
        )
    else:
        _, code = engine.run(
            lambda: chosen.preview_refresh(
                on_output=_writer(as_json), on_event=changes.see, expect_no_changes=True, color=_color()
            )
        )
    if as_json:
        _print_json({"stack": stack, "exit_code": code, **changes.document()})
    return code


def destroy(
    *, stack: Stack = "local", on_twin: OnTwin = False, as_json: Json = False, yes: bool = False
) -> int:
    """
    Take down what the stack made; what is locked stays and is listed with its date.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Take down what a stack made on the twin.
        as_json: Print one JSON document instead of text; progress goes to standard error.
        yes: Don't ask before destroying a stack at the vendors.

    Returns:
        The engine's exit code.
    """
    space = stack_file.find(stack, on_twin=on_twin)
    if space.twin is None and not yes and not deploy.confirmed(stack, to="destroy"):
        return 1
    console = Console(stderr=True)
    if space.twin:
        twin.make_ready(space.twin, space.settings, console)
    chosen = engine.select(space)
    interrupted.settle(chosen, space, console)
    changes = _Changes()
    _, code = engine.run(
        lambda: chosen.destroy(on_output=_writer(as_json), on_event=changes.see, color=_color())
    )
    if code == 0 and space.twin:
        deploy.platform_gone(space.twin)
    if as_json:
        _print_json({"stack": stack, "exit_code": code, "changes": changes.counts})
    return code


def outputs(
    *, stack: Stack = "local", on_twin: OnTwin = False, as_json: Json = False, show_secrets: bool = False
) -> int:
    """
    Show the stack's outputs; secrets only when asked for.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Show what a stack made on the twin.
        as_json: Print one JSON document.
        show_secrets: Show secret values in clear.
    """
    found = engine.select(stack_file.find(stack, on_twin=on_twin)).outputs()
    shown = _shown(found, secrets=show_secrets)
    if as_json:
        _print_json(shown)
        return 0
    table = Table("output", "value", title=f"Outputs of {stack}")
    for name, value in shown.items():
        table.add_row(name, value if isinstance(value, str) else json.dumps(value, indent=2))
    Console().print(table)
    return 0


def _preview(chosen: auto.Stack, changes: "_Changes", *, as_json: bool) -> tuple[Any, int]:
    return engine.run(
        lambda: chosen.preview(
            policy_packs=[str(PACK)], on_output=_writer(as_json), on_event=changes.see, color=_color()
        )
    )


class _Changes:
    """Collects what the engine says it does, without any property's value."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._steps: list[dict[str, Any]] = []
        self._violations: list[dict[str, str]] = []

    def see(self, event: events.EngineEvent) -> None:
        if event.resource_pre_event and event.resource_pre_event.metadata.op != "same":
            step = event.resource_pre_event.metadata
            self._steps.append({"op": step.op.value, "urn": step.urn, "properties": list(step.diffs or [])})
        if event.summary_event:
            self.counts = {str(op): count for op, count in event.summary_event.resource_changes.items()}
        if event.policy_event:
            policy = event.policy_event
            self._violations.append(
                {
                    "policy": policy.policy_name,
                    "level": policy.enforcement_level,
                    "urn": policy.resource_urn or "",
                    "message": policy.message,
                }
            )

    def document(self) -> dict[str, Any]:
        return {"changes": self.counts, "steps": self._steps, "violations": self._violations}


def _writer(as_json: bool) -> Any:
    stream = sys.stderr if as_json else sys.stdout

    def write(line: str) -> None:
        stream.write(line if line.endswith("\n") else f"{line}\n")
        stream.flush()

    return write


def _color() -> str:
    return "always" if sys.stdout.isatty() else "never"


def _shown(found: Any, *, secrets: bool = False) -> dict[str, Any]:
    return {
        name: out.value if secrets or not out.secret else "[secret]" for name, out in sorted(found.items())
    }


def _print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def _print_protection(rows: list[dict[str, str]]) -> None:
    table = Table("what", "protected by", "where to look", title="What is protected")
    for row in rows:
        table.add_row(row["what"], row["by"], row["where"])
    Console().print(table)

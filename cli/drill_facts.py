"""What the policies are told of the drills of a stack's stores, from the stack's state and its vault."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pulumi.automation as auto

from core.console import PrintableConsole
from core.failure import Failure
from engine.stack_target import StackTarget
from policies.framework.drill_history import REHEARSAL, VARIABLE, StoreHistory, to_json

if TYPE_CHECKING:
    from recovery.drill.records import DrillRecord

_STACK: Final = "pulumi:pulumi:Stack"


def read_history(target: StackTarget, engine: auto.Stack) -> str:
    """
    Return the history of the stores as JSON; it is empty for a stack that was never deployed.

    Raises:
        Failure: the vault does not answer.
    """
    # boto3 takes a second, and deployments on the twin do without.
    from cli.recovery_context import open_vault  # noqa: PLC0415
    from recovery.drill import records  # noqa: PLC0415

    resources = (engine.export_stack().deployment or {}).get("resources", [])
    outputs = _outputs(resources)
    if "vault" not in outputs:
        return to_json({})
    vault = open_vault(
        target, outputs["vault"], target.settings.backups.region, target.deployer_credentials()
    )
    return to_json(history_of(resources, records.read_records(vault), target))


def history_of(
    resources: Sequence[dict[str, Any]], drills: "Iterable[DrillRecord]", target: StackTarget
) -> dict[str, StoreHistory]:
    """
    Return, by the URN of each store, when its backups began and when a drill of it passed last.

    Args:
        resources: The stack's state.
        drills: The evidence in its vault.
        target: The stack.
    """
    from recovery.drill import records  # noqa: PLC0415 - as in read_history

    newest = records.newest_passed(drills, target.name, target.location)
    passed = {
        urn: newest[store].started if store in newest else None
        for store, urn in _outputs(resources).get("stores", {}).items()
    }
    begun = _begin_of_backups(resources)
    return {urn: StoreHistory(begun.get(urn), passed.get(urn)) for urn in {*begun, *passed}}


def pass_to_policies(target: StackTarget, engine: auto.Stack) -> None:
    """
    Put the history into the environment of the stack's engine, in place of whatever this process has there.

    Where it can't be read, it is passed as empty text, and the policies refuse.
    """
    try:
        history = REHEARSAL if target.is_rehearsal else read_history(target, engine)
    except Failure as failure:
        history = ""
        console = PrintableConsole(stderr=True)
        console.print(str(failure), style="yellow", markup=False, highlight=False)
        console.print("So the policies do not know of any drill.", style="yellow")
    engine.workspace.env_vars = {**engine.workspace.env_vars, VARIABLE: history}


def _outputs(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the stack's outputs from its state; the secret ones are encrypted there."""
    return next((root.get("outputs", {}) for root in resources if root["type"] == _STACK), {})


def _begin_of_backups(resources: Sequence[dict[str, Any]]) -> dict[str, datetime]:
    """Return, by the URN of each store, when the oldest part of a job that protects it was created."""
    oldest_part: dict[str, datetime] = {}
    for resource in resources:
        if (parent := resource.get("parent")) and (created := resource.get("created")):
            moment = datetime.fromisoformat(created)
            oldest_part[parent] = min(moment, oldest_part.get(parent, moment))
    begun: dict[str, datetime] = {}
    for job in resources:
        if moment := oldest_part.get(job["urn"]):
            for store in (job.get("inputs") or {}).get("protects", ()):
                begun[store] = min(moment, begun.get(store, moment))
    return begun

"""What is known of the drills of a deployed stack's stores, from its state and its vault."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pulumi.automation as auto
from rich.console import Console

from cli.role_credentials import deployer_credentials
from core.failure import Failure
from engine.stack_target import StackTarget
from policies.framework.drill_history import REHEARSAL, VARIABLE, StoreHistory, written

if TYPE_CHECKING:
    from recovery.drill.records import Record

_STACK: Final = "pulumi:pulumi:Stack"


def document(space: StackTarget, chosen: auto.Stack) -> str:
    """
    Return what the policies are told of the drills: nothing of a stack that was never deployed.

    Raises:
        Failure: the vault does not answer.
    """
    from cli.recovery_context import vault  # noqa: PLC0415 - boto3 takes a second, and the twin's deploys do without
    from recovery.drill import records  # noqa: PLC0415 - the same

    resources = (chosen.export_stack().deployment or {}).get("resources", [])
    outputs = _outputs(resources)
    if "vault" not in outputs:
        return written({})
    region, key = space.settings.backups.region, deployer_credentials(space)
    found = records.records(vault(outputs["vault"], region, space.twin, key))
    return written(known(resources, found, space))


def known(
    resources: Sequence[dict[str, Any]], found: "Iterable[Record]", space: StackTarget
) -> dict[str, StoreHistory]:
    """
    Return, by the URN of each store, since when it is backed up and when a drill of it passed last.

    Args:
        resources: The stack's state.
        found: The evidence in its vault.
        space: The stack.
    """
    since, names = _since(resources), _outputs(resources).get("stores", {})
    from recovery.drill import records  # noqa: PLC0415 - the same

    passed = {store: drill.started for store, drill in records.passed(found, space.name, space.place).items()}
    urns = {urn: passed.get(store) for store, urn in names.items()}
    return {urn: StoreHistory(since.get(urn), urns.get(urn)) for urn in {*since, *urns}}


def _outputs(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the stack's outputs as they stand in its state; the secret ones are encrypted there."""
    return next((one.get("outputs", {}) for one in resources if one["type"] == _STACK), {})


def _since(resources: Sequence[dict[str, Any]]) -> dict[str, datetime]:
    """Return, by the URN of each store, when the oldest part of a job that protects it was made."""
    parts: dict[str, datetime] = {}
    for one in resources:
        if (parent := one.get("parent")) and (created := one.get("created")):
            moment = datetime.fromisoformat(created)
            parts[parent] = min(moment, parts.get(parent, moment))
    since: dict[str, datetime] = {}
    for job in resources:
        if begun := parts.get(job["urn"]):
            for store in (job.get("inputs") or {}).get("protects", ()):
                since[store] = min(begun, since.get(store, begun))
    return since


def hand_over(space: StackTarget, chosen: auto.Stack) -> None:
    """
    Put it into the environment of the stack's engine, over whatever this process has there.

    What can't be found out is handed over as nothing, and the policies then refuse.
    """
    try:
        told = REHEARSAL if space.twin else document(space, chosen)
    except Failure as failure:
        told = ""
        console = Console(stderr=True)
        console.print(str(failure), style="yellow", markup=False, highlight=False)
        console.print("So the policies do not know of any drill.", style="yellow")
    chosen.workspace.env_vars = {**chosen.workspace.env_vars, VARIABLE: told}

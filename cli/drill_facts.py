"""What the policies are told of a stack's drills and readiness, from the stack's state and its vault."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pulumi.automation as auto

from components.settings import Settings
from core.console import PrintableConsole
from core.failure import Failure
from engine.stack_stores import list_stores
from engine.stack_target import StackTarget
from policies.framework.drill_history import (
    IS_READY,
    REHEARSAL,
    VARIABLE,
    ReadinessHistory,
    StoreHistory,
    to_json,
)

if TYPE_CHECKING:
    from recovery.drill.records import DrillRecord
    from recovery.drill.spec import DrillObjectives
    from recovery.store import Store

_STACK: Final = "pulumi:pulumi:Stack"


def read_history(target: StackTarget, engine: auto.Stack) -> str:
    """
    Return the history of stores and platform as JSON; it is empty for a stack that was never deployed.

    Raises:
        Failure: the vault does not answer.
    """
    # botocore takes a second, and deployments on the twin do without.
    from cli.recovery_context import find_trust  # noqa: PLC0415
    from cli.stack_recovery import open_vault  # noqa: PLC0415
    from readiness.records import find_passed  # noqa: PLC0415
    from recovery import catalogue  # noqa: PLC0415
    from recovery.drill import records  # noqa: PLC0415
    from recovery.manifests import manifest_of  # noqa: PLC0415
    from recovery.store import STATE  # noqa: PLC0415

    resources = (engine.export_stack().deployment or {}).get("resources", [])
    outputs = _outputs(resources)
    if "vault" not in outputs:
        return to_json({}, ReadinessHistory())
    vault = open_vault(target, outputs["vault"], target.settings.vaults.region, target.deployer_credentials())
    trust = find_trust(target)
    drills, judgements = records.read_records(vault, trust), catalogue.read_judgements(vault, trust)
    by_drills = records.proofs_by_drills(drills)
    proven: dict[Store, datetime | None] = {
        store: records.last_proven(
            catalogue.read_backups(vault, manifest_of(store), trust, store=store.name, judgements=judgements),
            by_drills,
        )
        for store in list_stores(target.settings)
        if store != STATE
    }
    readiness = ReadinessHistory(_find_begin(resources), find_passed(vault, trust, target.location))
    return to_json(history_of(resources, drills, proven, target), readiness)


def history_of(
    resources: Sequence[dict[str, Any]],
    drills: "Iterable[DrillRecord]",
    proven: "Mapping[Store, datetime | None]",
    target: StackTarget,
) -> dict[str, StoreHistory]:
    """
    Return, by the URN of each store, when its backups began, a drill of it passed and a backup was proven.

    Args:
        resources: The stack's state.
        drills: The evidence in its vault.
        proven: When the newest proven backup of each store was last restored and compared.
        target: The stack.
    """
    from recovery.drill import records  # noqa: PLC0415 - as in read_history

    newest = records.newest_passed(
        drills, target.name, target.location, lambda store: drill_objectives(target.settings, store)
    )
    begun, stores = _begin_of_backups(resources), _outputs(resources).get("stores", {})
    history = {urn: StoreHistory(since) for urn, since in begun.items()}
    for store in list_stores(target.settings):
        if urn := stores.get(store.name):
            passed = newest[store].proven_at if store in newest else None
            history[urn] = StoreHistory(begun.get(urn), passed, proven.get(store))
    return history


def drill_objectives(settings: Settings, store: str) -> "DrillObjectives":
    """Return the objectives that drills of a store are measured by."""
    from recovery.drill.spec import DrillObjectives  # noqa: PLC0415 - as in read_history

    objectives = settings.objectives_of(store)
    return DrillObjectives(
        recovery=objectives.recovery_time_minutes * 60,
        critical=objectives.critical_recovery_time_minutes * 60,
        history_loss=objectives.recovery_point_minutes * 60,
        vault_loss=objectives.independent_recovery_point_hours * 3600,
    )


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
        console.print(
            "So the policies know of no drill, and refuse. If a change has to go out before the vault "
            "answers, waive store-drill-is-recent for its stores in policies/waivers.yaml, and "
            f"{IS_READY} for the platform.",
            style="yellow",
        )
    engine.workspace.env_vars = {**engine.workspace.env_vars, VARIABLE: history}


def _outputs(resources: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the stack's outputs from its state; the secret ones are encrypted there."""
    return next((root.get("outputs", {}) for root in resources if root["type"] == _STACK), {})


def _find_begin(resources: Iterable[dict[str, Any]]) -> datetime | None:
    """Return when the oldest resource of a state was created; None if no one is known to be."""
    return min(
        (datetime.fromisoformat(str(one["created"])) for one in resources if one.get("created")), default=None
    )


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

"""`state`: the engine's backend is gone. The stack is rebuilt from its backed-up state, somewhere else."""

from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Protocol

from recovery import catalogue
from recovery.drill.evidence import Check, NegativeControl, Scenario
from recovery.drill.recovery_point import choose, recover_from, wrong_digest
from recovery.drill.scenario_run import OnProgress, ScenarioRun
from recovery.drill.terms import DrillObjectives
from recovery.state import STATE, StateManifest, restore_state
from recovery.vault.vault import VaultClient

_FOLDER = "state"


class Rebuilt(Protocol):
    """The stack on a backend of the drill's own."""

    def changes(self) -> list[str]:
        """Preview the platform's program, and return what it would change, in words."""
        ...

    def forget_one(self) -> str:
        """Take a resource that nothing depends on out of the rebuilt state, and return its name."""
        ...


class Engine(Protocol):
    """Rebuilds stacks."""

    def rebuilt(self, folder: Path, state: Path) -> AbstractContextManager[Rebuilt]:
        """Make a backend in `folder`, take `state` into it with the stack's files beside, and remove it."""
        ...


def drill(
    engine: Engine,
    vault: VaultClient,
    folder: Path,
    *,
    objectives: DrillObjectives,
    deployed_at: datetime | None,
    told: OnProgress,
    backup: str | None = None,
) -> Scenario:
    """
    Rebuild the stack from the vault alone; the preview after it has to be empty.

    The platform's own backend is not written to, and what exists at the vendors is only compared with.

    Args:
        engine: Rebuilds it.
        vault: The only place that is read.
        folder: Private; what is made lies in it and goes with it.
        objectives: What the times are measured by.
        deployed_at: When the stack last changed, as its own backend says.
        told: Is called with each phase.
        backup: Id of the backup; without it the newest.
    """
    attempt = ScenarioRun(
        "state",
        stores=("state",),
        threat="The engine's backend is gone, and with it all that is known of the stack.",
        loss_objective_seconds=objectives.vault_loss,
        told=told,
    )
    place = folder / _FOLDER
    with attempt.capture_errors():
        manifest = _chosen(attempt, vault, deployed_at, backup)
        _recover(attempt, engine, vault, place, manifest, objectives)
        attempt.check([wrong_digest(vault, manifest.files[STATE])])
    attempt.remove(place, "backend and state")
    return attempt.scenario()


def _chosen(
    attempt: ScenarioRun, vault: VaultClient, deployed_at: datetime | None, backup: str | None
) -> StateManifest:
    chosen = choose(catalogue.read_backups(vault, StateManifest), backup=backup)
    manifest = chosen.manifest
    attempt.declare()
    recover_from(attempt, vault, "primary", chosen, as_of=manifest.snapshot_at)
    attempt.newest_change_how = "the time of the last deployment that the state tells of"
    attempt.newest_change = manifest.snapshot_at
    if deployed_at == manifest.snapshot_at:
        attempt.newest_change_how = "the stack's own backend: nothing was deployed since that backup"
        attempt.newest_change = attempt.incident
    return manifest


def _recover(  # noqa: PLR0917 - private
    attempt: ScenarioRun,
    engine: Engine,
    vault: VaultClient,
    place: Path,
    manifest: StateManifest,
    objectives: DrillObjectives,
) -> None:
    with attempt.clock.phase("fetch"):
        files = restore_state(manifest, vault, place)
    state = next(file for file in files if file.name == STATE)
    with ExitStack() as stack:
        with attempt.clock.phase("rebuild the stack"):
            rebuilt = stack.enter_context(engine.rebuilt(place, state))
        with attempt.clock.phase("preview"):
            changes = rebuilt.changes()
        attempt.check([_empty(manifest, changes)])
        attempt.milestone("verified", objectives.recovery)
        with attempt.clock.phase("negative control"):
            forgotten = rebuilt.forget_one()
            found = [change for change in rebuilt.changes() if forgotten in change]
        attempt.control = NegativeControl(
            damage=f"the rebuilt state has forgotten {forgotten}", found=tuple(found)
        )


def _empty(manifest: StateManifest, changes: list[str]) -> Check:
    expected = f"nothing to change in {manifest.resources} resources"
    return Check(
        name="the preview is empty",
        what="pulumi preview of the platform's program on the rebuilt stack",
        expected=expected,
        actual=f"{len(changes)} changes: {'; '.join(changes[:5])}" if changes else expected,
        outcome="failed" if changes else "passed",
    )

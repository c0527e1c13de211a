"""`state`: the engine's backend is lost. The stack is rebuilt from its backed-up state on another backend."""

from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from typing import Protocol

from recovery import catalogue
from recovery.attestation import Trust
from recovery.drill.evidence import Check, NegativeControl, Scenario
from recovery.drill.recovery_point import check_wrong_digest, choose_recovery_point, record_recovery_point
from recovery.drill.scenario_run import OnProgress, ScenarioRun
from recovery.drill.spec import DrillObjectives
from recovery.state import STATE_FILE, StateManifest, restore_state
from recovery.store import STATE
from recovery.vault.vault import VaultClient

_FOLDER = "state"


class RestoredStack(Protocol):
    """The stack, rebuilt on the drill's own backend."""

    def preview_changes(self) -> list[str]:
        """Preview the platform's program, and return one sentence per change."""
        ...

    def forget_resource(self) -> str:
        """Delete a resource without dependents from the rebuilt state, and return its name."""
        ...


class StackRebuilder(Protocol):
    """Rebuilds a stack from its state."""

    def rebuild(self, folder: Path, state: Path) -> AbstractContextManager[RestoredStack]:
        """Create a backend in `folder`, which has the stack's files, and import `state` into it."""
        ...


def drill(
    rebuilder: StackRebuilder,
    vault: VaultClient,
    trust: Trust,
    folder: Path,
    *,
    objectives: DrillObjectives,
    deployed_at: datetime | None,
    on_progress: OnProgress,
    backup: str | None = None,
) -> Scenario:
    """
    Rebuild the stack from one vault; a preview of it must then be empty.

    The platform's own backend and its resources at the vendors are only read.

    Args:
        rebuilder: Rebuilds the stack.
        vault: The only vault that is read.
        trust: Whose attestations count.
        folder: Private folder; the backend and the state are in it, and are removed.
        objectives: Upper bounds of the times.
        deployed_at: Time of the stack's last deployment, according to its own backend.
        on_progress: Called with the name of each phase.
        backup: Id of the backup; the newest by default.
    """
    run = ScenarioRun(
        "state",
        stores=(STATE.name,),
        threat="The engine's backend is gone, and with it all that is known of the stack.",
        loss_objective_seconds=objectives.vault_loss,
        on_progress=on_progress,
    )
    workspace = folder / _FOLDER
    with run.capture_errors():
        manifest = _choose(run, vault, trust, deployed_at, backup)
        _recover(run, rebuilder, vault, workspace, manifest, objectives)
        run.add_checks([check_wrong_digest(vault, manifest.files[STATE_FILE])])
    run.remove(workspace, "backend and state")
    return run.to_evidence()


def _choose(
    run: ScenarioRun, vault: VaultClient, trust: Trust, deployed_at: datetime | None, backup: str | None
) -> StateManifest:
    chosen = choose_recovery_point(
        catalogue.read_backups(vault, StateManifest, trust, store=STATE.name), backup=backup
    )
    manifest = chosen.manifest
    run.declare()
    record_recovery_point(run, vault, "primary", chosen, as_of=manifest.snapshot_at)
    run.newest_change_how = "the time of the last deployment that the state tells of"
    run.newest_change = manifest.snapshot_at
    if deployed_at == manifest.snapshot_at:
        run.newest_change_how = "the stack's own backend: nothing was deployed since that backup"
        run.newest_change = run.incident
    return manifest


def _recover(  # noqa: PLR0917 - private
    run: ScenarioRun,
    rebuilder: StackRebuilder,
    vault: VaultClient,
    workspace: Path,
    manifest: StateManifest,
    objectives: DrillObjectives,
) -> None:
    with run.clock.phase("fetch"):
        files = restore_state(manifest, vault, workspace)
    state = next(file for file in files if file.name == STATE_FILE)
    with ExitStack() as contexts:
        with run.clock.phase("rebuild the stack"):
            stack = contexts.enter_context(rebuilder.rebuild(workspace, state))
        with run.clock.phase("preview"):
            changes = stack.preview_changes()
        run.add_checks([_check_preview(manifest, changes)])
        run.milestone("verified", objectives.recovery)
        with run.clock.phase("negative control"):
            forgotten = stack.forget_resource()
            changes = stack.preview_changes()
        run.negative_control = NegativeControl(
            damage=f"the rebuilt state has forgotten {forgotten}",
            found=tuple(change for change in changes if forgotten in change),
        )


def _check_preview(manifest: StateManifest, changes: list[str]) -> Check:
    expected = f"nothing to change in {manifest.resources} resources"
    return Check(
        name="the preview is empty",
        what="pulumi preview of the platform's program on the rebuilt stack",
        expected=expected,
        actual=f"{len(changes)} changes: {'; '.join(changes[:5])}" if changes else expected,
        outcome="failed" if changes else "passed",
    )

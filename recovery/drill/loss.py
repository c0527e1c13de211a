"""`loss`, `replica` and `elsewhere`: the database's project and vaults are lost; one vault restores it."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from core.failure import Failure
from recovery import catalogue
from recovery.context import VaultName
from recovery.drill.evidence import Scenario
from recovery.drill.recovery_point import (
    ChosenBackup,
    check_wrong_digest,
    choose_recovery_point,
    record_recovery_point,
)
from recovery.drill.safety import require_throw_away
from recovery.drill.scenario_run import ScenarioRun
from recovery.drill.validation import DrillContext, time_removal, validate
from recovery.manifest import Manifest
from recovery.restore import FetchedBackup, RestoreOptions, fetch_backup, fetch_globals, load_backup
from recovery.vault.vault import VaultClient

_THREATS: Final[dict[VaultName, str]] = {
    "primary": "The database's project, account or region is gone; only the vaults are left.",
    "replica": "The database's project is gone, and the primary vault with it; only its replica is left.",
    "elsewhere": "The database's project is gone, and both vaults' cloud; only the copy elsewhere is left.",
}


def drill(
    context: DrillContext,
    vault: VaultClient,
    vault_name: VaultName,
    *,
    backup: str | None = None,
    at_random: bool = False,
) -> Scenario:
    """
    Restore a backup from one vault into a new database, and validate that.

    Args:
        context: The database, which is only compared with the new one for identity, and the specification.
        vault: The only vault that is read.
        vault_name: The vault's name.
        backup: Id of the backup to restore; the newest by default.
        at_random: Draw a backup; the loss is then assumed just before the next backup.
    """
    run = ScenarioRun(
        "loss" if vault_name == "primary" else vault_name,
        stores=(context.store,),
        threat=_THREATS[vault_name],
        loss_objective_seconds=context.spec.objectives.vault_loss,
        on_progress=context.on_progress,
    )
    with run.capture_errors():
        chosen = choose_recovery_point(
            catalogue.read_backups(vault, Manifest, context.trust, store=context.store),
            backup=backup,
            at_random=at_random,
        )
        run.declare(chosen.incident)
        _recover(run, context, vault, vault_name, chosen)
    run.check_removed(context.environment)
    return run.to_evidence()


def _recover(
    run: ScenarioRun,
    context: DrillContext,
    vault: VaultClient,
    vault_name: VaultName,
    chosen: ChosenBackup[Manifest],
) -> None:
    manifest = chosen.manifest
    record_recovery_point(run, vault, vault_name, chosen, as_of=manifest.snapshot_at)
    with (
        # The dump is fetched while the vendor creates the database.
        _fetch_in_background(manifest, vault, context.environment.folder) as backup,
        time_removal(run) as resources,
    ):
        with run.clock.phase("make a new database"):
            database = resources.enter_context(
                context.environment.create_database(run.name, manifest.server, fetch_globals(manifest, vault))
            )
        require_throw_away(database, context.source_url)
        with run.clock.phase("fetch the rest"):
            fetched = backup.result()
        with run.clock.phase("restore"):
            options = RestoreOptions(placeholder_roles=database.needs_placeholder_roles)
            result = load_backup(fetched, database.owner_url, options=options)
        run.deviations += database.notes
        run.deviations += [f"could not be made: {item}" for item in result.failed]
        run.deviations += [f"left out: {item}" for item in result.left_out]
        validate(run, database, context, lambda checksums: (manifest.figures, checksums, []))
        run.add_checks([check_wrong_digest(vault, manifest.cluster)])


@contextmanager
def _fetch_in_background(
    manifest: Manifest, vault: VaultClient, folder: Path
) -> Generator[Future[FetchedBackup]]:
    """Fetch a backup while the block runs; remove it at the end."""
    with ThreadPoolExecutor(1, "fetch") as pool:
        backup = pool.submit(fetch_backup, manifest, vault, folder)
        try:
            yield backup
        finally:
            with suppress(Failure):
                backup.result().archive.close()

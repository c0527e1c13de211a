"""`loss` and `replica`: the database's project, account or region is gone; one vault brings it back."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from core.failure import Failure
from recovery import catalogue
from recovery.context import VaultName
from recovery.drill.evidence import Scenario
from recovery.drill.recovery_point import Chosen, choose, recover_from, wrong_digest
from recovery.drill.safety import require_throw_away
from recovery.drill.scenario_run import ScenarioRun
from recovery.drill.validation import DrillContext, removing, validate
from recovery.manifest import Manifest
from recovery.restore import Fetched, fetch_backup, load_backup
from recovery.vault.vault import VaultClient

_THREATS: Final[dict[VaultName, str]] = {
    "primary": "The database's project, account or region is gone; only the vaults are left.",
    "replica": "The database's project is gone, and the primary vault with it; only its replica is left.",
}


def drill(
    drilled: DrillContext,
    vault: VaultClient,
    which: VaultName,
    *,
    backup: str | None = None,
    at_random: bool = False,
) -> Scenario:
    """
    Restore the database into a new one from one vault alone, and look at it.

    Args:
        drilled: The database, which is asked only whether the new one is another, and what is asked of that.
        vault: The only one that is read.
        which: Its name.
        backup: Id of the one to restore; without it the newest.
        at_random: Choose any; the loss is then assumed just before the next one was made.
    """
    attempt = ScenarioRun(
        "loss" if which == "primary" else "replica",
        stores=("database",),
        threat=_THREATS[which],
        loss_objective_seconds=drilled.terms.objectives.vault_loss,
        told=drilled.told,
    )
    with attempt.capture_errors():
        chosen = choose(catalogue.read_backups(vault, Manifest), backup=backup, at_random=at_random)
        attempt.declare(chosen.incident)
        _recover(attempt, drilled, vault, which, chosen)
    attempt.look_for_remains(drilled.place)
    return attempt.scenario()


def _recover(
    attempt: ScenarioRun,
    drilled: DrillContext,
    vault: VaultClient,
    which: VaultName,
    chosen: Chosen[Manifest],
) -> None:
    manifest = chosen.manifest
    recover_from(attempt, vault, which, chosen, as_of=manifest.snapshot_at)
    with (
        # While the vendor makes the database, the vault gives the dump.
        _fetching(manifest, vault, drilled.place.folder) as backup,
        removing(attempt) as made,
    ):
        with attempt.clock.phase("make a new database"):
            copy = made.enter_context(drilled.place.empty(attempt.name))
        require_throw_away(copy, drilled.source_url)
        with attempt.clock.phase("fetch the rest"):
            whole = backup.result()
        with attempt.clock.phase("restore"):
            left = load_backup(whole, copy.owner_url)
        attempt.deviations += [f"left out, or impossible here: {line}" for line in left]
        validate(attempt, copy, drilled, lambda found: (manifest.figures, found, []))
        attempt.check([wrong_digest(vault, manifest.cluster)])


@contextmanager
def _fetching(manifest: Manifest, vault: VaultClient, folder: Path) -> Generator[Future[Fetched]]:
    """Fetch a backup meanwhile; nothing of it is left at the end, whatever became of it."""
    with ThreadPoolExecutor(1, "fetch") as aside:
        fetching = aside.submit(fetch_backup, manifest, vault, folder)
        try:
            yield fetching
        finally:
            with suppress(Failure):
                fetching.result().archive.unlink(missing_ok=True)

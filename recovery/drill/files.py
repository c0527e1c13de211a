"""`files`: object files are lost. A backup is restored and compared with the rows that refer to files."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from core.failure import Failure
from recovery import catalogue
from recovery.context import VaultName
from recovery.drill.comparison import (
    ReferenceComparison,
    compare_references,
    read_references,
    reference_checks,
)
from recovery.drill.evidence import Check, NegativeControl, Scenario, UntestedScope
from recovery.drill.recovery_point import (
    ChosenBackup,
    check_wrong_digest,
    choose_recovery_point,
    record_recovery_point,
)
from recovery.drill.safety import require_throw_away
from recovery.drill.scenario_run import ScenarioRun
from recovery.drill.validation import DrillContext, time_removal
from recovery.files.manifest import FileEntry, FilesManifest, read_listing
from recovery.files.restore import find_differences, restore_files
from recovery.files.target import FolderTarget
from recovery.vault.vault import VaultClient

_FOLDER = "restored"
_LOST = "Object files were deleted or overwritten at their vendor, which keeps no history of them"
_THREATS: Final[dict[VaultName, str]] = {
    "primary": f"{_LOST}.",
    "replica": f"{_LOST}, and the primary vault is gone; only its replica is left.",
    "elsewhere": f"{_LOST}, and both vaults' cloud is gone; only the copy elsewhere is left.",
}
_SHOWN = 5


def drill(
    context: DrillContext,
    vault: VaultClient,
    *,
    history: timedelta,
    vault_name: VaultName = "primary",
    backup: str | None = None,
    at: datetime | None = None,
    at_random: bool = False,
) -> Scenario:
    """
    Restore every file into a throw-away folder, and compare them with the database at the backup's start.

    Args:
        context: The store, the database whose rows refer to its files, and the specification with the query
            for these.
        vault: The only vault that is read.
        vault_name: The vault's name. With another one than the primary the database is taken for lost too.
        history: How long the database's vendor keeps the history; a random backup is drawn within it.
        backup: Id of the backup; the newest by default.
        at: Use the newest backup of this moment or before.
        at_random: Draw a backup.
    """
    run = ScenarioRun(
        "files",
        stores=(context.store,),
        threat=_THREATS[vault_name],
        loss_objective_seconds=context.spec.objectives.vault_loss,
        on_progress=context.on_progress,
    )
    with run.capture_errors():
        backups = catalogue.read_backups(vault, FilesManifest, context.trust, store=context.store)
        if at:
            backups = [one for one in backups if one.manifest and one.manifest.snapshot_at <= at]
        if at_random:
            oldest = datetime.now(UTC) - history
            backups = [one for one in backups if one.manifest and one.manifest.started > oldest]
        chosen = choose_recovery_point(backups, backup=backup, at_random=at_random)
        run.declare(at or chosen.incident)
        _recover(run, context, vault, vault_name, chosen)
    run.remove(context.environment.folder / _FOLDER, "restored objects")
    run.check_removed(context.environment)
    return run.to_evidence()


def _recover(
    run: ScenarioRun,
    context: DrillContext,
    vault: VaultClient,
    vault_name: VaultName,
    chosen: ChosenBackup[FilesManifest],
) -> None:
    manifest = chosen.manifest
    record_recovery_point(run, vault, vault_name, chosen, as_of=manifest.started)
    run.newest_change = manifest.started
    run.newest_change_how = "the backup's start: every file that had changed before is in it"
    target = FolderTarget.open_empty(context.environment.folder / _FOLDER)
    with run.clock.phase("restore the files"):
        restored = restore_files(manifest, vault, target)
    with run.clock.phase("compare with the backup"):
        differences = list(find_differences(manifest, vault, target))
    run.add_checks([_check_against_backup(manifest, restored.files, differences)])
    if context.spec.files and vault_name == "primary":
        _recover_rows(run, context, vault, manifest, target)
        return
    run.not_tested.append(
        UntestedScope(
            what="the rows that refer to files",
            why="the database's history, which has them as of the backup's start, is "
            + ("lost as well" if context.spec.files else "not named"),
        )
    )
    run.milestone("verified", context.spec.objectives.recovery)
    with run.clock.phase("negative control"):
        run.negative_control, proof = _run_negative_control(vault, manifest, target)
    run.add_checks([proof, check_wrong_digest(vault, manifest.listing)])


def _recover_rows(
    run: ScenarioRun,
    context: DrillContext,
    vault: VaultClient,
    manifest: FilesManifest,
    target: FolderTarget,
) -> None:
    """Compare the files with the rows of the moment when the backup began, which the history has."""
    instant = manifest.started.replace(microsecond=0)
    with time_removal(run) as resources:
        with run.clock.phase("branch the database"):
            database = resources.enter_context(context.environment.prepare_branch(run.name))(instant)
        require_throw_away(database, context.source_url)

        def compare_rows(objects: Iterator[FileEntry]) -> ReferenceComparison:
            return _compare_with_rows(context, database.application_url, objects, instant)

        with run.clock.phase("compare with the rows"):
            comparison = compare_rows(read_listing(manifest, vault))
        run.add_checks(reference_checks(comparison, context.spec.files))
        run.milestone("verified", context.spec.objectives.recovery)
        with run.clock.phase("negative control"):
            run.negative_control, proof = _run_negative_control(vault, manifest, target, compare_rows)
        run.add_checks([proof, check_wrong_digest(vault, manifest.listing)])


def _compare_with_rows(
    context: DrillContext, url: str, objects: Iterator[FileEntry], instant: datetime
) -> ReferenceComparison:
    with read_references(url, context.spec.files) as rows:
        return compare_references(rows, objects, since=instant)


def _check_against_backup(manifest: FilesManifest, count: int, differences: list[str]) -> Check:
    expected = f"{manifest.files:,} files"
    actual = f"{count:,} files"
    if differences:
        more = len(differences) - _SHOWN
        actual = "; ".join(differences[:_SHOWN]) + (f"; {more} more" if more > 0 else "")
    return Check(
        name="every file as in the backup",
        what="size and SHA-256 of each",
        expected=expected,
        actual=actual,
        outcome="passed" if not differences and count == manifest.files else "failed",
    )


def _run_negative_control(
    vault: VaultClient,
    manifest: FilesManifest,
    target: FolderTarget,
    compare_rows: Callable[[Iterator[FileEntry]], ReferenceComparison] | None = None,
) -> tuple[NegativeControl, Check]:
    """
    Delete a file and change another; with rows, also drop an entry from the listing. Each has to be found.

    `compare_rows` compares the rows with the given files.
    """
    first, second = _first_two(read_listing(manifest, vault))
    lost, changed = target.find(first), target.find(second)
    if not lost or not changed:
        raise Failure("The restored files are not there to be damaged.", "look at what was restored.")
    body = changed.read_bytes()
    changed.write_bytes(bytes([body[0] ^ 1]) + body[1:] if body else b"x")
    # The loss of the only file would hide that it was changed.
    differences = list(find_differences(manifest, vault, target)) if lost == changed else []
    lost.unlink()
    differences += find_differences(manifest, vault, target)
    names = [f"{entry.bucket}/{entry.key}" for entry in (first, second)]
    noticed = [
        f"{names[0]} is missing" in differences,
        any(line.startswith(f"{names[1]} has ") for line in differences),
    ]
    damage = f"{names[0]} was lost; a byte of {names[1]} was changed"
    missing: list[str] = []
    if compare_rows:
        rest = (entry for entry in read_listing(manifest, vault) if entry != first)
        missing = compare_rows(rest).examples.get("missing", [])
        noticed.append(names[0] in missing)
        damage += f"; {names[0]} was taken from its row"
    return (
        NegativeControl(
            damage=damage, found=(*differences, *(f"{name}, which a row has, is gone" for name in missing))
        ),
        Check(
            name="all damage to a copy is found",
            what=damage,
            expected=f"{len(noticed)} of {len(noticed)} found",
            actual=f"{sum(noticed)} of {len(noticed)} found",
            outcome="passed" if all(noticed) else "failed",
        ),
    )


def _first_two(objects: Iterator[FileEntry]) -> tuple[FileEntry, FileEntry]:
    """Return two files or, where there is one alone, that one twice."""
    first = next(objects, None)
    if not first:
        raise Failure("There is no file to damage.", "drill when there is one.")
    return first, next(objects, first)

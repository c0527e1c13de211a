"""`files`: object files are gone. Those of a given day come back, and the rows that refer to them agree."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.failure import Failure
from recovery import catalogue
from recovery.drill.comparison import ReferenceComparison, checks, crossed, references
from recovery.drill.evidence import Check, NegativeControl, Scenario
from recovery.drill.recovery_point import Chosen, choose, recover_from, wrong_digest
from recovery.drill.safety import require_throw_away
from recovery.drill.scenario_run import ScenarioRun
from recovery.drill.validation import DrillContext, removing
from recovery.files.manifest import FileEntry, FilesManifest, items
from recovery.files.restore import differences, restore_files
from recovery.files.target import FolderTarget
from recovery.vault.vault import VaultClient

_FOLDER = "restored"
_SHOWN = 5


def drill(
    drilled: DrillContext,
    vault: VaultClient,
    *,
    history: timedelta,
    backup: str | None = None,
    at: datetime | None = None,
    at_random: bool = False,
) -> Scenario:
    """
    Restore every file into a throw-away folder, and compare with the database as it was then.

    Args:
        drilled: The database, and the query for which files its rows refer to.
        vault: The only one that is read.
        history: How far back the database's vendor can go; a random backup is chosen within it.
        backup: Id of the backup; without it the newest.
        at: Files as of that moment.
        at_random: Choose any backup.
    """
    attempt = ScenarioRun(
        "files",
        stores=("files",),
        threat="Object files were deleted or overwritten at their vendor, which keeps no history of them.",
        loss_objective_seconds=drilled.terms.objectives.vault_loss,
        told=drilled.told,
    )
    place = drilled.place.folder / _FOLDER
    with attempt.capture_errors():
        found = catalogue.read_backups(vault, FilesManifest)
        if at:
            found = [one for one in found if one.manifest and one.manifest.snapshot_at <= at]
        if at_random:
            oldest = datetime.now(UTC) - history
            found = [one for one in found if one.manifest and one.manifest.started > oldest]
        chosen = choose(found, backup=backup, at_random=at_random)
        attempt.declare(at or chosen.incident)
        _recover(attempt, drilled, vault, chosen, place)
    attempt.remove(place, "restored objects")
    attempt.look_for_remains(drilled.place)
    return attempt.scenario()


def _recover(
    attempt: ScenarioRun,
    drilled: DrillContext,
    vault: VaultClient,
    chosen: Chosen[FilesManifest],
    place: Path,
) -> None:
    manifest = chosen.manifest
    recover_from(attempt, vault, "primary", chosen, as_of=manifest.started)
    attempt.newest_change = manifest.started
    attempt.newest_change_how = "the backup's start: every file that had changed before is in it"
    folder = FolderTarget.empty(place)
    with attempt.clock.phase("restore the files"):
        done = restore_files(manifest, vault, folder)
    with attempt.clock.phase("compare with the backup"):
        wrong = list(differences(manifest, vault, folder))
    attempt.check([_as_in_backup(manifest, done.files, wrong)])
    # The rows of that very moment are in the database's history.
    instant = manifest.started.replace(microsecond=0)
    with removing(attempt) as made:
        with attempt.clock.phase("branch the database"):
            copy = made.enter_context(drilled.place.branching(attempt.name))(instant)
        require_throw_away(copy, drilled.source_url)
        with attempt.clock.phase("compare with the rows"):
            found = _crossed(drilled, copy.application_url, items(manifest, vault), instant)
        attempt.check(checks(found, drilled.terms.files))
        attempt.milestone("verified", drilled.terms.objectives.recovery)
        with attempt.clock.phase("negative control"):
            attempt.control, proof = _control(drilled, copy.application_url, vault, manifest, folder, instant)
        attempt.check([proof, wrong_digest(vault, manifest.listing)])


def _crossed(
    drilled: DrillContext, url: str, objects: Iterator[FileEntry], instant: datetime
) -> ReferenceComparison:
    with references(url, drilled.terms.files) as rows:
        return crossed(rows, objects, since=instant)


def _as_in_backup(manifest: FilesManifest, count: int, wrong: list[str]) -> Check:
    expected = f"{manifest.files:,} files"
    actual = f"{count:,} files"
    if wrong:
        actual = "; ".join(wrong[:_SHOWN]) + (f"; {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else "")
    return Check(
        name="every file as in the backup",
        what="size and SHA-256 of each",
        expected=expected,
        actual=actual,
        outcome="passed" if not wrong and count == manifest.files else "failed",
    )


def _control(  # noqa: PLR0917 - private
    drilled: DrillContext,
    url: str,
    vault: VaultClient,
    manifest: FilesManifest,
    folder: FolderTarget,
    instant: datetime,
) -> tuple[NegativeControl, Check]:
    """Lose a file, change another, and take an object away from its row; each has to be found."""
    first, second = _two(items(manifest, vault))
    lost, changed = (folder.find(one) for one in (first, second))
    if not lost or not changed:
        raise Failure("The restored files are not there to be damaged.", "look at what was restored.")
    lost.unlink()
    body = changed.read_bytes()
    changed.write_bytes(bytes([body[0] ^ 1]) + body[1:] if body else b"x")
    told = list(differences(manifest, vault, folder))
    rest = (one for one in items(manifest, vault) if one != first)
    gone = _crossed(drilled, url, rest, instant).named.get("gone", [])
    names = [f"{one.bucket}/{one.key}" for one in (first, second)]
    seen = [
        any(line.startswith(names[0]) for line in told),
        any(line.startswith(names[1]) for line in told),
        names[0] in gone,
    ]
    damage = f"{names[0]} was lost; a byte of {names[1]} was changed; {names[0]} was taken from its row"
    return (
        NegativeControl(
            damage=damage, found=(*told, *(f"{name}, which a row has, is gone" for name in gone))
        ),
        Check(
            name="all damage to a copy is found",
            what=damage,
            expected="3 of 3 found",
            actual=f"{sum(seen)} of 3 found",
            outcome="passed" if all(seen) else "failed",
        ),
    )


def _two(objects: Iterator[FileEntry]) -> tuple[FileEntry, FileEntry]:
    found = [one for one in (next(objects, None), next(objects, None)) if one]
    if len(found) < 2:
        raise Failure("There are not two files to damage.", "drill when there are some.")
    return found[0], found[1]

"""The recovery point of a drill: the choice of a backup, and checks of its locks and hashes in the vault."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

from core.failure import Failure
from core.text import printable
from recovery.catalogue import Backup, choose_backup, is_restorable
from recovery.context import VaultName
from recovery.drill.evidence import Check, LockedObject, RecoveryPoint, SkippedBackup
from recovery.drill.scenario_run import ScenarioRun
from recovery.manifest import BackupManifest, StoredObject
from recovery.vault.client import Damaged
from recovery.vault.vault import VaultClient

M = TypeVar("M", bound=BackupManifest)


@dataclass(frozen=True)
class ChosenBackup(Generic[M]):
    """The backup that a drill restores, and how it was chosen."""

    manifest: M
    choice: Literal["newest", "random", "chosen"]
    incident: datetime | None
    """Assumed moment of the loss; None for now."""

    skipped: tuple[SkippedBackup, ...]


def choose_recovery_point(
    backups: Sequence[Backup[M]], *, backup: str | None = None, at_random: bool = False
) -> ChosenBackup[M]:
    """
    Choose one of a store's complete backups.

    Args:
        backups: All backups of the store.
        backup: Id of the backup to choose; the newest by default.
        at_random: Draw a backup; the loss is then assumed just before the next backup.

    Raises:
        Failure: there is no complete backup, or not the named one.
    """
    if backup:
        manifest = choose_backup(backups, backup_id=backup)
        if not manifest.is_complete:
            raise Failure(f"There is no whole backup {backup}.", "./bulwark backups lists all of them.")
        return ChosenBackup(manifest, "chosen", None, ())
    newest_first = sorted(backups, key=lambda candidate: (candidate.stored_at, candidate.id), reverse=True)
    complete = [(one, one.manifest) for one in newest_first if is_restorable(one) and one.manifest]
    if not complete:
        choose_backup(backups)  # raises the Failure that says why
    if not at_random:
        first, manifest = complete[0]
        skipped = tuple(
            SkippedBackup(id=one.id, why=printable(_unusable_reason(one)))
            for one in newest_first[: newest_first.index(first)]
        )
        return ChosenBackup(manifest, "newest", None, skipped)
    position = random.SystemRandom().randrange(len(complete))
    following = complete[position - 1][1].snapshot_at if position else None
    return ChosenBackup(complete[position][1], "random", following, ())


def _unusable_reason(backup: Backup[M]) -> str:
    """Return why a backup can't be restored by a drill."""
    if not backup.manifest:
        return f"its manifest {backup.unreadable}"
    return "; ".join(backup.doubts) or "it is not of everything"


def record_recovery_point(
    run: ScenarioRun, vault: VaultClient, vault_name: VaultName, chosen: ChosenBackup[M], *, as_of: datetime
) -> None:
    """Record the chosen backup with its lock in the vault, and check that all of its objects are locked."""
    run.recovery_point = RecoveryPoint(
        path="vault" if vault_name == "primary" else vault_name,
        id=chosen.manifest.id,
        as_of=as_of,
        choice=chosen.choice,
        held=_read_manifest_lock(vault, vault_name, chosen.manifest),
        skipped=chosen.skipped,
    )
    run.add_checks(_check_retention(vault, chosen.manifest))


def _read_manifest_lock(vault: VaultClient, vault_name: VaultName, manifest: BackupManifest) -> LockedObject:
    """Return lock and hash of a backup's manifest, without which there is no backup."""
    key = manifest.key
    head = vault.head(key)
    body = b"".join(vault.read(key, head.version, expected_bytes=head.bytes))
    return LockedObject(
        vault=vault_name,
        key=key,
        version=head.version,
        bytes=head.bytes,
        sha256=hashlib.sha256(body).hexdigest(),
        lock_mode=head.lock_mode,
        locked_until=head.locked_until,
    )


def _check_retention(vault: VaultClient, manifest: BackupManifest) -> list[Check]:
    """Return a check per object of a backup: its size, and a lock for as long as when it was stored."""
    checks: list[Check] = []
    for stored in manifest.objects:
        head = vault.head(stored.key, stored.version)
        expected = f"{stored.bytes} bytes, {_format_lock(stored.lock_mode, stored.locked_until)}"
        is_held = head.bytes == stored.bytes and (
            not stored.locked_until
            or (
                head.lock_mode in {stored.lock_mode, "COMPLIANCE"}
                and head.locked_until is not None
                and head.locked_until >= stored.locked_until
            )
        )
        checks.append(
            Check(
                name=f"{stored.key.rsplit('/', 1)[-1]} is held",
                what=f"HEAD of {stored.key}, version {stored.version}",
                expected=expected,
                actual=f"{head.bytes} bytes, {_format_lock(head.lock_mode, head.locked_until)}",
                outcome="passed" if is_held else "failed",
            )
        )
    return checks


def check_wrong_digest(vault: VaultClient, stored: StoredObject) -> Check:
    """Return a check that a download is refused if one bit of the expected SHA-256 is another."""
    digest = bytearray.fromhex(stored.sha256)
    digest[0] ^= 1
    refused = False
    try:
        for _ in vault.read(stored.key, stored.version, sha256=digest.hex()):
            pass
    except Damaged:
        refused = True
    return Check(
        name="an object with another digest is refused",
        what=f"{stored.key} read with one bit of its SHA-256 turned",
        expected="refused",
        actual="refused" if refused else "taken",
        outcome="passed" if refused else "failed",
    )


def _format_lock(mode: str | None, until: datetime | None) -> str:
    return f"{mode} until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if mode and until else "not locked"

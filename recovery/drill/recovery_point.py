"""Asks a vault whether it still holds what a backup was stored as."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Literal, TypeVar

from core.failure import Failure
from recovery.catalogue import Backup
from recovery.context import VaultName
from recovery.drill.evidence import Check, LockedObject, RecoveryPoint, Skipped
from recovery.drill.scenario_run import ScenarioRun
from recovery.manifest import BackupManifest, Stored
from recovery.vault.client import Damaged
from recovery.vault.vault import VaultClient

M = TypeVar("M", bound=BackupManifest)


@dataclass(frozen=True)
class Chosen(Generic[M]):
    """A backup to restore, and why it is that one."""

    manifest: M
    choice: Literal["newest", "random", "chosen"]
    incident: datetime | None
    """When the loss is assumed; None: now."""

    skipped: tuple[Skipped, ...]


def choose(backups: Sequence[Backup[M]], *, backup: str | None = None, at_random: bool = False) -> Chosen[M]:
    """
    Choose among the whole backups of a store.

    Args:
        backups: The newest first.
        backup: Id of the one to choose; without it the newest.
        at_random: Choose any; the loss is then assumed just before the next one was made.

    Raises:
        Failure: there is none, or not the one that was named.
    """
    skipped = tuple(Skipped(id=one.id, why=why) for one in backups if (why := _unfit(one)))
    whole = sorted(
        (one.manifest for one in backups if one.manifest and one.manifest.whole),
        key=lambda manifest: manifest.snapshot_at,
        reverse=True,
    )
    if backup:
        fitting = [manifest for manifest in whole if manifest.id == backup]
        if not fitting:
            raise Failure(f"There is no whole backup {backup}.", "./bulwark backups lists all of them.")
        return Chosen(fitting[0], "chosen", None, ())
    if not whole:
        raise Failure("There is no whole backup.", "make one: ./bulwark backup.")
    if not at_random:
        newer = tuple(one for one in skipped if one.id > whole[0].id)
        return Chosen(whole[0], "newest", None, newer)
    position = random.SystemRandom().randrange(len(whole))
    following = whole[position - 1].snapshot_at if position else None
    return Chosen(whole[position], "random", following, ())


def _unfit(backup: Backup[M]) -> str:
    if not backup.manifest:
        return f"its manifest {backup.unreadable}"
    return "" if backup.manifest.whole else "it is not of everything"


def recover_from(
    attempt: ScenarioRun, vault: VaultClient, which: VaultName, chosen: Chosen[M], *, as_of: datetime
) -> None:
    """Write down which backup it is, as the vault tells of it, and check that all of it is held."""
    attempt.recovery_point = RecoveryPoint(
        path="vault" if which == "primary" else "replica",
        id=chosen.manifest.id,
        as_of=as_of,
        choice=chosen.choice,
        held=_held(vault, which, chosen.manifest),
        skipped=chosen.skipped,
    )
    attempt.check(_kept(vault, chosen.manifest))


def _held(vault: VaultClient, which: VaultName, manifest: BackupManifest) -> LockedObject:
    """Ask the vault about the manifest: it is what makes the backup one."""
    key = manifest.key
    head = vault.head(key)
    body = b"".join(vault.read(key, head.version))
    return LockedObject(
        vault=which,
        key=key,
        version=head.version,
        bytes=head.bytes,
        sha256=hashlib.sha256(body).hexdigest(),
        lock_mode=head.lock_mode,
        locked_until=head.locked_until,
    )


def _kept(vault: VaultClient, manifest: BackupManifest) -> list[Check]:
    """Check that everything of the backup is held for as long as it was stored for."""
    checks: list[Check] = []
    for stored in manifest.objects:
        head = vault.head(stored.key, stored.version)
        promised = f"{stored.bytes} bytes, {_lock(stored.lock_mode, stored.locked_until)}"
        good = head.bytes == stored.bytes and (
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
                expected=promised,
                actual=f"{head.bytes} bytes, {_lock(head.lock_mode, head.locked_until)}",
                outcome="passed" if good else "failed",
            )
        )
    return checks


def wrong_digest(vault: VaultClient, stored: Stored) -> Check:
    """Read an object of a backup as if a single bit of it had to be another one."""
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


def _lock(mode: str | None, until: datetime | None) -> str:
    return f"{mode} until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if mode and until else "not locked"

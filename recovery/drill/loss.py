"""`loss` and `replica`: the database's project, account or region is gone; one vault brings it back."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from recovery import catalogue
from recovery.catalogue import Backup
from recovery.drill.attempt import Attempt
from recovery.drill.evidence import Check, Held, RecoveryPoint, Scenario, Skipped
from recovery.drill.guard import require_throw_away
from recovery.drill.recovered import Drilled, all_of_it, made
from recovery.manifest import Manifest
from recovery.restore import restored
from recovery.site import VaultName
from recovery.vault.failures import Damaged
from recovery.vault.vault import Vault
from toolchain.failure import Failure

_THREATS: Final[dict[VaultName, str]] = {
    "primary": "The database's project, account or region is gone; only the vaults are left.",
    "replica": "The database's project is gone, and the primary vault with it; only its replica is left.",
}


@dataclass(frozen=True)
class Chosen:
    """A backup to restore, and why it is that one."""

    manifest: Manifest
    choice: Literal["newest", "random", "chosen"]
    incident: datetime | None
    """When the loss is assumed; None: now."""

    skipped: tuple[Skipped, ...]


def drill(
    drilled: Drilled,
    vault: Vault,
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
    attempt = Attempt(
        "loss" if which == "primary" else "replica",
        stores=("database",),
        threat=_THREATS[which],
        loss_objective_seconds=drilled.terms.objectives.vault_loss,
        told=drilled.told,
    )
    with attempt.going():
        chosen = choose(catalogue.backups(vault, Manifest), backup=backup, at_random=at_random)
        attempt.declare(chosen.incident)
        _recover(attempt, drilled, vault, which, chosen)
    attempt.look_for_remains(drilled.place)
    return attempt.scenario()


def choose(backups: Sequence[Backup[Manifest]], *, backup: str | None, at_random: bool) -> Chosen:
    """
    Choose among the backups of the whole database, the newest first.

    Raises:
        Failure: there is none, or not the one that was named.
    """
    skipped = tuple(Skipped(id=one.id, why=why) for one in backups if (why := _unfit(one)))
    whole = sorted(
        (one.manifest for one in backups if one.manifest and not _unfit(one)),
        key=lambda manifest: manifest.snapshot_at,
        reverse=True,
    )
    if backup:
        fitting = [manifest for manifest in whole if manifest.id == backup]
        if not fitting:
            raise Failure(
                f"There is no backup {backup} of the whole database.", "./bulwark backups lists all of them."
            )
        return Chosen(fitting[0], "chosen", None, ())
    if not whole:
        raise Failure("There is no backup of the whole database.", "make one: ./bulwark backup.")
    if not at_random:
        newer = tuple(one for one in skipped if one.id > whole[0].id)
        return Chosen(whole[0], "newest", None, newer)
    position = random.SystemRandom().randrange(len(whole))
    following = whole[position - 1].snapshot_at if position else None
    return Chosen(whole[position], "random", following, ())


def _unfit(backup: Backup[Manifest]) -> str:
    manifest = backup.manifest
    if not manifest:
        return f"its manifest {backup.unreadable}"
    return "" if manifest.whole else "it is not of the whole database"


def _recover(attempt: Attempt, drilled: Drilled, vault: Vault, which: VaultName, chosen: Chosen) -> None:
    manifest = chosen.manifest
    attempt.recovery_point = RecoveryPoint(
        path="vault" if which == "primary" else "replica",
        id=manifest.id,
        as_of=manifest.snapshot_at,
        choice=chosen.choice,
        held=_held(vault, which, manifest),
        skipped=chosen.skipped,
    )
    attempt.check(_locked(vault, manifest))
    with made(attempt, "make a new database", drilled.place.empty(attempt.name)) as copy:
        require_throw_away(copy, drilled.source_url)
        with attempt.clock.phase("fetch and restore"):
            left = restored(
                manifest,
                vault,
                copy.owner_url,
                folder=drilled.place.folder,
                source_url=drilled.source_url,
            )
        attempt.deviations += [f"left out, or impossible here: {line}" for line in left]
        all_of_it(attempt, copy, drilled, lambda found: (manifest.figures, found, []))
        attempt.check([_wrong_digest(vault, manifest)])


def _held(vault: Vault, which: VaultName, manifest: Manifest) -> Held:
    """Ask the vault about the manifest: it is what makes the backup one."""
    key = manifest.key
    head = vault.head(key)
    body = b"".join(vault.read(key, head.version))
    return Held(
        vault=which,
        key=key,
        version=head.version,
        bytes=head.bytes,
        sha256=hashlib.sha256(body).hexdigest(),
        lock_mode=head.lock_mode,
        locked_until=head.locked_until,
    )


def _locked(vault: Vault, manifest: Manifest) -> list[Check]:
    """Check that everything of the backup is held for as long as it was stored for."""
    checks: list[Check] = []
    for stored in (manifest.dump, manifest.cluster):
        head = vault.head(stored.key, stored.version)
        promised = f"{stored.bytes} bytes, {_lock(stored.lock_mode, stored.locked_until)}"
        kept = head.bytes == stored.bytes and (
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
                outcome="passed" if kept else "failed",
            )
        )
    return checks


def _wrong_digest(vault: Vault, manifest: Manifest) -> Check:
    """Read a part of the backup as if a single bit of it had to be another one."""
    stored = manifest.cluster
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

"""
Copies backups into a vault elsewhere, encrypted to public keys.

A copy is the encrypted objects and, written last, the document that names them. What a killed run left has no
document: the next run writes it again, as another version of the same key.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.age import encrypt
from recovery.attestation import IssueToken, Trust
from recovery.catalogue import Backup
from recovery.elsewhere.copies import BackupCopy, CopiedObject, CopyRules, put_copy
from recovery.elsewhere.vault import ElsewhereVault
from recovery.manifest import BackupManifest, Manifest, StoredObject
from recovery.state import StateManifest
from recovery.vault.client import Forbidden
from recovery.vault.clock import require_right_clock
from recovery.vault.documents import read_body
from recovery.vault.objects import VersionEntry
from recovery.vault.upload import PutOptions
from recovery.vault.vault import VaultClient

COPIED_KINDS: Final[tuple[type[BackupManifest], ...]] = (Manifest, StateManifest)
"""What is copied: the database and the state."""

_LOCK_TOLERANCE: Final = timedelta(hours=1)
"""How much earlier than asked for a lock may end: services round it."""

_AGE_OVERHEAD: Final = 1.01
"""An age file is longer by 16 bytes each 64 KiB, and by its head."""

OnCopyProgress = Callable[[str, int, int], None]
"""Called with the id of a backup, the bytes of it that are read, and its size."""


def copy_backups(
    source: VaultClient,
    target: ElsewhereVault,
    *,
    trust: Trust,
    issue_token: IssueToken | None,
    kinds: Collection[type[BackupManifest]] = COPIED_KINDS,
    on_progress: OnCopyProgress = lambda *_: None,
) -> list[BackupCopy]:
    """
    Copy every backup that counts and that the vault elsewhere does not hold, and return the new copies.

    Args:
        source: The vault to read from.
        target: The vault elsewhere, with credentials that may write to it.
        trust: Whose attestations count in the source.
        issue_token: Attests the copies.
        kinds: The stores whose backups are copied.
        on_progress: See OnCopyProgress.

    Raises:
        Failure: there is no public key, the vault elsewhere protects nothing, a backup is damaged, or one of
            the vaults can't be used. Backups that were copied before stay.
    """
    rules = target.rules
    if not rules.recipients:
        raise Failure(
            "There is no public key to encrypt the copies to.",
            "make a key pair with age-keygen where no job can read it, and name its public half (age1...) in "
            "`recipients`.",
        )
    require_compliance_lock(target.stored)
    now = require_right_clock(target.stored)
    held = {(copy.backup, copy.manifest.sha256) for copy in target.copies}
    judgements = catalogue.read_judgements(source, trust)
    missing = [
        (backup, backup.manifest)
        for kind in kinds
        for backup in catalogue.read_backups(source, kind, trust, judgements=judgements)
        if backup.manifest
        and backup.counts
        and (backup.id, backup.manifest_sha256) not in held
        and now - backup.stored_at <= timedelta(days=rules.lock_days)
    ]
    _copy_disownments(source, target.stored, _lock_options(rules))
    copies: list[BackupCopy] = []
    # The oldest first: what is copied next time follows what is there.
    for backup, manifest in sorted(missing, key=lambda pair: pair[0].stored_at):
        copies.append(_copy_backup(_Transfer(source, target.stored, rules, on_progress), backup, manifest))
        put_copy(target.stored, copies[-1], issue_token, _lock_options(rules))
    return copies


def _copy_disownments(source: VaultClient, target: VaultClient, options: PutOptions) -> None:
    """Copy what marks backups as not to be used, in clear, with its attestations."""
    held = {entry.key for entry in target.list_entries(vault_layout.DISOWNMENTS)}
    # An attestation's key follows that of its document, and is to be there first.
    for entry in sorted(
        source.list_entries(vault_layout.DISOWNMENTS), key=lambda entry: entry.key, reverse=True
    ):
        if entry.key not in held:
            body = read_body(source, entry)
            target.store(entry.key, (body,), options=options)


def require_compliance_lock(vault: VaultClient) -> None:
    """
    Raise Failure unless the vault keeps versions and can lock them so that nobody lifts the lock.

    That each copy really got such a lock is compared after it was written.
    """
    why = "the vault elsewhere must keep backups from whoever has its credentials"
    try:
        protection = vault.read_protection()
    except Forbidden as refused:
        raise Failure(
            f"Whether the vault {vault.bucket} locks what is in it can't be seen, and {why}.",
            "let its key read the bucket's lock (s3:GetBucketObjectLockConfiguration, B2: "
            "readBucketRetentions).",
        ) from refused
    if not protection.has_versions or not protection.has_object_lock:
        lacks = (
            "has no Object Lock" if protection.has_versions else "keeps no versions and has no Object Lock"
        )
        raise Failure(
            f"The vault {vault.bucket} {lacks}, and {why}.",
            "make a bucket with Object Lock at a service that has it; docs/production.md names some.",
        )
    if protection.lock and protection.lock.mode != "COMPLIANCE":
        raise Failure(
            f"The lock of the vault {vault.bucket} can be lifted: its mode is {protection.lock.mode}, and "
            f"{why}.",
            "set the bucket's default retention to COMPLIANCE, or to none: each copy gets its own lock.",
        )


def _lock_options(rules: CopyRules) -> PutOptions:
    until = datetime.now(UTC) + timedelta(days=rules.lock_days)
    return PutOptions(
        # Not each service knows the condition of a new key. A second version takes nothing from the first.
        create_only=False,
        headers={
            "ObjectLockMode": "COMPLIANCE",
            "ObjectLockRetainUntilDate": until.replace(microsecond=0),
        },
    )


@dataclass(frozen=True)
class _Transfer:
    """From where to where backups are copied, and how."""

    source: VaultClient
    target: VaultClient
    rules: CopyRules
    on_progress: OnCopyProgress


def _copy_backup(transfer: _Transfer, backup: Backup[Any], manifest: BackupManifest) -> BackupCopy:
    """Encrypt everything of one backup into the vault elsewhere, and return what its document says."""
    listing, done = backup.listing, 0

    def report(chunks: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal done
        for chunk in chunks:
            done += len(chunk)
            transfer.on_progress(backup.id, done, manifest.bytes)
            yield chunk

    def copy(entry: VersionEntry, sha256: str | None) -> CopiedObject:
        chunks = transfer.source.read(entry.key, entry.version, sha256=sha256, expected_bytes=entry.bytes)
        return _copy_object(transfer.target, entry, report(chunks), transfer.rules)

    return BackupCopy(
        backup=backup.id,
        store=manifest.STORE,
        tier=backup.tier,
        stack=manifest.stack,
        shows=manifest.snapshot_at,
        recipients=transfer.rules.recipients,
        objects=tuple(copy(_entry_of(transfer.source, one), one.sha256) for one in manifest.objects),
        manifest=copy(listing.entry, backup.manifest_sha256),
        attestation=copy(listing.attestation, None) if listing.attestation else None,
        at=datetime.now(UTC),
    )


def _entry_of(source: VaultClient, stored: StoredObject) -> VersionEntry:
    found = source.head(stored.key, stored.version)
    return VersionEntry(stored.key, stored.version, stored.bytes, found.modified, is_latest=True)


def _copy_object(
    target: VaultClient, entry: VersionEntry, chunks: Iterable[bytes], rules: CopyRules
) -> CopiedObject:
    """Encrypt one object into the vault elsewhere. Raise Failure if it is not locked there as asked for."""
    digest, options = _StreamDigest(), _lock_options(rules)
    stored = target.store(
        vault_layout.encrypted_key(entry.key),
        encrypt(digest.count(chunks), rules.recipients),
        expected_bytes=round(entry.bytes * _AGE_OVERHEAD),
        options=options,
    )
    _require_locked(target, stored, options.headers["ObjectLockRetainUntilDate"])
    return CopiedObject(
        key=entry.key,
        version=entry.version,
        bytes=digest.bytes,
        sha256=digest.hash.hexdigest(),
        stored_at=entry.modified,
        encrypted=stored,
    )


class _StreamDigest:
    """Size and SHA-256 of what passes through."""

    def __init__(self) -> None:
        self.bytes, self.hash = 0, hashlib.sha256()

    def count(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.bytes += len(chunk)
            self.hash.update(chunk)
            yield chunk


def _require_locked(vault: VaultClient, stored: StoredObject, until: datetime) -> None:
    if stored.lock_mode != "COMPLIANCE" or not stored.locked_until:
        raise Failure(
            f"{stored.key} was stored in the vault {vault.bucket} and is not locked in mode COMPLIANCE, "
            "though that was asked for.",
            "use another service; docs/production.md names some whose lock nobody can lift.",
        )
    if stored.locked_until < until - _LOCK_TOLERANCE:
        raise Failure(
            f"{stored.key} is locked in the vault {vault.bucket} until {stored.locked_until:%Y-%m-%d} alone.",
            "see what limits the retention there.",
        )

"""
Copies backups into a vault elsewhere, encrypted to public keys.

A copy is the encrypted objects and, written last, the document that names them. What a killed run left has no
document: the next run writes it again, as another version of the same key.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.age import encrypt
from recovery.attestation import IssueToken, Trust
from recovery.catalogue import Backup
from recovery.elsewhere.copies import BackupCopy, CopiedObject, CopyRules
from recovery.elsewhere.file_fill import FileCopier, FileCopies
from recovery.elsewhere.lock import require_compliance_lock, store_locked
from recovery.elsewhere.vault import ElsewhereVault
from recovery.files.manifest import FilesManifest
from recovery.manifest import BackupManifest, Manifest, StoredObject
from recovery.state import StateManifest
from recovery.store import Store
from recovery.vault.clock import require_right_clock
from recovery.vault.documents import read_body
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

COPIED_KINDS: Final[tuple[type[BackupManifest], ...]] = (Manifest, StateManifest, FilesManifest)
"""What is copied, in this order: the first copy of the files takes long."""

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
    stores: Collection[Store] | None = None,
    on_progress: OnCopyProgress = lambda *_: None,
) -> list[BackupCopy]:
    """
    Copy every backup that counts and that the vault elsewhere does not hold, and return the new copies.

    Args:
        source: The vault to read from.
        target: The vault elsewhere, with credentials that may write to it.
        trust: Whose attestations count in the source.
        issue_token: Attests the copies.
        stores: The stores whose backups are copied; None: all.
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
    _copy_disownments(source, target.stored, rules)
    transfer = _Transfer(source, target, rules, trust, issue_token, on_progress)
    copies: list[BackupCopy] = []
    failures: list[Failure] = []
    for kind in COPIED_KINDS:
        missing: defaultdict[Store, list[tuple[Backup[Any], BackupManifest]]] = defaultdict(list)
        for backup in catalogue.read_backups(source, kind, trust, store=None, judgements=judgements):
            if (
                backup.manifest
                and (stores is None or backup.store in stores)
                and backup.counts
                and (backup.id, backup.manifest_sha256) not in held
                and now - backup.stored_at <= timedelta(days=rules.lock_days)
            ):
                missing[backup.store].append((backup, backup.manifest))
        for _, of_store in sorted(missing.items()):
            try:
                # The oldest first: what is copied next time follows what is there.
                for backup, manifest in sorted(of_store, key=lambda pair: pair[0].stored_at):
                    copies.append(_copy_backup(transfer, backup, manifest, copies))
            except Failure as failure:
                failures.append(failure)  # a store that can't be copied holds up no other
    if failures:
        raise failures[0]
    return copies


def _copy_disownments(source: VaultClient, target: VaultClient, rules: CopyRules) -> None:
    """Copy what marks backups as not to be used, in clear, with its attestations."""
    held = {entry.key for entry in target.list_entries(vault_layout.DISOWNMENTS)}
    # An attestation's key follows that of its document, and is to be there first.
    for entry in sorted(
        source.list_entries(vault_layout.DISOWNMENTS), key=lambda entry: entry.key, reverse=True
    ):
        if entry.key not in held:
            body = read_body(source, entry)
            store_locked(target, entry.key, (body,), rules)


@dataclass(frozen=True)
class _Transfer:
    """From where to where backups are copied, and how."""

    source: VaultClient
    target: ElsewhereVault
    rules: CopyRules
    trust: Trust
    issue_token: IssueToken | None
    on_progress: OnCopyProgress


def _copy_backup(
    transfer: _Transfer, backup: Backup[Any], manifest: BackupManifest, new: Sequence[BackupCopy]
) -> BackupCopy:
    """Copy everything of one backup, and at last the document that names it; `new` are this run's copies."""
    files = _copy_files(transfer, backup, manifest, new) if isinstance(manifest, FilesManifest) else None
    listing, done = backup.listing, 0

    def report(chunks: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal done
        for chunk in chunks:
            done += len(chunk)
            if not files:
                transfer.on_progress(backup.id, done, manifest.bytes)
            yield chunk

    def copy(entry: VersionEntry, sha256: str | None) -> CopiedObject:
        chunks = transfer.source.read(entry.key, entry.version, sha256=sha256, expected_bytes=entry.bytes)
        return _copy_object(transfer.target.stored, entry, report(chunks), transfer.rules)

    copied = BackupCopy(
        backup=backup.id,
        store=manifest.store,
        tier=backup.tier,
        stack=manifest.stack,
        shows=manifest.snapshot_at,
        recipients=transfer.rules.recipients,
        objects=tuple(copy(_entry_of(transfer.source, one), one.sha256) for one in manifest.objects),
        manifest=copy(listing.entry, backup.manifest_sha256),
        attestation=copy(listing.attestation, None) if listing.attestation else None,
        files=tuple(files.parts) if files else (),
        file_count=files.count if files else 0,
        file_bytes=files.bytes if files else 0,
        files_locked_until=files.locked_until if files else None,
        at=datetime.now(UTC),
    )
    _put_document(transfer, copied)
    return copied


def _copy_files(
    transfer: _Transfer, backup: Backup[FilesManifest], manifest: FilesManifest, new: Sequence[BackupCopy]
) -> FileCopies:
    """Copy the files of a backup that the newest copy does not have, if the same keys open that one."""
    alike = [
        copy
        for copy in (*new, *transfer.target.copies)
        if copy.of_store == backup.store and set(copy.recipients) == set(transfer.rules.recipients)
    ]
    copier = FileCopier(
        transfer.source,
        transfer.target.stored,
        transfer.rules,
        transfer.trust,
        transfer.target,
        transfer.issue_token,
    )
    return copier.copy(
        backup,
        manifest,
        max(alike, key=lambda copy: copy.at, default=None),
        lambda done: transfer.on_progress(backup.id, done, manifest.bytes),
    )


def _put_document(transfer: _Transfer, copy: BackupCopy) -> None:
    """Store the document of a copy, and before it its attestation. Raise Failure if one can't be stored."""
    document = copy.model_dump_json(indent=2).encode()
    key = vault_layout.backup_copy(copy.store, copy.backup, copy.at, document)
    if transfer.issue_token:
        token = transfer.issue_token(hashlib.sha256(document).hexdigest())
        store_locked(transfer.target.stored, vault_layout.attestation(key), (token.encode(),), transfer.rules)
    store_locked(transfer.target.stored, key, (document,), transfer.rules)


def _entry_of(source: VaultClient, stored: StoredObject) -> VersionEntry:
    found = source.head(stored.key, stored.version)
    return VersionEntry(stored.key, stored.version, stored.bytes, found.modified, is_latest=True)


def _copy_object(
    target: VaultClient, entry: VersionEntry, chunks: Iterable[bytes], rules: CopyRules
) -> CopiedObject:
    """Encrypt one object into the vault elsewhere. Raise Failure if it is not locked there as asked for."""
    digest = _StreamDigest()
    stored = store_locked(
        target,
        vault_layout.encrypted_key(entry.key),
        encrypt(digest.count(chunks), rules.recipients),
        rules,
        expected_bytes=round(entry.bytes * _AGE_OVERHEAD),
    )
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

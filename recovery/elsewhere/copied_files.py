"""
Which encrypted objects in a vault elsewhere are the files of a backup.

It is a list in the order of the backup's own listing: object number n is the copy of its entry number n. So
the list says nothing of the files, the job that has no private key can read it, and only together with the
listing, which is encrypted there, it says what is what. It lies in parts, each attested, which a run that is
interrupted leaves to the next one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from core import vault_layout
from core.documents import DocumentError, read_json
from recovery.attestation import IssueToken, Trust, pair_with_attestations, read_token
from recovery.catalogue import Backup
from recovery.elsewhere.copies import BackupCopy, CopyRules
from recovery.elsewhere.lock import store_locked
from recovery.files.manifest import FileEntry, FilesManifest, read_listing
from recovery.manifest import Count, ManifestModel, RunId, Sha256, StoredObject
from recovery.postgres.compression import DamagedFrame, compress, decompress
from recovery.vault.client import Damaged
from recovery.vault.documents import read_body, read_document, unreadable
from recovery.vault.vault import VaultClient

_MAX_BYTES: Final = 16 << 20
"""Of a part, also before compression: some 40,000 objects."""


class CopiedFiles(ManifestModel):
    """A part of a list."""

    schema_version: Literal["bulwark-copied-files-1"] = "bulwark-copied-files-1"
    backup: RunId
    manifest_sha256: Sha256
    recipients: tuple[str, ...]
    """The public keys that its objects were encrypted to."""

    first: Count
    """The number of the listing's entries before those of this part."""

    objects: tuple[StoredObject, ...]


def store_part(
    vault: VaultClient, part: CopiedFiles, issue_token: IssueToken | None, rules: CopyRules
) -> StoredObject:
    """Store a part, and before it its attestation. Raise Failure if one can't be stored."""
    body = b"".join(compress((part.model_dump_json().encode(),)))
    key = vault_layout.copied_files_part(part.backup, part.first, body)
    if issue_token:
        token = issue_token(hashlib.sha256(body).hexdigest())
        store_locked(vault, vault_layout.attestation(key), (token.encode(),), rules)
    return store_locked(vault, key, (body,), rules)


def read_objects(vault: VaultClient, parts: Iterable[StoredObject]) -> Iterator[StoredObject]:
    """
    Yield the objects of a list, of which a part is in memory at a time.

    Raises:
        Failure: a part is missing or damaged, or they are no whole list.
    """
    count = 0
    for stored in parts:
        try:
            part = _parse(read_body(vault, stored, max_bytes=_MAX_BYTES))
        except DocumentError as error:
            raise unreadable(stored.key, error) from None
        if part.first != count:
            raise Damaged(f"{stored.key} is no part that belongs there.", "use another backup.")
        count += len(part.objects)
        yield from part.objects


def read_unfinished(
    vault: VaultClient,
    backup: Backup[FilesManifest],
    rules: CopyRules,
    trust: Trust,
    trusted: VaultClient,
) -> Iterator[StoredObject]:
    """
    Yield the beginning of a backup's list that interrupted runs have left, as far as it has no gap.

    Only what is attested counts: whoever can write to the vault could name other objects.

    Args:
        vault: The vault elsewhere.
        backup: The backup that is copied.
        rules: The public keys that its objects must be encrypted to.
        trust: Whose attestations count.
        trusted: The vault whose record of the issuer's keys is believed.
    """
    count = 0
    pairs = pair_with_attestations(vault.list_entries(vault_layout.copied_files(backup.id)))
    for entry, attestation in sorted(pairs, key=lambda pair: pair[0].key):
        try:
            body = read_body(vault, entry, max_bytes=_MAX_BYTES)
            part = _parse(body)
        except DocumentError:
            continue
        if (part.backup, part.manifest_sha256) != (backup.id, backup.manifest_sha256):
            continue
        if set(part.recipients) != set(rules.recipients):
            continue
        if trust.find_fault(trusted, body, read_token(vault, attestation), "elsewhere"):
            continue
        if part.first > count:
            return
        # Two runs may have ended their parts at other entries.
        yield from part.objects[count - part.first :]
        count = max(count, part.first + len(part.objects))


def pair_files(
    originals: VaultClient, stored: VaultClient, copy: BackupCopy
) -> Iterator[tuple[FileEntry, StoredObject]]:
    """
    Yield each file of a copied backup with its encrypted object, in the order of the listing.

    Args:
        originals: A vault that has the backup's manifest and listing, such as the one that was copied, or the
            vault elsewhere with the private key.
        stored: The vault elsewhere.
        copy: The copy.

    Raises:
        Failure: manifest, listing or list can't be read, or one of both has more entries.
    """
    entries = read_listing(_read_manifest(originals, copy), originals)
    try:
        yield from zip(entries, read_objects(stored, copy.files), strict=True)
    except ValueError:
        raise Damaged(
            f"The list of the copied files of {copy.backup} is not as long as its listing.",
            "use another backup; keep this one for the inquiry.",
        ) from None


def _read_manifest(originals: VaultClient, copy: BackupCopy) -> FilesManifest:
    original = copy.manifest
    stored = StoredObject(
        key=original.key,
        version=original.version,
        bytes=original.bytes,
        sha256=original.sha256,
        lock_mode=None,
        locked_until=None,
    )
    try:
        return read_document(originals, stored, FilesManifest, max_bytes=_MAX_BYTES)
    except DocumentError as error:
        raise unreadable(original.key, error) from None


def _parse(body: bytes) -> CopiedFiles:
    """Return a part. Raise DocumentError if it is noriginal."""
    try:
        content = b"".join(decompress((body,), max_bytes=_MAX_BYTES))
    except DamagedFrame as damage:
        raise DocumentError("it is not compressed as a part is") from damage
    return read_json(content, CopiedFiles, max_bytes=_MAX_BYTES)

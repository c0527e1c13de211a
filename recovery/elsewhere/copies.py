"""
The documents in a vault elsewhere: which backup was copied, and as which encrypted objects.

They are in clear and attested, so that the vault can be listed and verified without the private key. They
name no table and no file: a backup's manifest is encrypted as the rest of it is.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from core import vault_layout
from core.documents import DocumentError, read_json
from core.moment import Moment
from core.vault_layout import Tier
from recovery.attestation import Trust, pair_with_attestations, read_token
from recovery.manifest import Count, ManifestModel, RunId, Sha256, StoredObject
from recovery.store import Store, StoreKind, StoreName
from recovery.vault.clock import TOLERANCE
from recovery.vault.documents import read_body
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

_MAX_BYTES: Final = 16 << 20
_READERS: Final = 8


class CopiedObject(ManifestModel):
    """One version of an object, and its encrypted copy."""

    key: str
    version: str
    bytes: Count
    sha256: Sha256
    """Of what was encrypted: the original's bytes."""

    stored_at: Moment
    """When the original's vault took it."""

    encrypted: StoredObject
    """The copy: an age file."""


class BackupCopy(ManifestModel):
    """A backup that was copied: its manifest, the manifest's attestation, and all that a restore needs."""

    schema_version: Literal["bulwark-copy-1"] = "bulwark-copy-1"
    backup: RunId
    store: StoreName
    tier: Tier | None
    stack: str
    shows: Moment
    """The moment of the backed-up state."""

    at: Moment
    """When it was copied."""

    recipients: tuple[str, ...]
    """The public keys (`age1...`) that it was encrypted to; the private key of one decrypts it."""

    manifest: CopiedObject
    attestation: CopiedObject | None
    objects: tuple[CopiedObject, ...]
    files: tuple[StoredObject, ...] = ()
    """Of a backup of files: the parts of the list of their encrypted objects, in clear (copied_files.py)."""

    file_count: Count = 0
    file_bytes: Count = 0
    """Size of the encrypted files."""

    files_locked_until: Moment | None = None
    """When the first lock on one of the files ends; None if there are none."""

    @property
    def of_store(self) -> Store:
        """The store, by its name and by what its manifest's key says that it is."""
        kinds: dict[str, StoreKind] = {
            vault_layout.DATABASE: "database",
            vault_layout.FILE_MANIFESTS: "files",
        }
        for prefix, kind in kinds.items():
            if self.manifest.key.startswith(prefix):
                return Store(kind, self.store)
        return Store("state", self.store)

    @property
    def all_objects(self) -> tuple[CopiedObject, ...]:
        return (self.manifest, *((self.attestation,) if self.attestation else ()), *self.objects)

    @property
    def bytes(self) -> int:
        """Size of the encrypted objects."""
        return sum(one.encrypted.bytes for one in self.all_objects) + self.file_bytes

    @property
    def locked_until(self) -> datetime | None:
        """When the first lock on one of the objects ends; None if an object has no lock."""
        locks = [one.encrypted.locked_until for one in self.all_objects]
        locks += [one.locked_until for one in self.files]
        locks += [self.files_locked_until] if self.file_count else []
        return min(filter(None, locks)) if all(locks) else None


@dataclass(frozen=True)
class CopyRules:
    """How backups are copied."""

    recipients: tuple[str, ...]
    """Public keys (`age1...`); the private key of any of them decrypts. Without one nothing is copied."""

    lock_days: int
    """How long each copy is locked. Backups that are older than that are not copied."""


@dataclass(frozen=True)
class ListedCopy:
    """A document of a copy in the vault, and whether it counts."""

    key: str
    content: BackupCopy | None
    fault: str
    """Why it does not count; empty if it does."""


def read_copies(vault: VaultClient, trust: Trust, trusted: VaultClient) -> list[ListedCopy]:
    """
    Return the copies in a vault, the newest first. Raise Failure if it can't be read.

    Args:
        vault: The vault elsewhere.
        trust: Whose attestations count.
        trusted: The vault whose record of the issuer's keys is believed.
    """

    def read(pair: tuple[VersionEntry, VersionEntry | None]) -> ListedCopy:
        entry, attestation = pair
        try:
            body = read_body(vault, entry, max_bytes=_MAX_BYTES)
            content = read_json(body, BackupCopy, max_bytes=_MAX_BYTES)
        except DocumentError as error:
            return ListedCopy(entry.key, None, f"can't be read: {error}")
        fault = trust.find_fault(trusted, body, read_token(vault, attestation), "elsewhere")
        if not fault and content.stack != trust.stack:
            fault = f"is of the stack {content.stack}, and this is {trust.stack}"
        if not fault and content.at - entry.modified > TOLERANCE:
            fault = f"says that it is of {content.at:%Y-%m-%d %H:%M:%S} UTC, after the vault took it"
        return ListedCopy(entry.key, content, fault)

    pairs = pair_with_attestations(vault.list_originals(vault_layout.COPIES))
    with ThreadPoolExecutor(_READERS, "copies") as pool:
        return sorted(pool.map(read, pairs), key=lambda copy: copy.key, reverse=True)


def choose_newest(copies: Sequence[ListedCopy]) -> list[BackupCopy]:
    """Return the copies that count, one for each backup: the newest, whose locks end last."""
    newest: dict[tuple[str, str], BackupCopy] = {}
    for copy in copies:
        if copy.content and not copy.fault:
            key = (copy.content.backup, copy.content.manifest.sha256)
            if key not in newest or newest[key].at < copy.content.at:
                newest[key] = copy.content
    return sorted(newest.values(), key=lambda copy: (copy.manifest.stored_at, copy.backup), reverse=True)

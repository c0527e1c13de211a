"""What a backup of the files says of itself: a small document, written last, and a listing of all objects."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime

from recovery.files import places
from recovery.files.item import Item, line, lines, parsed
from recovery.manifest import BackupManifest, Model, Sha256, Store, Stored
from recovery.postgres.compression import compressed
from recovery.vault.vault import Vault
from toolchain.failure import Failure

_CHUNK_BYTES = 1 << 18


class Bucket(Model):
    """A bucket of the source, as a backup has it."""

    name: str
    files: int
    size: int
    """Bytes."""


class FilesManifest(BackupManifest):
    """
    One backup of the files.

    Each of them is as it was at some moment between `started` and `snapshot_at`.
    """

    STORE: ClassVar[Store] = "files"
    PREFIX: ClassVar[str] = places.MANIFESTS
    KEYS: ClassVar[re.Pattern[str]] = re.compile(rf"{places.MANIFESTS}(?P<id>[^/]+)/manifest\.json")

    schema_version: Literal["bulwark-files-1"] = "bulwark-files-1"
    store: Literal["files"]
    buckets: tuple[Bucket, ...]
    copied: int
    """Files that are new or changed since the backup before."""

    gone: int
    """Files in the vault that the source has no more; they are restorable from earlier backups."""

    altered: int
    """Files that the source hands out other than it lists them; the copy is what it hands out."""

    copies_locked_until: AwareDatetime | None
    """Until then every copy is locked; None where at least one is not."""

    listing: Stored
    listing_sha256: Sha256
    """Of the listing's lines before compression."""

    @property
    def files(self) -> int:
        return sum(bucket.files for bucket in self.buckets)

    @property
    def bytes(self) -> int:
        return sum(bucket.size for bucket in self.buckets)

    @property
    def folder(self) -> str:
        return places.folder(self.id)

    @property
    def objects(self) -> tuple[Stored, ...]:
        return (self.listing,)

    @property
    def holds(self) -> str:
        altered = f", {self.altered:,} as handed out and not as listed" if self.altered else ""
        return f"{self.files:,} files, {self.copied:,} new or changed{altered}"

    @property
    def locked_until(self) -> datetime | None:
        locks = [self.listing.locked_until, *([self.copies_locked_until] if self.files else [])]
        return min(filter(None, locks)) if all(locks) else None


@dataclass
class Written:
    """What became of lines on their way into the vault."""

    stored: Stored
    sha256: str


def store(vault: Vault, key: str, items: Iterable[Item]) -> Written:
    """Store a listing under a new key, in bounded memory."""
    digest = hashlib.sha256()

    def written() -> Iterator[bytes]:
        gathered = bytearray()
        for item in items:
            gathered += line(item)
            if len(gathered) >= _CHUNK_BYTES:
                digest.update(gathered)
                yield bytes(gathered)
                gathered.clear()
        digest.update(gathered)
        yield bytes(gathered)

    return Written(vault.store(key, compressed(written())), digest.hexdigest())


def items(manifest: FilesManifest, vault: Vault) -> Iterator[Item]:
    """
    Yield the objects of a backup, by bucket and key in the order of UTF-8 bytes.

    Raises:
        Failure: where the listing is missing or damaged, at the latest before the last object.
    """
    listing = manifest.listing
    digest, count = hashlib.sha256(), 0
    last: Item | None = None
    for one in lines(vault.read(listing.key, listing.version, sha256=listing.sha256)):
        digest.update(one)
        count += 1
        if last is not None:
            yield last
        last = parsed(one, listing.key)
    if (digest.hexdigest(), count) != (manifest.listing_sha256, manifest.files):
        raise Failure(
            f"The listing {listing.key} is not the one that its manifest speaks of.",
            "use another backup, or the other vault's copy (--vault replica).",
        )
    if last is not None:
        yield last

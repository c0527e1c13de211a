"""What a backup of the files says of itself: a small document, written last, and a listing of all objects."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import AwareDatetime

from recovery.files.item import Item, line, lines, parsed
from recovery.manifest import Model, Sha256, Stored
from recovery.postgres.compression import compressed
from recovery.vault.vault import Vault
from toolchain.failure import Failure

_CHUNK_BYTES = 1 << 18


class Bucket(Model):
    """A bucket of the source, as a backup has it."""

    name: str
    objects: int
    bytes: int


class FilesManifest(Model):
    """One backup of the files."""

    schema_version: Literal["bulwark-files-1"] = "bulwark-files-1"
    id: str
    store: Literal["files"]
    stack: str
    started: AwareDatetime
    finished: AwareDatetime
    """Each object is there as it was at some moment between these two."""

    tools: dict[str, str]
    """Program -> version."""

    buckets: tuple[Bucket, ...]
    objects: int
    bytes: int
    copied: int
    """Objects that are new or changed since the backup before."""

    gone: int
    """Objects in the vault that the source has no more; they are restorable from earlier backups."""

    altered: int
    """Objects that the source hands out other than it lists them; the copy is what it hands out."""

    locked_until: AwareDatetime | None
    """Until then every object is locked; None where at least one is not."""

    listing: Stored
    listing_sha256: Sha256
    """Of the listing's lines before compression."""


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
    if (digest.hexdigest(), count) != (manifest.listing_sha256, manifest.objects):
        raise Failure(
            f"The listing {listing.key} is not the one that its manifest speaks of.",
            "use another backup, or the other vault's copy (--vault replica).",
        )
    if last is not None:
        yield last

"""What a backup of the files says of itself: a small document, written last, and a listing of all objects."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime

from core import vault_layout
from core.failure import Failure
from core.vault_layout import file_copy
from recovery.manifest import BackupManifest, ManifestModel, Sha256, Stored, StoreName
from recovery.postgres.compression import compressed, decompressed
from recovery.vault.vault import VaultClient


@dataclass(frozen=True)
class FileEntry:
    """One object of a backup: what the source said of it, and which version in the vault is its copy."""

    bucket: str
    key: str
    version: str
    bytes: int
    """Of the copy."""

    sha256: str
    """Of the bytes on their way into the vault."""

    etag: str
    """The source's, which tells whether the object has changed since; with `listed`, the size it tells of."""

    listed: int
    modified: datetime
    """At the source."""

    locked_until: datetime | None
    altered: bool = False

    @property
    def place(self) -> str:
        """The key of the copy in the vault."""
        return file_copy(self.bucket, self.key)


def line(item: FileEntry) -> bytes:
    """Write an item as a line of a listing."""
    until = item.locked_until
    fields = vars(item) | {"modified": _text(item.modified), "locked_until": _text(until) if until else None}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a compressed listing, each with its end."""
    rest = b""
    for chunk in decompressed(chunks):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        yield from (whole + newline).splitlines(keepends=True)
    if rest:
        yield rest


def parsed(line: bytes, key: str) -> FileEntry:
    """
    Read what `line` wrote; `key` is the listing's.

    Raises:
        Failure: for anything else.
    """
    try:
        fields: dict[str, Any] = json.loads(line)
        until = fields.pop("locked_until")
        return FileEntry(
            modified=datetime.fromisoformat(fields.pop("modified")),
            locked_until=datetime.fromisoformat(until) if until else None,
            **fields,
        )
    except (ValueError, TypeError, KeyError):
        raise Failure(
            f"The listing {key} has a line that is no object.",
            "use another backup, or the other vault's copy (--vault replica).",
        ) from None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


_CHUNK_BYTES = 1 << 18


class BucketSummary(ManifestModel):
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

    STORE: ClassVar[StoreName] = "files"
    PREFIX: ClassVar[str] = vault_layout.FILE_MANIFESTS
    KEYS: ClassVar[re.Pattern[str]] = re.compile(
        rf"{vault_layout.FILE_MANIFESTS}(?P<id>[^/]+)/{vault_layout.MANIFEST}"
    )

    schema_version: Literal["bulwark-files-1"] = "bulwark-files-1"
    store: Literal["files"]
    buckets: tuple[BucketSummary, ...]
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
        return vault_layout.file_backup(self.id)

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


def store(vault: VaultClient, key: str, items: Iterable[FileEntry]) -> Written:
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


def items(manifest: FilesManifest, vault: VaultClient) -> Iterator[FileEntry]:
    """
    Yield the objects of a backup, by bucket and key in the order of UTF-8 bytes.

    Raises:
        Failure: where the listing is missing or damaged, at the latest before the last object.
    """
    listing = manifest.listing
    digest, count = hashlib.sha256(), 0
    last: FileEntry | None = None
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

"""The manifest of a file backup, which is written last, and its listing: one line of JSON per object."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, Literal

from pydantic import AwareDatetime

from core import vault_layout
from core.failure import Failure
from core.vault_layout import file_copy
from recovery.manifest import BackupManifest, ManifestModel, Sha256, StoredObject, StoreName
from recovery.postgres.compression import compress, decompress
from recovery.vault.vault import VaultClient

_CHUNK_BYTES: Final = 1 << 18


class BucketSummary(ManifestModel):
    """The number and total size of a bucket's files in a backup."""

    name: str
    files: int
    size: int
    """Bytes."""


class FilesManifest(BackupManifest):
    """
    One backup of the files.

    Each file has its content of some moment between `started` and `snapshot_at`.
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
    """Number of files that are new or changed since the previous backup."""

    gone: int
    """Number of files that were deleted at the source; earlier backups restore them."""

    altered: int
    """Number of files whose download differs from the source's listing. The copy is the download."""

    copies_locked_until: AwareDatetime | None
    """When the first lock of a copy ends; None if a copy has no lock."""

    listing: StoredObject
    listing_sha256: Sha256
    """SHA-256 of the listing's lines before compression."""

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
    def objects(self) -> tuple[StoredObject, ...]:
        return (self.listing,)

    @property
    def summary(self) -> str:
        altered = f", {self.altered:,} as handed out and not as listed" if self.altered else ""
        return f"{self.files:,} files, {self.copied:,} new or changed{altered}"

    @property
    def locked_until(self) -> datetime | None:
        locks = [self.listing.locked_until, *([self.copies_locked_until] if self.files else [])]
        return min(filter(None, locks)) if all(locks) else None


@dataclass(frozen=True)
class FileEntry:
    """One object of a backup: its data at the source, and the version in the vault that is its copy."""

    bucket: str
    key: str
    version: str
    bytes: int
    """Size of the copy."""

    sha256: str
    """Computed while the bytes were copied into the vault."""

    etag: str
    """The source's ETag. With `listed` it shows whether the object has changed since."""

    listed: int
    """Size in the source's listing."""

    modified: datetime
    """Time of the last change at the source."""

    locked_until: datetime | None
    altered: bool = False
    """Whether the source's download differs from its listing in size or MD5."""

    @property
    def copy_key(self) -> str:
        """The key of the copy in the vault."""
        return file_copy(self.bucket, self.key)


@dataclass
class StoredListing:
    """A listing in the vault, and the SHA-256 of its lines before compression."""

    stored: StoredObject
    sha256: str


def store_listing(vault: VaultClient, key: str, entries: Iterable[FileEntry]) -> StoredListing:
    """Store a listing under a new key, in bounded memory."""
    digest = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        buffer = bytearray()
        for entry in entries:
            buffer += format_line(entry)
            if len(buffer) >= _CHUNK_BYTES:
                digest.update(buffer)
                yield bytes(buffer)
                buffer.clear()
        digest.update(buffer)
        yield bytes(buffer)

    return StoredListing(vault.store(key, compress(chunks())), digest.hexdigest())


def read_listing(manifest: FilesManifest, vault: VaultClient) -> Iterator[FileEntry]:
    """
    Yield the entries of a backup, by bucket and key in the order of UTF-8 bytes.

    Raises:
        Failure: the listing is missing or damaged; at the latest before the last entry.
    """
    listing = manifest.listing
    digest, count = hashlib.sha256(), 0
    last: FileEntry | None = None
    for line in split_lines(vault.read(listing.key, listing.version, sha256=listing.sha256)):
        digest.update(line)
        count += 1
        if last is not None:
            yield last
        last = parse_line(line, listing.key)
    if (digest.hexdigest(), count) != (manifest.listing_sha256, manifest.files):
        raise Failure(
            f"The listing {listing.key} is not the one that its manifest speaks of.",
            "use another backup, or the other vault's copy (--vault replica).",
        )
    if last is not None:
        yield last


def format_line(entry: FileEntry) -> bytes:
    """Return the line of a listing for an entry."""
    until = entry.locked_until
    fields = vars(entry) | {
        "modified": _format_time(entry.modified),
        "locked_until": _format_time(until) if until else None,
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse_line(line: bytes, key: str) -> FileEntry:
    """
    Return the entry of a line that `format_line` wrote; `key` is the listing's.

    Raises:
        Failure: the line is anything else.
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


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a compressed listing, each with its line feed."""
    rest = b""
    for chunk in decompress(chunks):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        yield from (whole + newline).splitlines(keepends=True)
    if rest:
        yield rest


def _format_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()

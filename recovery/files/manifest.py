"""The manifest of a file backup, which is written last, and its listing: one line of JSON per object."""

import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import ClassVar, Final, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from core import vault_layout
from core.documents import describe_error
from core.failure import Failure
from core.moment import Moment
from core.vault_layout import file_copy
from recovery.manifest import BackupManifest, Count, LeftOut, ManifestModel, Sha256, StoredObject
from recovery.postgres.compression import compress, decompress
from recovery.store import DeclaredStoreName, StoreKind, StoreName
from recovery.vault.vault import VaultClient

MAX_LEFT_OUT: Final = 100
_CHUNK_BYTES: Final = 1 << 18
_LINE_BYTES: Final = 1 << 14
"""Most that a line has: a key has up to 1,024 bytes, of which JSON makes six times as many."""

_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

MAX_JOURNAL_LINES: Final = 100_000
"""A journal has the objects of one batch; earlier versions may have had larger batches."""


class BucketSummary(ManifestModel):
    """The number and total size of a bucket's files in a backup."""

    name: str
    files: Count
    size: Count
    """Bytes."""


class FilesManifest(BackupManifest):
    """
    One backup of a store's files.

    Each file has its content of some moment between `started` and `snapshot_at`. Of a source whose inventory
    was read, `snapshot_at` is when that was begun: what was added or changed since then need not be in it.
    """

    KIND: ClassVar[StoreKind] = "files"
    PREFIX: ClassVar[str] = vault_layout.FILE_MANIFESTS
    KEYS: ClassVar[re.Pattern[str]] = re.compile(
        rf"{vault_layout.FILE_MANIFESTS}(?P<store>{vault_layout.STORE})/(?P<id>[^/]+)/{vault_layout.MANIFEST}"
    )

    schema_version: Literal["bulwark-files-1"] = "bulwark-files-1"
    store: DeclaredStoreName
    buckets: tuple[BucketSummary, ...]
    copied: Count
    """Number of files that are new or changed since the previous backup."""

    gone: Count
    """Number of files that were deleted at the source; earlier backups restore them."""

    altered: Count
    """Number of files whose download differs from the source's listing. The copy is the download."""

    unreadable: Count = 0
    """Number of files that the source lists and could not give. They are not in the backup."""

    left_out: tuple[LeftOut, ...] = ()
    """The first `MAX_LEFT_OUT` of them."""

    copies_locked_until: Moment | None
    """When the first lock of a copy ends; None if a copy has no lock."""

    listing: StoredObject
    listing_sha256: Sha256
    """SHA-256 of the listing's lines before compression."""

    @classmethod
    def list_prefixes(cls, store: StoreName | None) -> tuple[str, ...]:
        return (cls.PREFIX if store is None else vault_layout.file_manifests(store),)

    @property
    def files(self) -> int:
        return sum(bucket.files for bucket in self.buckets)

    @property
    def bytes(self) -> int:
        return sum(bucket.size for bucket in self.buckets)

    @property
    def folder(self) -> str:
        return vault_layout.file_backup(self.store, self.id)

    @property
    def objects(self) -> tuple[StoredObject, ...]:
        return (self.listing,)

    @property
    def summary(self) -> str:
        altered = f", {self.altered:,} as handed out and not as listed" if self.altered else ""
        unreadable = f", {self.unreadable:,} not in it: unreadable" if self.unreadable else ""
        return f"{self.files:,} files, {self.copied:,} new or changed{altered}{unreadable}"

    @property
    def locked_until(self) -> datetime | None:
        locks = [self.listing.locked_until, *([self.copies_locked_until] if self.files else [])]
        return min(filter(None, locks)) if all(locks) else None


@dataclass(frozen=True)
class FileEntry:
    """One object of a backup: its data at the source, and the version in the vault that is its copy."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", strict=True)

    bucket: str
    key: str
    version: str
    bytes: Count
    """Size of the copy."""

    sha256: Sha256
    """Computed while the bytes were copied into the vault."""

    etag: str
    """The source's ETag. With `listed` it shows whether the object has changed since."""

    listed: Count
    """Size in the source's listing."""

    modified: Moment
    """Time of the last change at the source."""

    locked_until: Moment | None
    altered: bool = False
    """Whether the source's download differs from its listing in size or MD5."""

    def copy_key(self, store: StoreName) -> str:
        """Return the key of the copy in the vault, of a store's backup that has this entry."""
        return file_copy(store, self.bucket, self.key)


@cache
def _entry_model() -> TypeAdapter[FileEntry]:
    return TypeAdapter(FileEntry)  # built when the first line is read by it


@dataclass
class StoredListing:
    """A listing in the vault, and the SHA-256 of its lines before compression."""

    stored: StoredObject
    sha256: str


def store_listing(vault: VaultClient, key: str, lines: Iterable[bytes]) -> StoredListing:
    """Store the lines of a listing, in any chunks, under a new key, in bounded memory."""
    digest = hashlib.sha256()

    def chunks() -> Iterator[bytes]:
        buffer = bytearray()
        for line in lines:
            buffer += line
            if len(buffer) >= _CHUNK_BYTES:
                digest.update(buffer)
                yield bytes(buffer)
                buffer.clear()
        digest.update(buffer)
        yield bytes(buffer)

    return StoredListing(vault.store(key, compress(chunks())), digest.hexdigest())


def read_listing(manifest: FilesManifest, vault: VaultClient) -> Iterator[FileEntry]:
    """Yield the entries of a backup, by bucket and key in the order of UTF-8 bytes, as `read_lines` does."""
    for lines in read_lines(manifest, vault):
        for line in io.BytesIO(lines):
            yield parse_line(line, manifest.listing.key)


def read_lines(manifest: FilesManifest, vault: VaultClient) -> Iterator[bytes]:
    """
    Yield the lines of a backup's listing, many at a time.

    Raises:
        Failure: the listing is missing or damaged; at the latest before the last lines.
    """
    listing = manifest.listing
    digest, count, last = hashlib.sha256(), 0, b""
    chunks = vault.read(listing.key, listing.version, sha256=listing.sha256, expected_bytes=listing.bytes)
    for lines in _split_chunks(chunks, max_lines=manifest.files):
        digest.update(lines)
        count += lines.count(b"\n") + (not lines.endswith(b"\n"))
        if last:
            yield last
        last = lines
    if (digest.hexdigest(), count) != (manifest.listing_sha256, manifest.files):
        raise Failure(
            f"The listing {listing.key} is not the one that its manifest speaks of.",
            "use another backup, or the other vault's copy (--vault replica).",
        )
    if last:
        yield last


def format_line(entry: FileEntry) -> bytes:
    """Return the line of a listing for an entry."""
    until = entry.locked_until
    fields = vars(entry) | {
        "modified": format_time(entry.modified),
        "locked_until": format_time(until) if until else None,
    }
    return _JSON.encode(fields).encode() + b"\n"


def parse_line(line: bytes, key: str) -> FileEntry:
    """
    Return the entry of a line that `format_line` wrote; `key` is the listing's.

    Raises:
        Failure: the line is anything else.
    """
    try:
        return _entry_model().validate_json(line)
    except ValidationError as error:
        raise Failure(
            f"The listing {key} has a line that is no object.",
            "use another backup, or the other vault's copy (--vault replica).",
            describe_error(error),
        ) from None


def split_lines(chunks: Iterable[bytes], *, max_lines: int) -> Iterator[bytes]:
    """
    Yield the lines of a compressed listing, each with its line feed.

    Raises:
        Failure: it is damaged, has more lines, or one that is too long for an object.
    """
    for lines in _split_chunks(chunks, max_lines=max_lines):
        yield from io.BytesIO(lines)


def _split_chunks(chunks: Iterable[bytes], *, max_lines: int) -> Iterator[bytes]:
    """Yield whole lines of a compressed listing, as `split_lines` does, many at a time."""
    rest, lines = b"", 0
    for chunk in decompress(chunks, max_bytes=max_lines * _LINE_BYTES):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        lines += whole.count(b"\n") + len(newline)
        if lines > max_lines or len(rest) > _LINE_BYTES:
            raise Failure(
                f"A listing has more than {max_lines:,} lines, or a line of more than {_LINE_BYTES:,} bytes.",
                "use another backup, or the other vault's copy (--vault replica).",
            )
        if newline:
            yield whole + newline
    if rest:
        yield rest


def format_time(moment: datetime) -> str:
    """Return a moment as lines have it; texts of it are in the order of time."""
    return moment.astimezone(UTC).isoformat()

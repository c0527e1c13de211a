"""Brings files back as of a backup: by the versions that its listing names, hashed on their way."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.failure import Failure
from recovery.files.copy import AT_ONCE, bounded_map
from recovery.files.manifest import FileEntry, FilesManifest, items
from recovery.files.target import BucketTarget, FolderTarget, RestoreTarget
from recovery.vault.upload import PutOptions
from recovery.vault.vault import VaultClient

_NOTHING = PutOptions(once=False)


@dataclass(frozen=True)
class Selection:
    """Which objects of a backup: of one bucket or all, whose keys begin so."""

    bucket: str | None = None
    prefix: str = ""

    def items(self, manifest: FilesManifest, vault: VaultClient) -> Iterator[FileEntry]:
        """
        Yield the objects.

        Raises:
            Failure: for a bucket that the backup doesn't have, or a listing that is damaged.
        """
        names = [bucket.name for bucket in manifest.buckets]
        if self.bucket is not None and self.bucket not in names:
            raise Failure(
                f"The backup {manifest.id} has no bucket {self.bucket}.", f"it has: {', '.join(names)}."
            )
        for item in items(manifest, vault):
            if self.bucket in {None, item.bucket} and item.key.startswith(self.prefix):
                yield item


ALL = Selection()


@dataclass(frozen=True)
class RestoredFiles:
    """What came back; `odd` of them under a name of their own, see `Folder`."""

    files: int
    bytes: int
    odd: int


def restore_files(
    manifest: FilesManifest,
    vault: VaultClient,
    target: RestoreTarget,
    *,
    selection: Selection = ALL,
    at_once: int = AT_ONCE,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> RestoredFiles:
    """
    Restore files into an empty folder or bucket.

    Args:
        manifest: The backup.
        vault: The vault to read from, the primary or its replica.
        target: `Folder.empty` or `Bucket.empty`.
        selection: Which of its objects.
        at_once: How many are read in parallel.
        progress: Told of objects and bytes that are there.

    Raises:
        Failure: for an object that is missing or damaged, or any other error; what is there is not whole.
    """
    if isinstance(target, BucketTarget) and selection.bucket is None and len(manifest.buckets) != 1:
        names = ", ".join(bucket.name for bucket in manifest.buckets)
        raise Failure("A bucket takes the objects of one bucket.", f"choose one with --bucket: {names}.")
    if isinstance(target, FolderTarget):
        _require_room(target.path, manifest, selection)

    def put(item: FileEntry) -> FileEntry:
        place = item.place
        chunks = vault.read(place, item.version, sha256=item.sha256, expected_bytes=item.bytes)
        about = vault.about(place, item.version) if isinstance(target, BucketTarget) else _NOTHING
        target.put(item, chunks, about)
        return item

    count = size = 0
    for item in bounded_map(put, selection.items(manifest, vault), at_once):
        count += 1
        size += item.bytes
        progress(count, size)
    return RestoredFiles(count, size, target.odd if isinstance(target, FolderTarget) else 0)


def differences(
    manifest: FilesManifest, vault: VaultClient, folder: FolderTarget, *, selection: Selection = ALL
) -> Iterator[str]:
    """Yield in words where a restored folder differs from a backup: what is missing, other, or besides."""
    there = 0
    for item in selection.items(manifest, vault):
        path = folder.find(item)
        name = f"{item.bucket}/{item.key}"
        if path is None:
            yield f"{name} is missing"
            continue
        there += 1
        if path.stat().st_size != item.bytes:
            yield f"{name} has {path.stat().st_size:,} bytes; its backup has {item.bytes:,}"
            continue
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != item.sha256:
                yield f"{name} has another content than its backup"
    if besides := sum(1 for _ in folder.files()) - there:
        yield f"{besides:,} files are there that the backup does not have"


def _require_room(path: Path, manifest: FilesManifest, selection: Selection) -> None:
    """Refuse what surely doesn't fit, before anything is written."""
    chosen = [one.size for one in manifest.buckets if selection.bucket in {None, one.name}]
    free = shutil.disk_usage(path).free
    if not selection.prefix and sum(chosen) > free:
        raise Failure(
            f"The files have {sum(chosen) >> 20:,} MiB, and the disk of {path} has {free >> 20:,} MiB free.",
            "name a folder on another disk, or a bucket.",
        )

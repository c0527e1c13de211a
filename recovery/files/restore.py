"""Restore of a file backup into a folder or bucket, and comparison of a restored folder with its backup."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from core.failure import Failure
from recovery.files.manifest import FileEntry, FilesManifest, read_listing
from recovery.files.parallel import WORKERS, bounded_map
from recovery.files.target import BucketTarget, FolderTarget, RestoreTarget
from recovery.vault.upload import PutOptions
from recovery.vault.vault import VaultClient

_NO_OPTIONS = PutOptions(create_only=False)


@dataclass(frozen=True)
class Selection:
    """Which objects of a backup: those of one bucket or of all, whose keys begin with `prefix`."""

    bucket: str | None = None
    prefix: str = ""

    def list_entries(self, manifest: FilesManifest, vault: VaultClient) -> Iterator[FileEntry]:
        """
        Yield the entries of the chosen objects.

        Raises:
            Failure: the backup doesn't have the bucket, or its listing is damaged.
        """
        names = [bucket.name for bucket in manifest.buckets]
        if self.bucket is not None and self.bucket not in names:
            raise Failure(
                f"The backup {manifest.id} has no bucket {self.bucket}.", f"it has: {', '.join(names)}."
            )
        for entry in read_listing(manifest, vault):
            if self.bucket in {None, entry.bucket} and entry.key.startswith(self.prefix):
                yield entry


ALL = Selection()


@dataclass(frozen=True)
class RestoredFiles:
    """Number and size of the restored files."""

    files: int
    bytes: int
    odd_names: int
    """Files that are not under their own name, see `FolderTarget`."""


def restore_files(
    manifest: FilesManifest,
    vault: VaultClient,
    target: RestoreTarget,
    *,
    selection: Selection = ALL,
    workers: int = WORKERS,
    on_progress: Callable[[int, int], None] = lambda *_: None,
) -> RestoredFiles:
    """
    Restore files into an empty folder or bucket.

    Args:
        manifest: The backup.
        vault: The vault to read from, the primary or its replica.
        target: From `FolderTarget.open_empty` or `BucketTarget.open_empty`.
        selection: Which objects of the backup.
        workers: How many objects are read in parallel.
        on_progress: Called with the number of objects and bytes restored so far.

    Raises:
        Failure: an object is missing or damaged, or any other error. The target is then incomplete and marked
            so; another restore into it begins anew.
    """
    with closing(target):
        if isinstance(target, BucketTarget) and selection.bucket is None and len(manifest.buckets) != 1:
            names = ", ".join(bucket.name for bucket in manifest.buckets)
            raise Failure("A bucket takes the objects of one bucket.", f"choose one with --bucket: {names}.")
        if isinstance(target, FolderTarget):
            _require_disk_space(target.path, manifest, selection)

        def put(entry: FileEntry) -> FileEntry:
            key, version = entry.copy_key(manifest.store), entry.version
            chunks = vault.read(key, version, sha256=entry.sha256, expected_bytes=entry.bytes)
            options = vault.read_options(key, version) if isinstance(target, BucketTarget) else _NO_OPTIONS
            target.put(entry, chunks, options)
            return entry

        count = size = 0
        for entry in bounded_map(put, selection.list_entries(manifest, vault), workers):
            count += 1
            size += entry.bytes
            on_progress(count, size)
        target.complete()
    return RestoredFiles(count, size, target.odd_names if isinstance(target, FolderTarget) else 0)


def find_differences(
    manifest: FilesManifest, vault: VaultClient, target: FolderTarget, *, selection: Selection = ALL
) -> Iterator[str]:
    """Yield one sentence per difference of a restored folder: missing, changed or extra files."""
    present = 0
    for entry in selection.list_entries(manifest, vault):
        path = target.find(entry)
        name = f"{entry.bucket}/{entry.key}"
        if path is None:
            yield f"{name} is missing"
            continue
        present += 1
        if path.stat().st_size != entry.bytes:
            yield f"{name} has {path.stat().st_size:,} bytes; its backup has {entry.bytes:,}"
            continue
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
                yield f"{name} has another content than its backup"
    if extra := sum(1 for _ in target.list_files()) - present:
        yield f"{extra:,} files are there that the backup does not have"


def _require_disk_space(path: Path, manifest: FilesManifest, selection: Selection) -> None:
    """Raise Failure before anything is written, if the files are larger than the free space."""
    size = sum(bucket.size for bucket in manifest.buckets if selection.bucket in {None, bucket.name})
    free = shutil.disk_usage(path).free
    if not selection.prefix and size > free:
        raise Failure(
            f"The files have {size >> 20:,} MiB, and the disk of {path} has {free >> 20:,} MiB free.",
            "name a folder on another disk, or a bucket.",
        )

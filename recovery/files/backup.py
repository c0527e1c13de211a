"""One file backup: copy new and changed files, then write the manifest that names each file's version."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from core import vault_layout
from core.failure import Failure
from core.log import RunEvents
from recovery.attestation import IssueToken, Trust, put_attested
from recovery.context import RecoveryContext
from recovery.files import copy
from recovery.files.changes import Changes
from recovery.files.columns import ListedCopies, OutOfOrderError, sort_blocks
from recovery.files.comparison import ComparedFiles, compare
from recovery.files.copy import copy_object
from recovery.files.listings import Listings
from recovery.files.manifest import (
    MAX_LEFT_OUT,
    BucketSummary,
    FileEntry,
    FilesManifest,
    store_listing,
)
from recovery.files.parallel import bounded_map
from recovery.files.source import FileSource, ListedObjects, SourceFailure, SourceObject, is_md5
from recovery.files.uploads import verify_uploads
from recovery.manifest import LeftOut
from recovery.postgres.compression import compress
from recovery.postgres.disk_space import private_folder
from recovery.store import StoreName
from recovery.vault.clock import require_right_clock
from recovery.vault.lease import PERIOD, Lease, hold_lease
from recovery.vault.vault import Lock, VaultClient

OnFileProgress = Callable[[Literal["listed", "to copy", "copied"], int], None]
"""Gets the number of objects that were listed so far, of bytes to copy, or of bytes copied so far."""

_log = RunEvents()

_BATCH_OBJECTS: Final = 5_000
_BATCH_BYTES: Final = 16 << 30
"""Size of a batch, which is what an interrupted run copies again at most; each costs a start of rclone."""

_OBJECT_WORKERS: Final = 4
"""Objects that are copied in parallel without rclone; each has parts in memory."""

_SMALL_BUCKET_OBJECTS: Final = 10
"""A bucket with fewer objects may lose any number of them without `accept_gone`."""


class BackupRun:
    """One run of a file backup, which holds the lease of its store."""

    def __init__(
        self,
        store: StoreName,
        source: FileSource,
        vault: VaultClient,
        *,
        folder: Path,
        cache: Path,
        lease: Lease,
        on_progress: OnFileProgress,
        lock: Lock | None,
        accept_unreadable: bool,
        trust: Trust,
        issue_token: IssueToken | None,
    ) -> None:
        self.started = datetime.now(UTC)
        self.id = vault_layout.new_id(self.started)
        self.copied = 0
        self._store, self._source, self._vault = store, source, vault
        self._folder, self._cache = folder, cache
        self._lease, self._on_progress = lease, on_progress
        self._lock, self._accept_unreadable = lock, accept_unreadable
        self._trust, self._issue_token = trust, issue_token
        self._bytes = 0
        self._batches = 0
        self._unreadable = Counter[str]()
        """Number of objects by bucket."""

        self.changes, self._found = Changes(folder), ComparedFiles()
        # All is listed at the same time, from now on.
        self._listings = Listings(source, vault, store, trust, folder)

    def compare(self, *, accept_gone: bool) -> None:
        """
        Compare the source with the last backup and the copies in the vault.

        Raises:
            Failure: a bucket has lost more than half of its objects, and that is not accepted.
        """
        try:
            self._found = self._compare(sort=False)
        except OutOfOrderError:
            self._listings.close()
            self.changes.clear()
            self._listings = self._listings.restart()
            self._found = self._compare(sort=True)
        for bucket in self._source.buckets:
            known, missing = self._found.known[bucket], self._found.missing[bucket]
            if known >= _SMALL_BUCKET_OBJECTS and 2 * missing > known and not accept_gone:
                raise Failure(
                    f"The bucket {bucket} lists {missing:,} of the {known:,} objects of its last backup no "
                    "more. Nothing was changed in the vault.",
                    f"if they are lost, restore them: ./bulwark restore --store {self._store}. If it is "
                    "meant to be so, run this again with --accept-gone.",
                )

    def _compare(self, *, sort: bool) -> ComparedFiles:
        """Compare; with `sort` sort first what the source and the vault list."""
        listings, objects = self._listings, self._report(self._listings.objects())
        return compare(
            sort_blocks(ListedObjects, objects, self._folder) if sort else objects,
            sort_blocks(ListedCopies, listings.copies(), self._folder) if sort else listings.copies(),
            listings.entries(),
            self.changes,
            store=self._store,
            long_copies=listings.long_copies(),
            lock=self._lock.period if self._lock else None,
            is_complete=self._source.inventory is None,
        )

    def _report(self, objects: Iterator[ListedObjects]) -> Iterator[ListedObjects]:
        """Yield the listed objects, and report their number after each page."""
        number = 0
        for block in objects:
            number += len(block.keys)
            self._on_progress("listed", number)
            yield block
        self._on_progress("listed", number)

    @property
    def as_of(self) -> datetime | None:
        """When the source's inventory was begun, of which no later file is sure to be in the backup."""
        return self._listings.as_of

    def close(self) -> None:
        """End the listings that are not read to their end, and forget the changes."""
        self._listings.close()
        self.changes.close()

    def copy_changes(self) -> None:
        """Copy new and changed objects in batches; a journal in the vault records each batch."""
        total = self.changes.total_to_copy()
        self._on_progress("to copy", total.bytes)
        if not total.objects:
            return
        for bucket in self._source.buckets:
            after = ""
            while batch := self.changes.next_to_copy(bucket, after, _BATCH_OBJECTS, _BATCH_BYTES):
                self._lease.require_held()
                after = batch[-1].key
                entries: list[FileEntry] = []
                try:
                    for entry in self._copy_batch(bucket, batch):
                        entries.append(entry)  # noqa: PERF402 - the entries before a failure are recorded
                finally:
                    self._record(entries)
                self._bytes += sum(source_object.bytes for source_object in batch)
                self._on_progress("copied", self._bytes)
        if remaining := self.changes.total_to_copy().objects:
            raise Failure(
                f"{remaining:,} objects were not copied.", "run this again; what is copied is kept."
            )

    def tag_deleted_at_source(self) -> int:
        """Tag the copies of deleted files, which the lifecycle then expires; return their number."""

        def tag(copied: tuple[str, str]) -> None:
            self._vault.tag(*copied, *vault_layout.DELETED_AT_SOURCE_TAG)

        return sum(1 for _ in bounded_map(tag, self.changes.list_gone()))

    def _record(self, entries: list[FileEntry]) -> None:
        """Record copied objects as changes and, for the next run, in a journal in the vault."""
        if entries:
            lines = self.changes.record(entries)
            self._batches += 1
            put_attested(
                self._vault,
                vault_layout.file_journal(self._store, self.id, self._batches),
                b"".join(compress((b"".join(lines),))),
                self._issue_token,
            )
            self.copied += len(entries)

    def _copy_batch(self, bucket: str, batch: list[SourceObject]) -> Iterator[FileEntry]:
        """Copy a batch with rclone; one by one what rclone can't copy, or what differs from the listing."""
        with_rclone = {item.key: item for item in batch if copy.is_rclone_key(self._store, bucket, item.key)}
        others = [item for item in batch if item.key not in with_rclone]
        copied_bytes = self._bytes
        if with_rclone:
            keys = {vault_layout.file_copy(self._store, bucket, key): key for key in with_rclone}
            with (
                tempfile.TemporaryDirectory(dir=self._folder) as folder,
                copy.copy_batch(
                    self._source,
                    self._vault,
                    self._store,
                    bucket,
                    with_rclone,
                    folder=Path(folder),
                    cache=self._cache,
                    on_progress=lambda count: self._on_progress("copied", self._bytes + count),
                ) as reading,
            ):
                uploads = list(verify_uploads(self._vault, self._found.copies, sorted(keys)))
                hashes = reading.result()
            for upload in uploads:
                source_object, hashed = with_rclone[keys[upload.key]], hashes.get(keys[upload.key])
                if hashed is None:
                    continue
                is_same = not is_md5(source_object.etag) or source_object.etag == hashed.md5
                if is_same and upload.bytes == source_object.bytes:
                    del with_rclone[source_object.key]
                    copied_bytes += source_object.bytes
                    yield FileEntry(
                        bucket=bucket,
                        key=source_object.key,
                        version=upload.version,
                        bytes=upload.bytes,
                        sha256=hashed.sha256,
                        etag=source_object.etag,
                        listed=source_object.bytes,
                        modified=source_object.modified,
                        locked_until=upload.modified + self._lock.period if self._lock else None,
                    )
        yield from self._copy_one_by_one([*others, *with_rclone.values()], copied_bytes)

    def _copy_one_by_one(self, objects: list[SourceObject], copied_bytes: int) -> Iterator[FileEntry]:
        """Copy objects without rclone; `copied_bytes` were copied before."""
        if not objects:
            return
        client = self._source.create_client()

        def copy_one(source_object: SourceObject) -> FileEntry | SourceFailure | None:
            try:
                return copy_object(client, self._source, source_object, self._vault, self._store)
            except SourceFailure as failure:
                self._source.require_answers(source_object.bucket)
                return failure

        entries = bounded_map(copy_one, objects, _OBJECT_WORKERS)
        for source_object, entry in zip(objects, entries, strict=True):
            copied_bytes += source_object.bytes
            self._on_progress("copied", copied_bytes)
            if entry is None:
                copy_key = vault_layout.file_copy(self._store, source_object.bucket, source_object.key)
                self.changes.remove(source_object, copy_key)
                continue
            if isinstance(entry, SourceFailure):
                self._leave_out(source_object, entry)
                continue
            yield entry

    def _leave_out(self, source_object: SourceObject, failure: SourceFailure) -> None:
        """
        Record an object that can't be read.

        Raises:
            Failure: more than half of its bucket can't be read, and that is not accepted.
        """
        bucket = source_object.bucket
        self._unreadable[bucket] += self.changes.leave_out(source_object, failure.reason)
        unreadable, listed = self._unreadable[bucket], self._found.listed[bucket]
        if unreadable >= _SMALL_BUCKET_OBJECTS and 2 * unreadable > listed and not self._accept_unreadable:
            raise Failure(
                f"{unreadable:,} of the {listed:,} objects of the bucket {bucket} can't be read: "
                f"{failure.reason}. No backup was made.",
                "let the access key read them, then run this again; what is copied is kept. If the rest is "
                "to be backed up without them, add --accept-unreadable.",
            )


def back_up_files(
    context: RecoveryContext,
    *,
    accept_gone: bool = False,
    accept_unreadable: bool = False,
    on_progress: OnFileProgress = lambda *_: None,
    period: timedelta = PERIOD,
) -> FilesManifest:
    """
    Back up a store's files into the primary vault; store and return the manifest.

    Args:
        context: Of the store.
        accept_gone: Continue although a bucket has lost more than half of its objects.
        accept_unreadable: Continue although more than half of a bucket's objects can't be read. Fewer never
            end the run; the manifest names them.
        on_progress: Called with the number of listed objects, and of bytes to copy and copied.
        period: How long the lease lasts after a run was killed.

    Raises:
        Failure: there is no new backup, and no manifest. The next run does not repeat its copies.
    """
    source, vault, store = context.files, context.primary, context.require_store()
    if source is None:
        raise Failure(f"Nothing says where the files of {store} are.", "deploy it again: ./bulwark up.")
    require_right_clock(vault)
    lock = vault.read_lock()
    with (
        hold_lease(vault, vault_layout.file_lease(store), f"backup of {store}", period=period) as lease,
        private_folder() as folder,
        private_folder(copy.cache_parent()) as cache,
        closing(
            BackupRun(
                store,
                source,
                vault,
                folder=folder,
                cache=cache,
                lease=lease,
                on_progress=on_progress,
                lock=lock,
                accept_unreadable=accept_unreadable,
                trust=context.trust,
                issue_token=context.issue_token,
            )
        ) as run,
    ):
        run.compare(accept_gone=accept_gone)
        run.copy_changes()
        changes, snapshot_at = run.changes, datetime.now(UTC)
        gone = run.tag_deleted_at_source()
        listing = store_listing(vault, vault_layout.file_listing(store, run.id), changes.lines())
        totals = {bucket: changes.bucket_total(bucket) for bucket in source.buckets}
        manifest = FilesManifest(
            id=run.id,
            store=store,
            stack=context.stack,
            started=run.started,
            snapshot_at=run.as_of or snapshot_at,
            finished=datetime.now(UTC),
            tools={"bulwark": metadata.version("bulwark")}
            | ({"rclone": copy.rclone_version()} if run.copied else {}),
            buckets=tuple(
                BucketSummary(name=name, files=total.objects, size=total.bytes)
                for name, total in totals.items()
            ),
            copied=run.copied,
            gone=gone,
            altered=changes.count_altered(),
            unreadable=changes.count_unreadable(),
            left_out=tuple(
                LeftOut(kind="file", name=f"{bucket}/{key}", why=reason)
                for bucket, key, reason in changes.list_unreadable(MAX_LEFT_OUT)
            ),
            copies_locked_until=changes.earliest_lock_end(),
            listing=listing.stored,
            listing_sha256=listing.sha256,
        )
        lease.require_held()
        put_attested(vault, manifest.key, manifest.model_dump_json(indent=2).encode(), context.issue_token)
    return manifest

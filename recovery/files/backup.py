"""One backup of the files: copy what is new or changed, then write down which version of what it is."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final, Literal

from core import vault_layout
from core.failure import Failure
from recovery import catalogue
from recovery.context import RecoveryContext
from recovery.files import copy
from recovery.files.copy import bounded_map, copy_object
from recovery.files.index import Index, verify_uploads
from recovery.files.manifest import BucketSummary, FileEntry, FilesManifest, items, lines, parsed, store
from recovery.files.source import Listed, Source
from recovery.vault.lease import PERIOD, Lease, leased
from recovery.vault.vault import Lock, VaultClient

OnFileProgress = Callable[[Literal["listed", "to copy", "copied"], int], None]
"""Told of objects that the source has listed, and of bytes: all that are to be copied, and those that are."""

_BATCH_OBJECTS: Final = 5_000
_BATCH_BYTES: Final = 16 << 30
"""What a run that is cut short copies again at most; each batch costs rclone's start and a document."""

_AT_ONCE: Final = 4
"""Objects that are copied one by one; each holds parts of itself in memory."""

_FEW: Final = 10
"""A bucket with fewer objects may lose any number of them without a question."""

_MD5_LENGTH: Final = 32
"""Of an ETag that is the MD5 of the content; that of a multipart upload is longer."""


class BackupRun:
    """One run, which holds the lease of the files."""

    def __init__(
        self,
        source: Source,
        vault: VaultClient,
        ledger: Index,
        *,
        folder: Path,
        lease: Lease,
        progress: OnFileProgress,
        lock: Lock | None,
    ) -> None:
        self.started = datetime.now(UTC)
        self.id = vault_layout.new_id(self.started)
        self.copied = 0
        self._source, self._vault, self._ledger, self._folder = source, vault, ledger, folder
        self._lease, self._progress = lease, progress
        self._lock = lock
        self._bytes = 0
        self._batches = 0

    def recall(self) -> None:
        """Take down what the last backup has, and what runs after it had copied when they were cut short."""
        last = catalogue.newest(self._vault, FilesManifest)
        if last:
            self._ledger.know(items(last, self._vault))
        for entry in self._vault.listed(vault_layout.FILE_MANIFESTS):
            run, journal = vault_layout.file_backup_of(entry.key)
            if not journal or (last and run <= last.id):
                continue
            chunks = self._vault.read(entry.key, entry.version)
            self._ledger.know(parsed(line, entry.key) for line in lines(chunks))

    def look(self, *, accept_gone: bool) -> None:
        """
        List the source, then the vault.

        Raises:
            Failure: for a bucket that has lost more than half of its objects, unless that is accepted.
        """
        count = 0

        def counted(bucket: str) -> Iterator[Listed]:
            nonlocal count
            for listed in self._source.listed(bucket):
                count += 1
                if count % 1000 == 0:
                    self._progress("listed", count)
                yield listed

        for bucket in self._source.buckets:
            self._ledger.list_source(counted(bucket))
            known, missing = self._ledger.known(bucket), self._ledger.missing(bucket)
            if known >= _FEW and 2 * missing > known and not accept_gone:
                raise Failure(
                    f"The bucket {bucket} lists {missing:,} of the {known:,} objects of its last backup no "
                    "more. Nothing was changed in the vault.",
                    "if they are lost, restore them: ./bulwark restore --store files. If it is meant to be "
                    "so, run this again with --accept-gone.",
                )
        self._progress("listed", count)
        for prefix in (vault_layout.FILE_COPIES, vault_layout.LONG_FILE_COPIES):
            for bucket in self._source.buckets:
                entries = self._vault.listed(f"{prefix}{bucket}/")
                self._ledger.hold((entry.key, entry.version) for entry in entries if entry.latest)

    def copy(self) -> None:
        """Copy what is new or changed, batch by batch; each one is written down once it is in."""
        self._progress("to copy", self._ledger.stale().bytes)
        for bucket in self._source.buckets:
            after = ""
            while batch := self._ledger.next_stale(bucket, after, _BATCH_OBJECTS, _BATCH_BYTES):
                self._lease.hold()
                after = batch[-1].key
                done: list[FileEntry] = []
                try:
                    for item in self._copied(bucket, batch):
                        done.append(item)  # noqa: PERF402 - what came before a failure is kept
                finally:
                    self._write_down(done)
                self._bytes += sum(one.bytes for one in batch)
                self._progress("copied", self._bytes)
        if left := self._ledger.stale().objects:
            raise Failure(
                f"{left:,} copies in the vault are other ones than this run has made.",
                "find out who else writes there, then run this again.",
            )

    def give_up_gone(self) -> int:
        """Tag the copies whose originals are gone, for the lifecycle to expire; return how many there are."""

        def tagged(one: tuple[str, str]) -> None:
            self._vault.tag(*one, *vault_layout.DELETED_AT_SOURCE_TAG)

        return sum(1 for _ in bounded_map(tagged, self._ledger.gone()))

    def _write_down(self, done: list[FileEntry]) -> None:
        """Keep what was copied, for this run and, if this one is cut short, for the next."""
        if done:
            self._ledger.know(done)
            self._ledger.hold((item.place, item.version) for item in done)
            self._batches += 1
            store(self._vault, vault_layout.file_journal(self.id, self._batches), done)
            self.copied += len(done)

    def _copied(self, bucket: str, batch: list[Listed]) -> Iterator[FileEntry]:
        """Copy a batch by rclone; what it can't address, or what did not arrive as listed, one by one."""
        plain = {one.key: one for one in batch if copy.is_plain(bucket, one.key)}
        left = [one for one in batch if one.key not in plain]
        there = self._bytes
        if plain:
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                hashes = copy.copy(
                    self._source,
                    self._vault,
                    bucket,
                    plain,
                    folder=Path(folder),
                    progress=lambda count: self._progress("copied", self._bytes + count),
                )
            found = {vault_layout.file_copy(bucket, key): key for key in hashes.keys() & plain.keys()}
            for entry in verify_uploads(self._vault, self._ledger, sorted(found)):
                listed, hashed = plain[found[entry.key]], hashes[found[entry.key]]
                same = len(listed.etag) != _MD5_LENGTH or listed.etag == hashed.md5
                if same and entry.bytes == listed.bytes:
                    del plain[listed.key]
                    there += listed.bytes
                    yield FileEntry(
                        bucket=bucket,
                        key=listed.key,
                        version=entry.version,
                        bytes=entry.bytes,
                        sha256=hashed.sha256,
                        etag=listed.etag,
                        listed=listed.bytes,
                        modified=listed.modified,
                        locked_until=entry.modified + self._lock.period if self._lock else None,
                    )
        yield from self._one_by_one([*left, *plain.values()], there)

    def _one_by_one(self, left: list[Listed], there: int) -> Iterator[FileEntry]:
        """Copy some objects after `there` bytes have been copied."""
        client = self._source.client()

        def copied(listed: Listed) -> FileEntry | None:
            return copy_object(client, self._source, listed, self._vault)

        for listed, item in zip(left, bounded_map(copied, left, _AT_ONCE), strict=True):
            there += listed.bytes
            self._progress("copied", there)
            if item is None:
                self._ledger.drop(listed.bucket, listed.key)
                continue
            changed = replace(listed, bytes=item.listed, etag=item.etag, modified=item.modified)
            self._ledger.list_source([changed])
            yield item


def back_up_files(
    site: RecoveryContext,
    *,
    accept_gone: bool = False,
    progress: OnFileProgress = lambda *_: None,
    period: timedelta = PERIOD,
) -> FilesManifest:
    """
    Back up the files into the primary vault and return the manifest, which is in when this returns.

    Args:
        site: The stack.
        accept_gone: Go on where a bucket has lost more than half of its objects.
        progress: Told of objects that were listed, and of bytes that were copied.
        period: For how long a run that was killed keeps others out.

    Raises:
        Failure: for whatever keeps it from being whole; then there is no manifest. What was copied is kept,
            and not copied again by the next run.
    """
    source, vault = site.files, site.vaults["primary"]
    if source is None:
        raise Failure("The stack names no file store.", "deploy it again: ./bulwark up.")
    lock = vault.lock()
    with (
        leased(vault, vault_layout.FILE_LEASE, "backup of the files", period=period) as lease,
        tempfile.TemporaryDirectory(prefix="bulwark-files-") as name,
        closing(Index(Path(name) / "ledger", lock.period if lock else None)) as ledger,
    ):
        run = BackupRun(source, vault, ledger, folder=Path(name), lease=lease, progress=progress, lock=lock)
        run.recall()
        run.look(accept_gone=accept_gone)
        run.copy()
        copied = datetime.now(UTC)
        gone = run.give_up_gone()
        listing = store(vault, vault_layout.file_listing(run.id), ledger.items())
        totals = {bucket: ledger.total(bucket) for bucket in source.buckets}
        manifest = FilesManifest(
            id=run.id,
            store="files",
            stack=site.stack,
            started=run.started,
            snapshot_at=copied,
            finished=datetime.now(UTC),
            tools={"bulwark": metadata.version("bulwark"), "rclone": copy.version()},
            buckets=tuple(
                BucketSummary(name=name, files=total.objects, size=total.bytes)
                for name, total in totals.items()
            ),
            copied=run.copied,
            gone=gone,
            altered=ledger.altered(),
            copies_locked_until=ledger.locked_until(),
            listing=listing.stored,
            listing_sha256=listing.sha256,
        )
        lease.hold()
        vault.put(manifest.key, manifest.model_dump_json(indent=2).encode())
    return manifest

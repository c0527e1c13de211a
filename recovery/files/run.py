"""The steps of one run: what is known, what is there, what is to be copied, locked for longer, given up."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from recovery import catalogue, keys
from recovery.files import places, rclone
from recovery.files.arrived import arrived
from recovery.files.item import Item, lines, parsed
from recovery.files.ledger import Ledger
from recovery.files.manifest import FilesManifest, items, store
from recovery.files.single import copy_one
from recovery.files.source import Listed, Source
from recovery.files.spread import spread
from recovery.vault.lease import Lease
from recovery.vault.vault import Lock, Vault
from toolchain.failure import Failure

Progress = Callable[[Literal["listed", "to copy", "copied"], int], None]
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


class Run:
    """One run, which holds the lease of the files."""

    def __init__(
        self,
        source: Source,
        vault: Vault,
        ledger: Ledger,
        *,
        folder: Path,
        lease: Lease,
        progress: Progress,
        lock: Lock | None,
    ) -> None:
        self.started = datetime.now(UTC)
        self.id = keys.new_id(self.started)
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
        for entry in self._vault.listed(places.MANIFESTS):
            run, journal = places.run_of(entry.key)
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
        for prefix in (places.COPIES, places.LONG):
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
                done: list[Item] = []
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
            self._vault.tag(*one, *places.GONE)

        return sum(1 for _ in spread(tagged, self._ledger.gone()))

    def _write_down(self, done: list[Item]) -> None:
        """Keep what was copied, for this run and, if this one is cut short, for the next."""
        if done:
            self._ledger.know(done)
            self._ledger.hold((item.place, item.version) for item in done)
            self._batches += 1
            store(self._vault, places.journal(self.id, self._batches), done)
            self.copied += len(done)

    def _copied(self, bucket: str, batch: list[Listed]) -> Iterator[Item]:
        """Copy a batch by rclone; what it can't address, or what did not arrive as listed, one by one."""
        plain = {one.key: one for one in batch if places.is_plain(bucket, one.key)}
        left = [one for one in batch if one.key not in plain]
        there = self._bytes
        if plain:
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                hashes = rclone.copy(
                    self._source,
                    self._vault,
                    bucket,
                    plain,
                    folder=Path(folder),
                    progress=lambda count: self._progress("copied", self._bytes + count),
                )
            found = {places.place(bucket, key): key for key in hashes.keys() & plain.keys()}
            for entry in arrived(self._vault, self._ledger, sorted(found)):
                listed, hashed = plain[found[entry.key]], hashes[found[entry.key]]
                same = len(listed.etag) != _MD5_LENGTH or listed.etag == hashed.md5
                if same and entry.bytes == listed.bytes:
                    del plain[listed.key]
                    there += listed.bytes
                    yield Item(
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

    def _one_by_one(self, left: list[Listed], there: int) -> Iterator[Item]:
        """Copy some objects after `there` bytes have been copied."""
        client = self._source.client()

        def copied(listed: Listed) -> Item | None:
            return copy_one(client, self._source, listed, self._vault)

        for listed, item in zip(left, spread(copied, left, _AT_ONCE), strict=True):
            there += listed.bytes
            self._progress("copied", there)
            if item is None:
                self._ledger.drop(listed.bucket, listed.key)
                continue
            changed = replace(listed, bytes=item.listed, etag=item.etag, modified=item.modified)
            self._ledger.list_source([changed])
            yield item

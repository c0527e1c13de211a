"""
Copies the files of a backup into a vault elsewhere: those that are not there yet, each encrypted by itself.

What is there is known by the lists of copied files (copied_files.py): that of the newest copy, and those that
interrupted runs have left of this one. The lock of what is still current is renewed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from core import vault_layout
from core.failure import Failure
from core.log import RunEvents
from recovery.age import encrypt
from recovery.attestation import IssueToken, Trust
from recovery.catalogue import Backup
from recovery.elsewhere.copied_files import CopiedFiles, pair_files, read_unfinished, store_part
from recovery.elsewhere.copies import BackupCopy, CopyRules
from recovery.elsewhere.framed_file import frame
from recovery.elsewhere.lock import renew_lock, store_locked
from recovery.files.manifest import FileEntry, FilesManifest, read_listing
from recovery.files.parallel import WORKERS, bounded_map
from recovery.manifest import StoredObject
from recovery.store import StoreName
from recovery.vault.vault import VaultClient

_PART_ENTRIES: Final = 5_000
_PART_BYTES: Final = 4 << 30
"""Size of a part: an interrupted run copies as much again at most."""

_SMALL_BYTES: Final = 8 << 20
_LARGE_AT_ONCE: Final = 2
"""Files that are larger are copied so many at a time: each has parts in memory, up to 128 MiB."""

_AGE_OVERHEAD: Final = 1.01
_log = RunEvents()


@dataclass
class FileCopies:
    """What was copied of a backup's files."""

    parts: list[StoredObject] = field(default_factory=list[StoredObject])
    count: int = 0
    bytes: int = 0
    locked_until: datetime | None = None

    def add(self, objects: list[StoredObject]) -> None:
        self.count += len(objects)
        self.bytes += sum(one.bytes for one in objects)
        ends = [one.locked_until for one in objects if one.locked_until]
        self.locked_until = min([*ends, *([self.locked_until] if self.locked_until else [])], default=None)


@dataclass(frozen=True)
class FileCopier:
    """Copies the files of backups from one vault to one elsewhere."""

    source: VaultClient
    target: VaultClient
    rules: CopyRules
    trust: Trust
    trusted: VaultClient
    """The vault whose record of the issuer's keys is believed."""

    issue_token: IssueToken | None

    def copy(
        self,
        backup: Backup[FilesManifest],
        manifest: FilesManifest,
        previous: BackupCopy | None,
        on_progress: Callable[[int], None],
    ) -> FileCopies:
        """
        Copy what is missing of a backup's files, renew the locks of the rest, and return all of them.

        Args:
            backup: The backup.
            manifest: Its manifest.
            previous: The newest copy of a backup of the same files, whose objects are used again.
            on_progress: Called with the number of bytes whose copies are there, in the source's size.

        Raises:
            Failure: a file can't be read or stored. The next run goes on from the last part before it.
        """
        found, done = FileCopies(), 0
        entries = read_listing(manifest, self.source)
        unfinished = read_unfinished(self.target, backup, self.rules, self.trust, self.trusted)
        known = ((entry, next(unfinished, None) or old) for entry, old in self._match(entries, previous))
        while batch := list(_take_part(known)):
            objects = self._copy_batch(manifest.store, batch)
            part = CopiedFiles(
                backup=backup.id,
                manifest_sha256=backup.manifest_sha256,
                recipients=self.rules.recipients,
                first=found.count,
                objects=tuple(objects),
            )
            found.parts.append(store_part(self.target, part, self.issue_token, self.rules))
            found.add(objects)
            done += sum(entry.bytes for entry, _ in batch)
            on_progress(done)
        return found

    def _match(
        self, entries: Iterator[FileEntry], previous: BackupCopy | None
    ) -> Iterator[tuple[FileEntry, StoredObject | None]]:
        """Yield each entry with the copy of the same content under the same name; both are in one order."""
        known = self._read_previous(previous)
        old = next(known, None)
        for entry in entries:
            while old and _order(old[0]) < _order(entry):
                old = next(known, None)
            is_same = old and (old[0].bucket, old[0].key, old[0].sha256, old[0].bytes) == (
                entry.bucket,
                entry.key,
                entry.sha256,
                entry.bytes,
            )
            yield entry, old[1] if old and is_same else None

    def _read_previous(self, previous: BackupCopy | None) -> Iterator[tuple[FileEntry, StoredObject]]:
        """Yield the files of a copy, as far as its backup is still in the source."""
        try:
            if previous:
                yield from pair_files(self.source, self.target, previous)
        except Failure as failure:
            _log.warning("files are copied again", previous=previous and previous.backup, why=str(failure))

    def _copy_batch(
        self, store: StoreName, batch: list[tuple[FileEntry, StoredObject | None]]
    ) -> list[StoredObject]:
        """Return the encrypted object of each file; small files first, many at a time."""
        objects: list[StoredObject | None] = list(
            bounded_map(lambda pair: pair[1] and renew_lock(self.target, pair[1], self.rules), batch, WORKERS)
        )
        missing = [number for number, stored in enumerate(objects) if not stored]
        for small, workers in ((True, WORKERS), (False, _LARGE_AT_ONCE)):
            chosen = [number for number in missing if (batch[number][0].bytes <= _SMALL_BYTES) == small]
            copies = bounded_map(lambda number: self._copy_file(store, batch[number][0]), chosen, workers)
            for number, stored in zip(chosen, copies, strict=True):
                objects[number] = stored
        return [stored for stored in objects if stored]

    def _copy_file(self, store: StoreName, entry: FileEntry) -> StoredObject:
        key = entry.copy_key(store)
        options = self.source.read_options(key, entry.version)
        chunks = self.source.read(key, entry.version, sha256=entry.sha256, expected_bytes=entry.bytes)
        return store_locked(
            self.target,
            vault_layout.new_copied_file(),
            encrypt(frame(entry, options, chunks), self.rules.recipients),
            self.rules,
            expected_bytes=round(entry.bytes * _AGE_OVERHEAD),
        )


def _order(entry: FileEntry) -> tuple[bytes, bytes]:
    return entry.bucket.encode(), entry.key.encode()


def _take_part(
    known: Iterator[tuple[FileEntry, StoredObject | None]],
) -> Iterator[tuple[FileEntry, StoredObject | None]]:
    """Yield the entries of the next part, nothing at the end."""
    size = 0
    for count, (entry, stored) in enumerate(known, 1):
        yield entry, stored
        size += 0 if stored else entry.bytes
        if count >= _PART_ENTRIES or size >= _PART_BYTES:
            return

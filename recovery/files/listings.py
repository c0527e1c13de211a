"""The three listings that a backup of files compares; threads read them ahead, all at the same time."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Final, Self

from core import vault_layout
from core.log import RunEvents
from recovery import catalogue
from recovery.attestation import Trust
from recovery.files.columns import KnownLines, ListedCopies, override, read_known
from recovery.files.journals import read_journals
from recovery.files.manifest import (
    MAX_JOURNAL_LINES,
    FilesManifest,
    read_lines,
    split_lines,
)
from recovery.files.parallel import Stream
from recovery.files.source import FileSource, ListedObjects
from recovery.store import StoreName
from recovery.vault.vault import VaultClient

_log: Final = RunEvents()


class Listings:
    """Objects of the source, copies in the vault, and entries of the last backup, by bucket and key."""

    def __init__(
        self, source: FileSource, vault: VaultClient, store: StoreName, trust: Trust, folder: Path
    ) -> None:
        """Begin to read them; `folder` is for what is sorted on the disk."""
        self._source = source
        self._vault, self._store, self._trust, self._folder = vault, store, trust, folder
        self._buckets = sorted(source.buckets)
        self.as_of: datetime | None = None
        """When the oldest of the inventories was begun that the source is read from; None without one."""

        self._objects = Stream(self._list_objects())
        self._copies = Stream(self._read_copies())
        self._long_copies = Stream(self._read_long_copies())
        self._known = Stream(self._read_known())
        self._streams = (self._objects, self._copies, self._long_copies, self._known)

    def _list_objects(self) -> Iterator[ListedObjects]:
        """Yield what lists the source; raise Failure for an inventory that is not used."""
        source, address = self._source, self._source.inventory
        if address is None:
            yield from chain.from_iterable(map(source.list_objects, self._buckets))
            return
        from recovery.files.inventory import find_inventory, list_inventory  # noqa: PLC0415 - few have one

        inventories = [find_inventory(source, address, bucket) for bucket in self._buckets]
        self.as_of = min(one.created for one in inventories)
        for inventory in inventories:
            yield from list_inventory(source, address, inventory, self._folder)

    def objects(self) -> Iterator[ListedObjects]:
        return self._objects.items()

    def copies(self) -> Iterator[ListedCopies]:
        """Yield copies under their own keys."""
        return self._copies.items()

    def long_copies(self) -> dict[str, str]:
        """Return the versions of the other copies, by their keys; few objects have so long a key."""
        return dict(self._long_copies.items())

    def entries(self) -> Iterator[KnownLines]:
        """Yield the entries of the last backup, and of runs that were interrupted after it."""
        return self._known.items()

    def restart(self) -> Self:
        """Return the same listings, read from their beginning."""
        return type(self)(self._source, self._vault, self._store, self._trust, self._folder)

    def close(self) -> None:
        """End what is not read to its end."""
        for stream in self._streams:
            stream.close()

    def _read_copies(self) -> Iterator[ListedCopies]:
        copies, _ = vault_layout.file_copies(self._store)
        for bucket in self._buckets:
            prefix = f"{copies}{bucket}/"
            length = len(prefix)
            for page in self._vault.list_newest(prefix):
                yield ListedCopies(bucket, [key[length:] for key in page.keys], page.versions)

    def _read_long_copies(self) -> Iterator[tuple[str, str]]:
        """Give up uploads of killed runs, and yield key and version of each copy with a long key."""
        _, long_copies = prefixes = vault_layout.file_copies(self._store)
        for prefix in (*prefixes, vault_layout.file_manifests(self._store)):
            self._vault.give_up_uploads(prefix)
        for bucket in self._buckets:
            for page in self._vault.list_newest(f"{long_copies}{bucket}/"):
                yield from zip(page.keys, page.versions, strict=True)

    def _read_known(self) -> Iterator[KnownLines]:
        last = catalogue.read_newest(self._vault, FilesManifest, self._trust, self._store)
        known = self._read_manifest(last.manifest) if last and last.manifest else iter(())
        newer = self._read_journals(last.stored_at if last else None)
        for block in override(known, newer, self._folder):
            if block.bucket in self._buckets:
                yield block

    def _read_manifest(self, manifest: FilesManifest) -> Iterator[KnownLines]:
        for lines in read_lines(manifest, self._vault):
            yield from read_known(lines, manifest.listing.key)

    def _read_journals(self, after: datetime | None) -> Iterator[KnownLines]:
        """Yield the entries of the runs that were interrupted after a moment, the newest last."""
        for journal in read_journals(self._vault, self._trust, self._store, after=after):
            if journal.fault:
                _log.warning("journal ignored", key=journal.key, why=journal.fault)
                continue
            lines = b"".join(split_lines([journal.body], max_lines=MAX_JOURNAL_LINES))
            yield from read_known(lines, journal.key)

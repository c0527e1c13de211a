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
from recovery.files.comparison import FileCopy, KnownEntry, override, sort_rows
from recovery.files.journals import read_journals
from recovery.files.manifest import (
    MAX_JOURNAL_LINES,
    FilesManifest,
    format_line,
    parse_line,
    read_lines,
    split_lines,
)
from recovery.files.parallel import Stream
from recovery.files.source import FileSource, SourceObject
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
        self._objects = Stream(chain.from_iterable(map(source.list_objects, self._buckets)))
        self._copies = Stream(self._read_copies())
        self._long_copies = Stream(self._read_long_copies())
        self._entries = Stream(self._read_entries())
        self._streams = (self._objects, self._copies, self._long_copies, self._entries)

    def objects(self) -> Iterator[SourceObject]:
        return self._objects.items()

    def copies(self) -> Iterator[FileCopy]:
        """Yield copies under their own keys."""
        return self._copies.items()

    def long_copies(self) -> dict[str, str]:
        """Return the versions of the other copies, by their keys; few objects have so long a key."""
        return dict(self._long_copies.items())

    def entries(self) -> Iterator[KnownEntry]:
        return self._entries.items()

    def restart(self) -> Self:
        """Return the same listings, read from their beginning."""
        return type(self)(self._source, self._vault, self._store, self._trust, self._folder)

    def close(self) -> None:
        """End what is not read to its end."""
        for stream in self._streams:
            stream.close()

    def _read_copies(self) -> Iterator[FileCopy]:
        copies, _ = vault_layout.file_copies(self._store)
        for bucket in self._buckets:
            prefix = f"{copies}{bucket}/"
            for entry in self._vault.list_entries(prefix):
                if entry.is_latest:
                    yield FileCopy(bucket, entry.key.removeprefix(prefix), entry.version)

    def _read_long_copies(self) -> Iterator[tuple[str, str]]:
        """Give up uploads of killed runs, and yield key and version of each copy with a long key."""
        _, long_copies = prefixes = vault_layout.file_copies(self._store)
        for prefix in (*prefixes, vault_layout.file_manifests(self._store)):
            self._vault.give_up_uploads(prefix)
        for bucket in self._buckets:
            for entry in self._vault.list_entries(f"{long_copies}{bucket}/"):
                if entry.is_latest:
                    yield entry.key, entry.version

    def _read_entries(self) -> Iterator[KnownEntry]:
        """Yield the entries of the last backup, and those that later, interrupted runs have copied."""
        last = catalogue.read_newest(self._vault, FilesManifest, self._trust, self._store)
        newer = sort_rows(
            self._read_journals(last.stored_at if last else None),
            self._folder,
            to_columns=lambda row: (*row[:3], None, None),
            from_columns=lambda bucket, key, line, *_: KnownEntry(
                bucket, key, line, parse_line(line, "of a journal")
            ),
        )
        entries = self._read_manifest(last.manifest) if last and last.manifest else iter(())
        first = next(newer, None)
        yield from override(entries, chain((first,), newer)) if first else entries

    def _read_manifest(self, manifest: FilesManifest) -> Iterator[KnownEntry]:
        for line, entry in read_lines(manifest, self._vault):
            if entry.bucket in self._buckets:
                yield KnownEntry(entry.bucket, entry.key, line, entry)

    def _read_journals(self, after: datetime | None) -> Iterator[KnownEntry]:
        """Yield the entries of the runs that were interrupted after a moment."""
        for journal in read_journals(self._vault, self._trust, self._store, after=after):
            if journal.fault:
                _log.warning("journal ignored", key=journal.key, why=journal.fault)
                continue
            for line in split_lines([journal.body], max_lines=MAX_JOURNAL_LINES):
                entry = parse_line(line, journal.key)
                if entry.bucket in self._buckets:
                    yield KnownEntry(entry.bucket, entry.key, format_line(entry), entry)

"""
The index of a backup run: what earlier runs copied, what the source lists, and what the vault holds.

It is a SQLite file, so memory does not grow with the number of objects. SQLite orders text by its UTF-8
bytes, as S3 does, and takes rows in any order. `verify_uploads` uses it to look up what a batch has stored.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from core.vault_layout import file_copy
from recovery.files.manifest import FileEntry
from recovery.files.parallel import bounded_map
from recovery.files.source import SourceObject
from recovery.store import StoreName
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
CREATE TABLE source (bucket TEXT, key TEXT, copy_key TEXT, bytes INT, etag TEXT, modified REAL,
    unreadable TEXT, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE INDEX source_by_copy_key ON source (copy_key);
CREATE TABLE copy (copy_key TEXT PRIMARY KEY, version TEXT) WITHOUT ROWID;
CREATE TABLE entry (bucket TEXT, key TEXT, version TEXT, bytes INT, sha256 TEXT, etag TEXT, listed INT,
    modified REAL, locked_until REAL, altered INT, renew_at REAL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE VIEW backed_up AS
    SELECT e.* FROM entry e JOIN source s USING (bucket, key) WHERE s.unreadable IS NULL;
"""
_TO_COPY: Final = """
FROM source s LEFT JOIN entry e USING (bucket, key) LEFT JOIN copy c USING (copy_key)
WHERE s.unreadable IS NULL AND (e.version IS NULL OR e.etag <> s.etag OR e.listed <> s.bytes
    OR c.version IS NOT e.version OR e.renew_at < CAST(strftime('%s', 'now') AS INT))
"""
"""
Objects to copy: without a copy, changed since the copy, no longer the vault's newest version, or with a lock
that ends soon. A new version gets a new lock.
"""

_PAGE_ENTRIES: Final = 1000
_LOOKUPS_PER_PAGE: Final = 60
"""Number of lookups of one object that take as long as a listing's page of a thousand."""


@dataclass(frozen=True)
class Total:
    """A number of objects, and their total size."""

    objects: int
    bytes: int


class Index:
    """Three tables: entries of earlier runs and this one, objects of the source, copies in the vault."""

    def __init__(self, file: Path, store: StoreName, lock: timedelta | None) -> None:
        """Create the index of a store in a new file; `lock` is how long the vault locks a new version."""
        self._store = store
        self._lock = lock.total_seconds() if lock else 0.0
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.executescript(_SCHEMA)
        # One transaction, which never ends: no other run reads this file, so nothing has to reach the disk.
        self._database.execute("BEGIN")

    def close(self) -> None:
        self._database.close()

    def record_entries(self, entries: Iterable[FileEntry]) -> None:
        """Insert entries, or replace those of the same objects."""
        self._insert_many(
            "INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    entry.bucket,
                    entry.key,
                    entry.version,
                    entry.bytes,
                    entry.sha256,
                    entry.etag,
                    entry.listed,
                    entry.modified.timestamp(),
                    entry.locked_until.timestamp() if entry.locked_until else None,
                    entry.altered,
                    self._renewal_time(entry),
                )
                for entry in entries
            ),
        )

    def record_source(self, objects: Iterable[SourceObject]) -> None:
        """Insert objects that the source lists, or replace them."""
        self._insert_many(
            "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, NULL)",
            (
                (
                    source_object.bucket,
                    source_object.key,
                    file_copy(self._store, source_object.bucket, source_object.key),
                    source_object.bytes,
                    source_object.etag,
                    source_object.modified.timestamp(),
                )
                for source_object in objects
            ),
        )

    def record_copies(self, copies: Iterable[tuple[str, str]]) -> None:
        """Insert copies in the vault, or replace them: each as key and newest version."""
        self._insert_many("INSERT OR REPLACE INTO copy VALUES (?, ?)", copies)

    def remove_source(self, bucket: str, key: str) -> None:
        """Remove an object that the source no longer has."""
        self._database.execute("DELETE FROM source WHERE bucket = ? AND key = ?", (bucket, key))

    def leave_out(self, source_object: SourceObject, reason: str) -> bool:
        """
        Record that an object can't be read; return False if it has a copy, whose lock alone is to be renewed.

        The object stays in the source: what the vault has of it is not the copy of a deleted file.
        """
        which = (source_object.bucket, source_object.key)
        self._database.execute("UPDATE entry SET renew_at = NULL WHERE bucket = ? AND key = ?", which)
        if not self._fetch_one(f"SELECT count(*) {_TO_COPY} AND bucket = ? AND key = ?", *which)[0]:
            return False
        self._database.execute(
            "UPDATE source SET unreadable = ? WHERE bucket = ? AND key = ?", (reason, *which)
        )
        return True

    def count_unreadable(self) -> int:
        """Return how many objects can't be read."""
        return self._fetch_one("SELECT count(unreadable) FROM source")[0]

    def list_unreadable(self, limit: int) -> Iterator[tuple[str, str, str]]:
        """Yield bucket, key and reason of the first objects that can't be read."""
        yield from self._database.execute(
            "SELECT bucket, key, unreadable FROM source WHERE unreadable IS NOT NULL "
            "ORDER BY bucket, key LIMIT ?",
            (limit,),
        )

    def total_to_copy(self) -> Total:
        return Total(*self._fetch_one(f"SELECT count(*), coalesce(sum(s.bytes), 0) {_TO_COPY}"))

    def next_to_copy(self, bucket: str, after: str, limit: int, max_bytes: int) -> list[SourceObject]:
        """Return the next objects to copy after a key: at most `limit`, until they reach `max_bytes`."""
        batch: list[SourceObject] = []
        total = 0
        rows = self._database.execute(
            f"SELECT bucket, key, s.bytes, s.etag, s.modified {_TO_COPY} AND bucket = ? AND key > ? "
            "ORDER BY key LIMIT ?",
            (bucket, after, limit),
        )
        for row in rows:
            batch.append(SourceObject(*row[:4], modified=_to_datetime(row[4])))
            total += batch[-1].bytes
            if total >= max_bytes:
                break
        return batch

    def count_copies(self, first: str, last: str) -> int:
        """Return the number of copies that were recorded between two keys of the vault."""
        return self._fetch_one("SELECT count(*) FROM copy WHERE copy_key BETWEEN ? AND ?", first, last)[0]

    def last_copy_before(self, first: str) -> str:
        """Return the last recorded key of a copy before another key; empty if there is none."""
        return self._fetch_one("SELECT max(copy_key) FROM copy WHERE copy_key < ?", first)[0] or ""

    def list_deleted_at_source(self) -> Iterator[tuple[str, str]]:
        """Yield key and version of each copy whose original is not in the source."""
        yield from self._database.execute(
            "SELECT c.copy_key, c.version FROM copy c LEFT JOIN source s USING (copy_key) WHERE s.key IS NULL"
        )

    def count_missing(self, bucket: str) -> int:
        """Return the number of objects with an entry that the source does not list."""
        return self._fetch_one(
            "SELECT count(*) FROM entry e LEFT JOIN source s USING (bucket, key) "
            "WHERE e.bucket = ? AND s.key IS NULL",
            bucket,
        )[0]

    def count_entries(self, bucket: str) -> int:
        return self._fetch_one("SELECT count(*) FROM entry WHERE bucket = ?", bucket)[0]

    def bucket_total(self, bucket: str) -> Total:
        """Return number and size of a bucket's objects in the backup: entries that the source lists."""
        return Total(
            *self._fetch_one(
                "SELECT count(*), coalesce(sum(bytes), 0) FROM backed_up WHERE bucket = ?", bucket
            )
        )

    def count_altered(self) -> int:
        return self._fetch_one("SELECT count(*) FROM backed_up WHERE altered")[0]

    def earliest_lock_end(self) -> datetime | None:
        """Return when the first lock of the backup's copies ends; None if a copy has no lock."""
        count, locked, until = self._fetch_one(
            "SELECT count(*), count(locked_until), min(locked_until) FROM backed_up"
        )
        return _to_datetime(until) if count and count == locked else None

    def list_entries(self) -> Iterator[FileEntry]:
        """Yield the entries of the backup, by bucket and key."""
        rows = self._database.execute("SELECT * FROM backed_up ORDER BY bucket, key")
        for *first, modified, locked_until, altered, _ in rows:
            yield FileEntry(
                *first,
                modified=_to_datetime(modified),
                locked_until=_to_datetime(locked_until) if locked_until else None,
                altered=bool(altered),
            )

    def _renewal_time(self, entry: FileEntry) -> float | None:
        """Return when to copy an object again, in Unix time: with a third to two thirds of the lock left."""
        if not entry.locked_until:
            return None
        # A share by key, so that not all copies are renewed on one day.
        share = (1 + crc32(entry.copy_key(self._store).encode()) / (1 << 32)) / 3
        return entry.locked_until.timestamp() - share * self._lock

    def _fetch_one(self, query: str, *values: Any) -> Any:
        return self._database.execute(query, values).fetchone()

    def _insert_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._database.executemany(statement, rows)


def _to_datetime(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def verify_uploads(vault: VaultClient, index: Index, keys: list[str]) -> Iterator[VersionEntry]:
    """
    Yield the newest version in the vault of each of the sorted `keys`; nothing for a missing key.

    It lists the range of the keys, or looks up each key, whichever takes fewer requests.
    """
    if not keys:
        return
    pages = (index.count_copies(keys[0], keys[-1]) + len(keys)) / _PAGE_ENTRIES
    if len(keys) > _LOOKUPS_PER_PAGE * pages:
        yield from _list_range(vault, index, keys)
        return
    for entry in bounded_map(lambda key: _find_newest(vault, key), keys):
        if entry:
            yield entry


def _list_range(vault: VaultClient, index: Index, keys: list[str]) -> Iterator[VersionEntry]:
    requested = set(keys)
    for entry in vault.list_entries(_common_prefix(keys[0], keys[-1]), after=index.last_copy_before(keys[0])):
        if entry.key in requested and entry.is_latest:
            yield entry
        if entry.key >= keys[-1]:
            return


def _common_prefix(first: str, last: str) -> str:
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def _find_newest(vault: VaultClient, key: str) -> VersionEntry | None:
    """Look up one key by a listing: the role that writes files may not read them, so its HEAD is refused."""
    entry = next(vault.list_entries(key), None)
    return entry if entry and entry.key == key and entry.is_latest else None

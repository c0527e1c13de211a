"""
Comparing what the source lists with the entries of the last backup and the copies in the vault.

All three come in the order of their keys, as S3 lists them, and are read side by side, page by page. Rows of
a service with another order are sorted on the disk first.
"""

import heapq
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, TypeVar
from zlib import crc32

from core.vault_layout import file_copy
from recovery.files.changes import Changes, open_database
from recovery.files.manifest import FileEntry
from recovery.files.source import SourceObject
from recovery.store import StoreName

_SAMPLE: Final = 100
"""Of so many copies one is remembered."""

_SORT_TABLE: Final = (
    "CREATE TABLE row (bucket TEXT, key TEXT, one, two, three, PRIMARY KEY (bucket, key)) WITHOUT ROWID"
)

_Row = TypeVar("_Row", bound=tuple[Any, ...])


class FileCopy(NamedTuple):
    """The newest version of an object's copy in the vault."""

    bucket: str
    key: str
    version: str


class KnownEntry(NamedTuple):
    """An entry of the last backup, or of a run that was interrupted after it, and its line."""

    bucket: str
    key: str
    line: bytes
    entry: FileEntry


class OutOfOrderError(Exception):
    """Rows do not come in the order of bucket and key."""


@dataclass
class CopySample:
    """Some of the keys in the vault, from which the number of the others between two keys is estimated."""

    _keys: list[str] = field(default_factory=list)
    _count: int = 0

    def add(self, store: StoreName, copied: FileCopy) -> None:
        if self._count % _SAMPLE == 0:
            self._keys.append(file_copy(store, copied.bucket, copied.key))
        self._count += 1

    def count_between(self, first: str, last: str) -> int:
        """Return about how many copies there are between two keys."""
        self._keys.sort()
        return _SAMPLE * (bisect_right(self._keys, last) - bisect_left(self._keys, first))

    def last_before(self, first: str) -> str:
        """Return a key of a copy shortly before another key; empty if there is none."""
        self._keys.sort()
        place = bisect_left(self._keys, first)
        return self._keys[place - 1] if place else ""


@dataclass
class ComparedFiles:
    """Numbers of a comparison, by bucket, and a sample of the vault's keys."""

    listed: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    """Objects with an entry that the source does not list."""

    copies: CopySample = field(default_factory=CopySample)


def compare(
    objects: Iterable[SourceObject],
    copies: Iterable[FileCopy],
    known: Iterable[KnownEntry],
    changes: Changes,
    *,
    store: StoreName,
    long_copies: Mapping[str, str],
    lock: timedelta | None,
) -> ComparedFiles:
    """
    Find what is to be copied, what stays and what is gone, and put it into `changes`.

    An object is to be copied if it has no copy, has changed since, its copy is not the vault's newest version
    of it, or the copy's lock ends soon: a new version gets a new lock.

    Args:
        objects: What the source lists.
        copies: Copies in the vault under their own keys.
        known: Entries of the last backup.
        changes: It is empty.
        store: Name of the store.
        long_copies: The other copies: their versions by their keys in the vault.
        lock: How long the vault locks a new version.

    Raises:
        OutOfOrderError: one of the three is not in the order of bucket and key.
    """
    result, now = ComparedFiles(), datetime.now(UTC)
    gone = dict(long_copies)
    for source_object, copied, old in _align(_in_order(objects), _in_order(copies), _in_order(known)):
        version = copied.version if copied else None
        if copied:
            result.copies.add(store, copied)
        if old:
            result.known[old.bucket] += 1
        if not source_object:
            result.missing.update([old.bucket] if old else ())
            if copied:
                changes.add_gone(file_copy(store, copied.bucket, copied.key), copied.version)
            continue
        result.listed[source_object.bucket] += 1
        if long_copies:
            copy_key = file_copy(store, source_object.bucket, source_object.key)
            version = long_copies.get(copy_key, version)
            gone.pop(copy_key, None)
        if old and version == old.entry.version and _is_same(source_object, old.entry):
            if lock and _ends_soon(old.entry, now, lock, store):
                changes.add(source_object, version, old.entry, old.line)
            else:
                changes.keep(old.entry, old.line)
        else:
            changes.add(source_object, version)
    for copy_key, version in gone.items():
        changes.add_gone(copy_key, version)
    return result


def override(known: Iterable[KnownEntry], newer: Iterable[KnownEntry]) -> Iterator[KnownEntry]:
    """Yield the entries of both, those of `newer` in place of the others; each is in order."""
    merged = heapq.merge(known, newer, key=_place)
    for _, entries in groupby(merged, key=_place):
        *_, last = entries  # of equal ones heapq.merge yields that of `newer` last
        yield last


def sort_rows(
    rows: Iterable[_Row],
    folder: Path,
    *,
    to_columns: Callable[[_Row], tuple[Any, ...]],
    from_columns: Callable[[str, str, Any, Any, Any], _Row],
) -> Iterator[_Row]:
    """
    Yield rows in the order of bucket and key, of several with the same place the last; sort them in a file.

    `to_columns` gives bucket, key and three values that SQLite takes, and `from_columns` gets them.
    """
    with (
        TemporaryDirectory(dir=folder) as private,
        closing(open_database(Path(private) / "rows")) as database,
    ):
        database.execute(_SORT_TABLE)
        database.executemany("INSERT OR REPLACE INTO row VALUES (?, ?, ?, ?, ?)", map(to_columns, rows))
        for columns in database.execute("SELECT * FROM row ORDER BY bucket, key"):
            yield from_columns(*columns)


def sort_objects(objects: Iterable[SourceObject], folder: Path) -> Iterator[SourceObject]:
    """Yield the objects of a listing in the order of bucket and key."""
    return sort_rows(
        objects,
        folder,
        to_columns=lambda row: (*row[:4], row.modified.timestamp()),
        from_columns=lambda bucket, key, size, etag, modified: SourceObject(
            bucket, key, size, etag, datetime.fromtimestamp(modified, UTC)
        ),
    )


def sort_copies(copies: Iterable[FileCopy], folder: Path) -> Iterator[FileCopy]:
    """Yield the copies of a listing in the order of bucket and key."""
    return sort_rows(
        copies,
        folder,
        to_columns=lambda row: (*row, None, None),
        from_columns=lambda bucket, key, version, *_: FileCopy(bucket, key, version),
    )


def _align(
    objects: Iterator[SourceObject], copies: Iterator[FileCopy], known: Iterator[KnownEntry]
) -> Iterator[tuple[SourceObject | None, FileCopy | None, KnownEntry | None]]:
    """Yield what each of the three has at a place, for all places in their order."""
    first, second, third = next(objects, None), next(copies, None), next(known, None)
    while first or second or third:
        if first and second and third and first[:2] == second[:2] == third[:2]:
            yield first, second, third
            first, second, third = next(objects, None), next(copies, None), next(known, None)
            continue
        place = min(row[:2] for row in (first, second, third) if row)
        source_object = first if first and first[:2] == place else None
        copied = second if second and second[:2] == place else None
        old = third if third and third[:2] == place else None
        yield source_object, copied, old
        first = next(objects, None) if source_object else first
        second = next(copies, None) if copied else second
        third = next(known, None) if old else third


def _in_order(rows: Iterable[_Row]) -> Iterator[_Row]:
    """
    Yield the rows.

    Raises:
        OutOfOrderError: one does not come after the one before it.
    """
    last = ("", "")
    for row in rows:
        place = row[:2]
        if place <= last:
            raise OutOfOrderError
        yield row
        last = place


def _place(row: KnownEntry) -> tuple[str, str]:
    return row.bucket, row.key


def _is_same(source_object: SourceObject, entry: FileEntry) -> bool:
    return source_object.etag == entry.etag and source_object.bytes == entry.listed


def _ends_soon(entry: FileEntry, now: datetime, lock: timedelta, store: StoreName) -> bool:
    """Tell whether a third to two thirds of the lock of a copy are left, or less."""
    if not entry.locked_until or (left := (entry.locked_until - now) / lock) >= 2 / 3:
        return False
    # A share by key, so that not all copies are renewed on one day.
    return left < (1 + crc32(entry.copy_key(store).encode()) / (1 << 32)) / 3

"""
Comparing what the source lists with the entries of the last backup and the copies in the vault.

All three come in the order of their keys, as S3 lists them, and are read side by side, block by block. Where
nothing has changed, whole columns are compared; what differs is looked at object by object.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zlib import crc32

from core.vault_layout import file_copy
from recovery.files.changes import Changes, KeptLines
from recovery.files.columns import Cursor, KnownLines, ListedCopies
from recovery.files.manifest import format_time
from recovery.files.source import ListedObjects, SourceObject
from recovery.store import StoreName

_SAMPLE: Final = 100
"""Of so many copies one is remembered."""

_UNKNOWN_TIME: Final = datetime.fromtimestamp(0, UTC)
_FIRST_RANGE: Final = 8
"""Objects of the first range that is compared after one that differed; the next is four times as long."""


@dataclass
class CopySample:
    """Some of the keys in the vault, from which the number of the others between two keys is estimated."""

    _keys: list[str] = field(default_factory=list)
    _count: int = 0

    def add(self, store: StoreName, bucket: str, keys: Sequence[str]) -> None:
        """Take the keys of consecutive copies."""
        sample = keys[-self._count % _SAMPLE :: _SAMPLE]
        self._keys += [file_copy(store, bucket, key) for key in sample]
        self._count += len(keys)

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


@dataclass(frozen=True)
class LockRenewal:
    """When a copy gets a new version, because its lock ends soon."""

    now: datetime
    lock: timedelta
    """How long the vault locks a new version."""

    def is_due(self, end: str, copy_key: str) -> bool:
        """Tell whether a third to two thirds of a lock are left, or less; a copy without a lock stays."""
        if not end or (left := (datetime.fromisoformat(end) - self.now) / self.lock) >= 2 / 3:
            return False
        # A share by key, so that not all copies are renewed on one day.
        return left < (1 + crc32(copy_key.encode()) / (1 << 32)) / 3

    @property
    def earliest(self) -> str:
        """A lock that ends at this moment or later is not due."""
        return format_time(self.now + self.lock * (2 / 3))


def compare(
    objects: Iterable[ListedObjects],
    copies: Iterable[ListedCopies],
    known: Iterable[KnownLines],
    changes: Changes,
    *,
    store: StoreName,
    long_copies: Mapping[str, str],
    lock: timedelta | None,
    is_complete: bool = True,
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
        is_complete: Whether an object that the source does not list is gone. If not, what has a copy is to be
            copied too, by which the source says whether it is there.

    Raises:
        OutOfOrderError: one of the three is not in the order of bucket and key.
        Failure: a line of the last backup is no entry.
    """
    comparison = _FileComparison(
        Cursor(objects),
        Cursor(copies),
        Cursor(known),
        changes,
        store,
        long_copies,
        LockRenewal(datetime.now(UTC), lock) if lock else None,
        is_complete=is_complete,
    )
    return comparison.run()


class _FileComparison:
    """One comparison, with a cursor in each of the three."""

    def __init__(  # noqa: PLR0917 - private
        self,
        objects: Cursor[ListedObjects],
        copies: Cursor[ListedCopies],
        known: Cursor[KnownLines],
        changes: Changes,
        store: StoreName,
        long_copies: Mapping[str, str],
        renewal: LockRenewal | None,
        *,
        is_complete: bool,
    ) -> None:
        self._objects, self._copies, self._known = objects, copies, known
        self._changes, self._store = changes, store
        self._long_copies, self._gone = long_copies, dict(long_copies)
        self._renewal, self._result = renewal, ComparedFiles()
        self._is_complete = is_complete

    def run(self) -> ComparedFiles:
        cursors = (self._objects, self._copies, self._known)
        while place := min((cursor.place for cursor in cursors if cursor.place), default=None):
            if not (same := self._count_same()):
                self._compare_one(place)
                continue
            self._keep_all(same)
            for cursor in cursors:
                cursor.advance(same)
        for copy_key, version in self._gone.items() if self._is_complete else ():
            self._changes.add_gone(copy_key, version)
        return self._result

    def _count_same(self) -> int:
        """Return how many of the next objects of the three blocks are the same and unchanged."""
        objects, copies, known = self._objects, self._copies, self._known
        if not (
            objects.block and objects.place == copies.place == known.place and copies.block and known.block
        ):
            return 0
        columns = (
            (objects.block.keys, objects.index, known.block.keys),
            (objects.block.etags, objects.index, known.block.etags),
            (objects.block.sizes, objects.index, known.block.sizes),
            (copies.block.keys, copies.index, known.block.keys),
            (copies.block.versions, copies.index, known.block.versions),
        )
        left, count, step = min(objects.left, copies.left, known.left), 0, _FIRST_RANGE
        while count < left:
            step = min(step, left - count)
            start = known.index + count
            same = min(
                _count_equal(mine, first + count, theirs, start, step) for mine, first, theirs in columns
            )
            count += same
            if same < step:
                break
            step *= 4
        return count

    def _keep_all(self, count: int) -> None:
        """Keep the next objects, the same in all three, or copy them again where a lock ends soon."""
        block, first = self._known.block, self._known.index
        assert block  # noqa: S101 - for the type checker
        self._result.listed[block.bucket] += count
        self._result.known[block.bucket] += count
        self._result.copies.add(self._store, block.bucket, block.keys[first : first + count])
        start = first
        for index in self._list_due(block, first, first + count):
            self._keep(block, start, index)
            self._copy_again(index - first)
            start = index + 1
        self._keep(block, start, first + count)

    def _list_due(self, block: KnownLines, start: int, end: int) -> Iterator[int]:
        """Yield the indexes of the lines whose lock ends soon."""
        locks = block.locks[start:end]
        if not self._renewal or min(locks, key=lambda text: text or "~") >= self._renewal.earliest:
            return
        for index, lock_end in enumerate(locks, start):
            if self._renewal.is_due(lock_end, file_copy(self._store, block.bucket, block.keys[index])):
                yield index

    def _keep(self, block: KnownLines, start: int, end: int) -> None:
        if start == end:
            return
        locks = block.locks[start:end]
        lock_end = min(filter(None, locks), default=None)
        kept = KeptLines(
            block.lines[start:end],
            sum(map(int, block.copied[start:end])),
            block.altered[start:end].count("true"),
            locks.count(""),
            datetime.fromisoformat(lock_end) if lock_end else None,
        )
        self._changes.keep(block.bucket, kept)

    def _copy_again(self, offset: int) -> None:
        """Copy the object at an offset from the three cursors, whose entry can stay."""
        objects, known = self._objects, self._known
        assert objects.block  # noqa: S101 - for the type checker
        assert known.block  # noqa: S101
        index = known.index + offset
        self._changes.add(
            objects.block.read(objects.index + offset),
            known.block.versions[index],
            known.block.read(index),
            known.block.lines[index],
        )

    def _compare_one(self, place: tuple[str, str]) -> None:
        """Compare what the three have at one place, and go on to the next one."""
        bucket, key = place
        objects, copies, known = self._objects, self._copies, self._known
        old = known.block if known.place == place else None
        version: str | None = None
        if copies.block and copies.place == place:
            version = copies.block.versions[copies.index]
            self._result.copies.add(self._store, bucket, (key,))
        self._result.known[bucket] += old is not None
        if objects.block and objects.place == place:
            self._compare_object(objects.block, place, version, old)
            objects.advance()
        else:
            self._result.missing[bucket] += old is not None
            self._miss(place, version)
        if copies.place == place:
            copies.advance()
        if old:
            known.advance()

    def _miss(self, place: tuple[str, str], version: str | None) -> None:
        """Take an object that the source does not list; `version` is that of a copy under its own key."""
        copy_key = file_copy(self._store, *place)
        if not self._is_complete:
            version = self._gone.pop(copy_key, version)
            if version is not None:
                self._changes.add(SourceObject(*place, 0, "", _UNKNOWN_TIME), version)
        elif version is not None:
            self._changes.add_gone(copy_key, version)

    def _compare_object(
        self, block: ListedObjects, place: tuple[str, str], version: str | None, old: KnownLines | None
    ) -> None:
        """Keep or copy the source's next object; `version` is that of its copy, and `old` has its entry."""
        self._result.listed[block.bucket] += 1
        if self._long_copies:
            copy_key = file_copy(self._store, *place)
            version = self._long_copies.get(copy_key, version)
            self._gone.pop(copy_key, None)
        index, mine = self._known.index, self._objects.index
        is_same = (
            old is not None
            and version == old.versions[index]
            and block.etags[mine] == old.etags[index]
            and int(block.sizes[mine]) == int(old.sizes[index])
        )
        if not (old and is_same):
            self._changes.add(block.read(mine), version)
        elif self._renewal and self._renewal.is_due(old.locks[index], file_copy(self._store, *place)):
            self._changes.add(block.read(mine), version, old.read(index), old.lines[index])
        else:
            self._keep(old, index, index + 1)


def _count_equal(mine: Sequence[str], first: int, theirs: Sequence[str], start: int, count: int) -> int:
    """Return how many of the next texts of two columns are equal until the first that is not."""
    ours, others = mine[first : first + count], theirs[start : start + count]
    if ours == others:
        return count
    return next((n for n, (one, other) in enumerate(zip(ours, others, strict=True)) if one != other), count)

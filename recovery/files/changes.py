"""
The changes of a backup run: what it copies, what it has copied, and the entries that stay as they were.

Entries that stay are lines of a file, in the order of their objects, as the last listing has them; the rest
is in a SQLite file. So memory does not grow with the number of objects.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from recovery.files.manifest import FileEntry, format_line
from recovery.files.source import SourceObject

_OBJECT_TABLE: Final = """
CREATE TABLE object (bucket TEXT, key TEXT, bytes INT, etag TEXT, modified REAL, copy_version TEXT,
    place INT, old_line BLOB, old_copied INT, line BLOB, copied INT, altered INT, locked_until REAL,
    unreadable TEXT, PRIMARY KEY (bucket, key)) WITHOUT ROWID
"""
"""
Objects to copy. `place` is the offset of their line among those that are kept. `line` and the columns after
it are of the entry, once there is one; `old_line` is the line of a copy whose lock alone ends soon.
"""

_GONE_TABLE: Final = "CREATE TABLE gone (copy_key TEXT PRIMARY KEY, version TEXT) WITHOUT ROWID"
_TO_COPY: Final = "FROM object WHERE line IS NULL AND unreadable IS NULL"
_READ_BYTES: Final = 1 << 18


def open_database(file: Path) -> sqlite3.Connection:
    """Return a new database, in one transaction that never ends: no other run reads it."""
    database = sqlite3.connect(file, isolation_level=None)
    database.executescript(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
    )
    database.execute("BEGIN")
    return database


class Total(NamedTuple):
    """A number of objects, and their total size."""

    objects: int
    bytes: int


class KeptLines(NamedTuple):
    """Lines of consecutive entries that stay as they are, and what they say together."""

    lines: Sequence[bytes]
    bytes: int
    """Total size of the copies."""

    altered: int
    unlocked: int
    """Number of copies without a lock."""

    lock_end: datetime | None
    """When the first lock of the others ends."""


class Changes:
    """
    What a run has found and done. Objects are added in the order of bucket and key.

    A comparison calls `keep`, `add` and `add_gone`; what copies calls the rest.
    """

    def __init__(self, folder: Path) -> None:
        """Begin in two new files of a folder."""
        self._database = open_database(folder / "changes")
        self._database.execute(_OBJECT_TABLE)
        self._database.execute(_GONE_TABLE)
        self._lines: BinaryIO = (folder / "kept").open("w+b")
        self._forget()

    def clear(self) -> None:
        """Forget what was found."""
        self._database.execute("DELETE FROM object")
        self._database.execute("DELETE FROM gone")
        self._lines.seek(0)
        self._lines.truncate()
        self._forget()

    def _forget(self) -> None:
        self._place = 0
        self._files, self._bytes = Counter[str](), Counter[str]()
        self._altered = 0
        self._unlocked = 0
        self._lock_end: datetime | None = None

    def close(self) -> None:
        self._database.close()
        self._lines.close()

    def keep(self, bucket: str, kept: KeptLines) -> None:
        """Take the entries of objects that have not changed."""
        lines = b"".join(kept.lines)
        self._lines.write(lines)
        self._place += len(lines)
        self._files[bucket] += len(kept.lines)
        self._bytes[bucket] += kept.bytes
        self._altered += kept.altered
        self._unlocked += kept.unlocked
        if kept.lock_end and (self._lock_end is None or kept.lock_end < self._lock_end):
            self._lock_end = kept.lock_end

    def add(
        self,
        source_object: SourceObject,
        copy_version: str | None,
        entry: FileEntry | None = None,
        line: bytes | None = None,
    ) -> None:
        """
        Take an object that is to be copied; `copy_version` is the newest version of its copy in the vault.

        `entry` and `line` are of a copy that can stay, whose lock alone ends soon.
        """
        self._database.execute(
            "INSERT INTO object VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, NULL)",
            (
                source_object.bucket,
                source_object.key,
                source_object.bytes,
                source_object.etag,
                source_object.modified.timestamp(),
                copy_version,
                self._place,
                line,
                entry and entry.bytes,
                entry and entry.altered,
                entry and _to_seconds(entry.locked_until),
            ),
        )

    def add_gone(self, copy_key: str, version: str) -> None:
        """Take the copy of an object that the source no longer has."""
        self._database.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (copy_key, version))

    def total_to_copy(self) -> Total:
        return Total(*self._fetch_one(f"SELECT count(*), coalesce(sum(bytes), 0) {_TO_COPY}"))

    def next_to_copy(self, bucket: str, after: str, limit: int, max_bytes: int) -> list[SourceObject]:
        """Return the next objects to copy after a key: at most `limit`, until they reach `max_bytes`."""
        batch: list[SourceObject] = []
        total = 0
        rows = self._database.execute(
            f"SELECT bucket, key, bytes, etag, modified {_TO_COPY} AND bucket = ? AND key > ? "
            "ORDER BY key LIMIT ?",
            (bucket, after, limit),
        )
        for row in rows:
            batch.append(SourceObject(*row[:4], modified=datetime.fromtimestamp(row[4], UTC)))
            total += batch[-1].bytes
            if total >= max_bytes:
                break
        return batch

    def record(self, entries: Iterable[FileEntry]) -> Sequence[bytes]:
        """Take the entries of objects that were copied, and return their lines."""
        recorded = [(entry, format_line(entry)) for entry in entries]
        self._database.executemany(
            "UPDATE object SET line = ?, copied = ?, altered = ?, locked_until = ? "
            "WHERE bucket = ? AND key = ?",
            (
                (
                    line,
                    entry.bytes,
                    entry.altered,
                    _to_seconds(entry.locked_until),
                    entry.bucket,
                    entry.key,
                )
                for entry, line in recorded
            ),
        )
        return [line for _, line in recorded]

    def remove(self, source_object: SourceObject, copy_key: str) -> None:
        """Take out an object that the source no longer has; `copy_key` is that of its copy, if it has one."""
        which = source_object[:2]
        self._database.execute(
            "INSERT OR REPLACE INTO gone SELECT ?, copy_version FROM object "
            "WHERE bucket = ? AND key = ? AND copy_version IS NOT NULL",
            (copy_key, *which),
        )
        self._database.execute("DELETE FROM object WHERE bucket = ? AND key = ?", which)

    def leave_out(self, source_object: SourceObject, reason: str) -> bool:
        """Record that an object can't be read; return False if it has a copy, whose lock alone ends soon."""
        which = source_object[:2]
        kept = self._database.execute(
            "UPDATE object SET line = old_line, copied = old_copied "
            "WHERE bucket = ? AND key = ? AND old_line IS NOT NULL",
            which,
        )
        if kept.rowcount:
            return False
        self._database.execute(
            "UPDATE object SET unreadable = ? WHERE bucket = ? AND key = ?", (reason, *which)
        )
        return True

    def count_unreadable(self) -> int:
        """Return how many objects can't be read."""
        return self._fetch_one("SELECT count(unreadable) FROM object")[0]

    def list_unreadable(self, limit: int) -> Iterator[tuple[str, str, str]]:
        """Yield bucket, key and reason of the first objects that can't be read."""
        yield from self._database.execute(
            "SELECT bucket, key, unreadable FROM object WHERE unreadable IS NOT NULL "
            "ORDER BY bucket, key LIMIT ?",
            (limit,),
        )

    def list_gone(self) -> Iterator[tuple[str, str]]:
        """Yield key and version of each copy whose original is not in the source."""
        yield from self._database.execute("SELECT copy_key, version FROM gone")

    def bucket_total(self, bucket: str) -> Total:
        """Return number and size of a bucket's objects in the backup."""
        files, size = self._fetch_one(
            "SELECT count(line), coalesce(sum(copied), 0) FROM object WHERE bucket = ?", bucket
        )
        return Total(self._files[bucket] + files, self._bytes[bucket] + size)

    def count_altered(self) -> int:
        return (
            self._altered
            + self._fetch_one("SELECT count(*) FROM object WHERE altered AND line IS NOT NULL")[0]
        )

    def earliest_lock_end(self) -> datetime | None:
        """Return when the first lock of the backup's copies ends; None if a copy has no lock."""
        copied, locked, seconds = self._fetch_one(
            "SELECT count(*), count(locked_until), min(locked_until) FROM object WHERE line IS NOT NULL"
        )
        if self._unlocked or locked < copied:
            return None
        ends = [self._lock_end, datetime.fromtimestamp(seconds, UTC) if copied else None]
        return min(filter(None, ends), default=None)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines of the backup's listing, by bucket and key, in chunks."""
        self._lines.seek(0)
        place = 0
        rows = self._database.execute(
            "SELECT place, line FROM object WHERE line IS NOT NULL ORDER BY bucket, key"
        )
        for ends, line in rows:
            yield from self._read_kept(ends - place)
            place = ends
            yield line
        yield from self._read_kept(self._place - place)

    def _read_kept(self, count: int) -> Iterator[bytes]:
        while count and (chunk := self._lines.read(min(count, _READ_BYTES))):
            yield chunk
            count -= len(chunk)

    def _fetch_one(self, query: str, *values: Any) -> Any:
        return self._database.execute(query, values).fetchone()


def _to_seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None

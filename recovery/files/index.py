"""
What a run knows of each object, in a file: memory stays the same whatever their number.

SQLite orders text by its UTF-8 bytes, as S3 does, and makes no demand on the order in which things come.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from core.vault_layout import file_copy
from recovery.files.copy import bounded_map
from recovery.files.manifest import FileEntry
from recovery.files.source import Listed
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE source (bucket TEXT, key TEXT, place TEXT, bytes INT, etag TEXT, modified REAL,
    PRIMARY KEY (bucket, key)) WITHOUT ROWID;
CREATE INDEX source_by_place ON source (place);
CREATE TABLE held (place TEXT PRIMARY KEY, version TEXT) WITHOUT ROWID;
CREATE TABLE item (bucket TEXT, key TEXT, version TEXT, bytes INT, sha256 TEXT, etag TEXT, listed INT,
    modified REAL, locked_until REAL, altered INT, renewed REAL, PRIMARY KEY (bucket, key)) WITHOUT ROWID;
"""
_ROWS: Final = 1000

_STALE: Final = """
FROM source s LEFT JOIN item i USING (bucket, key) LEFT JOIN held h USING (place)
WHERE (i.version IS NULL OR i.etag <> s.etag OR i.listed <> s.bytes OR h.version IS NOT i.version
    OR i.renewed < CAST(strftime('%s', 'now') AS INT))
"""
"""
Objects without a copy, or whose copy shows another content, is no longer what lies in the vault, or is soon
locked no more: what is old is as precious as what is new, and another version has a lock of its own.
"""


@dataclass(frozen=True)
class Total:
    """How many, and how large together."""

    objects: int
    bytes: int


class Index:
    """Items known from earlier runs (and from this one), what the source lists, and what the vault holds."""

    def __init__(self, file: Path, lock: timedelta | None) -> None:
        """Make a ledger in a file; `lock` is for how long the vault locks a new version."""
        self._lock = lock.total_seconds() if lock else 0.0
        self._database = sqlite3.connect(file, isolation_level=None)
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def know(self, items: Iterable[FileEntry]) -> None:
        """Take down items; one that is known already is replaced."""
        self._many(
            "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    *astuple(item)[:7],
                    item.modified.timestamp(),
                    item.locked_until.timestamp() if item.locked_until else None,
                    item.altered,
                    self._renewed(item),
                )
                for item in items
            ),
        )

    def list_source(self, listed: Iterable[Listed]) -> None:
        self._many(
            "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    one.bucket,
                    one.key,
                    file_copy(one.bucket, one.key),
                    one.bytes,
                    one.etag,
                    one.modified.timestamp(),
                )
                for one in listed
            ),
        )

    def hold(self, versions: Iterable[tuple[str, str]]) -> None:
        """Take down what the vault holds: place and newest version."""
        self._many("INSERT OR REPLACE INTO held VALUES (?, ?)", versions)

    def drop(self, bucket: str, key: str) -> None:
        """Forget an object that the source has no more."""
        self._database.execute("DELETE FROM source WHERE bucket = ? AND key = ?", (bucket, key))

    def stale(self) -> Total:
        """Return what is to be copied."""
        return Total(*self._one(f"SELECT count(*), coalesce(sum(s.bytes), 0) {_STALE}"))

    def next_stale(self, bucket: str, after: str, objects: int, size: int) -> list[Listed]:
        """Return the next objects to copy after a key: at most so many, up to `size` bytes and one more."""
        found: list[Listed] = []
        total = 0
        rows = self._database.execute(
            f"SELECT bucket, key, s.bytes, s.etag, s.modified {_STALE} AND bucket = ? AND key > ? "
            "ORDER BY key LIMIT ?",
            (bucket, after, objects),
        )
        for row in rows:
            found.append(Listed(*row[:4], modified=_moment(row[4])))
            total += found[-1].bytes
            if total >= size:
                break
        return found

    def between(self, first: str, last: str) -> int:
        """Return how many objects the vault may hold from one place to another."""
        return self._one("SELECT count(*) FROM held WHERE place BETWEEN ? AND ?", first, last)[0]

    def before(self, first: str) -> str:
        """Return the last place before another one that the vault was found to hold; empty without one."""
        return self._one("SELECT max(place) FROM held WHERE place < ?", first)[0] or ""

    def gone(self) -> Iterator[tuple[str, str]]:
        """Yield place and version of each copy whose original is gone."""
        yield from self._database.execute(
            "SELECT h.place, h.version FROM held h LEFT JOIN source s USING (place) WHERE s.key IS NULL"
        )

    def missing(self, bucket: str) -> int:
        """Return how many objects of the last backup the source lists no more."""
        return self._one(
            "SELECT count(*) FROM item i LEFT JOIN source s USING (bucket, key) "
            "WHERE i.bucket = ? AND s.key IS NULL",
            bucket,
        )[0]

    def known(self, bucket: str) -> int:
        return self._one("SELECT count(*) FROM item WHERE bucket = ?", bucket)[0]

    def total(self, bucket: str) -> Total:
        """Return what a backup has of a bucket: known items that the source lists."""
        return Total(
            *self._one(
                "SELECT count(*), coalesce(sum(i.bytes), 0) FROM item i JOIN source s USING (bucket, key) "
                "WHERE bucket = ?",
                bucket,
            )
        )

    def altered(self) -> int:
        return self._one("SELECT count(*) FROM item i JOIN source s USING (bucket, key) WHERE i.altered")[0]

    def locked_until(self) -> datetime | None:
        """Return until when all items are locked; None where one is not."""
        count, locked, until = self._one(
            "SELECT count(*), count(i.locked_until), min(i.locked_until) "
            "FROM item i JOIN source s USING (bucket, key)"
        )
        return _moment(until) if count and count == locked else None

    def items(self) -> Iterator[FileEntry]:
        """Yield the items of a backup, by bucket and key."""
        rows = self._database.execute(
            "SELECT i.* FROM item i JOIN source s USING (bucket, key) ORDER BY bucket, key"
        )
        for *first, modified, locked_until, altered, _ in rows:
            yield FileEntry(
                *first,
                modified=_moment(modified),
                locked_until=_moment(locked_until) if locked_until else None,
                altered=bool(altered),
            )

    def _renewed(self, item: FileEntry) -> float | None:
        """Return when to copy it again: with a third to two thirds of the lock left, not all on one day."""
        if not item.locked_until:
            return None
        share = (1 + crc32(item.place.encode()) / (1 << 32)) / 3
        return item.locked_until.timestamp() - share * self._lock

    def _one(self, query: str, *values: Any) -> Any:
        return self._database.execute(query, values).fetchone()

    def _many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        left = iter(rows)
        while some := list(islice(left, _ROWS)):
            self._database.execute("BEGIN")
            self._database.executemany(statement, some)
            self._database.execute("COMMIT")


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_PAGE: Final = 1000
_LOOKS_A_PAGE: Final = 60
"""About as many looks at an object take the time of a page of a thousand."""


def verify_uploads(vault: VaultClient, ledger: Index, places: list[str]) -> Iterator[VersionEntry]:
    """
    Yield what the vault holds newest at each of some places, which are sorted; nothing where it holds none.

    It lists the range that they span, or looks at each one, whichever is less work.
    """
    if not places:
        return
    pages = (ledger.between(places[0], places[-1]) + len(places)) / _PAGE
    if len(places) > _LOOKS_A_PAGE * pages:
        yield from _ranged(vault, ledger, places)
        return
    for entry in bounded_map(lambda place: _looked(vault, place), places):
        if entry:
            yield entry


def _ranged(vault: VaultClient, ledger: Index, places: list[str]) -> Iterator[VersionEntry]:
    wanted = set(places)
    for entry in vault.listed(_common(places), after=ledger.before(places[0])):
        if entry.key in wanted and entry.latest:
            yield entry
        if entry.key >= places[-1]:
            return


def _looked(vault: VaultClient, place: str) -> VersionEntry | None:
    """Look for one place by a listing: whoever writes files may not read them, and so gets no head."""
    found = next(vault.listed(place), None)
    return found if found and found.key == place and found.latest else None


def _common(places: Iterable[str]) -> str:
    """Return what all of them start with: `files/objects/<bucket>/` at least."""
    first, last = min(places), max(places)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]

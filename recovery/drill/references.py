"""Compares the object files of a backup with the rows of the database that refer to them, both ways."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import LiteralString, Protocol

from psycopg import sql

from recovery.drill.evidence import Check
from recovery.postgres.connecting import connected, explained

_SHOWN = 5
_AT_ONCE = 10_000
_ORDERED: LiteralString = """
    SELECT bucket::text, key::text, bytes::bigint, sha256::text
    FROM ({}) AS file (bucket, key, bytes, sha256)
    ORDER BY bucket::text COLLATE "C", key::text COLLATE "C"
"""


class Object(Protocol):
    """An object of a backup; they come in the order of bucket and key."""

    @property
    def bucket(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def bytes(self) -> int: ...
    @property
    def sha256(self) -> str: ...
    @property
    def modified(self) -> datetime: ...


@dataclass(frozen=True)
class Reference:
    """What a row says of its object; `sha256` is None where rows don't know it."""

    bucket: str
    key: str
    bytes: int
    sha256: str | None


@dataclass
class Found:
    """How many there are, and the first of what is wrong."""

    rows: int = 0
    objects: int = 0
    gone: int = 0
    other: int = 0
    unknown: int = 0
    named: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def note(self, what: str, bucket: str, key: str) -> None:
        names = self.named.setdefault(what, [])
        if len(names) < _SHOWN:
            names.append(f"{bucket}/{key}")


@contextmanager
def references(url: str, query: str) -> Generator[Iterator[Reference]]:
    """Read the rows in the order of bucket and key, in bounded memory."""
    with connected(url) as connection, explained(connection, "read which files rows refer to"):
        statement = sql.SQL(_ORDERED).format(sql.SQL(query))  # pyright: ignore[reportArgumentType] - settings
        with connection.transaction(), connection.cursor(name="files") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(statement)
            yield (Reference(*row) for row in cursor)


def crossed(rows: Iterator[Reference], objects: Iterable[Object], *, since: datetime) -> Found:
    """
    Walk along both at once.

    An object that came after `since`, the moment that the rows show, needs no row yet.
    """
    found = Found()
    row = next(rows, None)
    for thing in objects:
        found.objects += 1
        here = (thing.bucket, thing.key)
        while row and (row.bucket, row.key) < here:
            _gone(found, row)
            row = next(rows, None)
        if not row or (row.bucket, row.key) != here:
            if thing.modified <= since:
                found.unknown += 1
                found.note("unknown", *here)
            continue
        while row and (row.bucket, row.key) == here:
            found.rows += 1
            if row.bytes != thing.bytes or row.sha256 not in {None, thing.sha256}:
                found.other += 1
                found.note("other", *here)
            row = next(rows, None)
    while row:
        _gone(found, row)
        row = next(rows, None)
    return found


def checks(found: Found, query: str) -> list[Check]:
    """Say what the walk has found."""
    rows, objects = f"{found.rows} rows of {query}", f"{found.objects} objects of the backup"
    return [
        _check("every row's file is there", rows, found.gone, found.named.get("gone")),
        _check("files are what their rows say", rows, found.other, found.named.get("other")),
        _check("every file has its row", objects, found.unknown, found.named.get("unknown")),
    ]


def _gone(found: Found, row: Reference) -> None:
    found.rows += 1
    found.gone += 1
    found.note("gone", row.bucket, row.key)


def _check(name: str, what: str, wrong: int, named: list[str] | None) -> Check:
    return Check(
        name=name,
        what=what,
        expected="0 exceptions",
        actual=f"{wrong} exceptions" + (f": {', '.join(named)}" if named else ""),
        outcome="failed" if wrong else "passed",
    )

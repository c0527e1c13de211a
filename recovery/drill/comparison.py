"""Compares a recovered database with what it must be, and says so check by check."""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, LiteralString, Protocol

from psycopg import sql

from recovery.drill.evidence import Check
from recovery.manifest import Checksums, Table
from recovery.postgres.checksums import differences
from recovery.postgres.connection import connected, explained
from recovery.postgres.table_name import TableName

_PARTS = {
    "tables": ("rows of every table", "a digest of all rows, table by table"),
    "sequences": ("sequences", "where each stands; ahead is fine"),
    "large_objects": ("large objects", "their number and a digest"),
    "extensions": ("extensions", "each with its version"),
}
_SHOWN = 5
DEFINITIONS: Final = "definitions: "
"""How the names of checks begin that compare one kind of definitions each."""


@dataclass(frozen=True)
class Bracket:
    """
    What a database was just before an instant and just after it.

    What is the same in both has to be so at the instant too. A table that was written to in between has to be
    as in one of them, unless it was written to several times.
    """

    before: Checksums
    after: Callable[[tuple[str, ...]], Checksums]
    """
    Of the named tables, or of everything where none is named.

    Asked only for what is not as before: it may mean reading the database once more.
    """


def compared(expected: Checksums, found: Checksums) -> Iterator[Check]:
    """Compare everything, in one check for each part."""
    kinds = sorted({*expected.definitions, *found.definitions})
    # "tables" and "sequences" are kinds of definitions too, which are looked at with their namesakes.
    for part in dict.fromkeys((*_PARTS, *kinds)):
        ignored = {*_PARTS, *kinds} - {part}
        wrong = differences(expected, found, ignoring=ignored)
        name, what = _PARTS.get(part, (f"{DEFINITIONS}{part.replace('_', ' ')}", "all of them, word by word"))
        yield Check(
            name=name,
            what=what,
            expected=_told(part, expected),
            actual=_listed(wrong) if wrong else _told(part, found),
            outcome="failed" if wrong else "passed",
        )


def between(bracket: Bracket, found: Checksums) -> tuple[Checksums, Checksums, list[str]]:
    """
    Return what to expect, what was found of that, and the tables that were too busy to be known exactly.

    The last are in neither of the first two.
    """
    before = bracket.before
    if not differences(before, found):
        return before, found, []
    elsewhere = differences(before, found.model_copy(update={"tables": before.tables}))
    was, there = _by_name(before), _by_name(found)
    changed = [key for key in sorted({*was, *there}) if was.get(key) != there.get(key)]
    after = bracket.after(() if elsewhere else tuple(TableName(*key).pattern for key in changed))
    will_be = _by_name(after)
    expected: list[Table] = []
    busy: set[tuple[str, str]] = set()
    for key in sorted({*was, *will_be}):
        before_it, after_it, found_it = was.get(key), will_be.get(key), there.get(key)
        if found_it in (before_it, after_it):
            expected += [found_it] if found_it else []
        elif before_it == after_it and before_it:
            expected.append(before_it)
        else:
            busy.add(key)
    nearer = _nearer(before, after, found) if elsewhere else before
    kept = tuple(table for table in found.tables if (table.schema_name, table.name) not in busy)
    names = [f"{schema}.{name}" for schema, name in sorted(busy)]
    wanted = nearer.model_copy(update={"tables": tuple(expected)})
    return wanted, found.model_copy(update={"tables": kept}), names


def _by_name(figures: Checksums) -> dict[tuple[str, str], Table]:
    return {(table.schema_name, table.name): table for table in figures.tables}


def _nearer(before: Checksums, after: Checksums, found: Checksums) -> Checksums:
    """Return what was before, but where the found is as afterwards, that."""
    objects = ("large_objects", "large_objects_digest")
    there = after if all(getattr(found, name) == getattr(after, name) for name in objects) else before
    return before.model_copy(
        update={
            "definitions": {
                kind: after.definitions[kind]
                if found.definitions.get(kind) == after.definitions.get(kind)
                else digest
                for kind, digest in before.definitions.items()
            },
            "extensions": after.extensions if found.extensions == after.extensions else before.extensions,
            **{name: getattr(there, name) for name in objects},
        }
    )


def _told(part: str, figures: Checksums) -> str:
    match part:
        case "tables":
            rows = sum(table.rows for table in figures.tables)
            return f"{len(figures.tables)} tables, {rows:,} rows"
        case "sequences":
            return f"{len(figures.sequences)} sequences"
        case "large_objects":
            return f"{figures.large_objects} large objects"
        case "extensions":
            return ", ".join(f"{name} {version}" for name, version in sorted(figures.extensions.items()))
        case _:
            return figures.definitions.get(part, "none")[:16]


def _listed(sentences: list[str]) -> str:
    more = len(sentences) - _SHOWN
    return " ".join(sentences[:_SHOWN]) + (f" And {more} more." if more > 0 else "")


_NAMED_FILES = 5
_AT_ONCE = 10_000
_ORDERED: LiteralString = """
    SELECT bucket::text, key::text, bytes::bigint, sha256::text
    FROM ({}) AS file (bucket, key, bytes, sha256)
    ORDER BY bucket::text COLLATE "C", key::text COLLATE "C"
"""


class BackedUpFile(Protocol):
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
class ReferenceComparison:
    """How many there are, and the first of what is wrong."""

    rows: int = 0
    objects: int = 0
    gone: int = 0
    other: int = 0
    unknown: int = 0
    named: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def note(self, what: str, bucket: str, key: str) -> None:
        names = self.named.setdefault(what, [])
        if len(names) < _NAMED_FILES:
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


def crossed(
    rows: Iterator[Reference], objects: Iterable[BackedUpFile], *, since: datetime
) -> ReferenceComparison:
    """
    Walk along both at once.

    An object that came after `since`, the moment that the rows show, needs no row yet.
    """
    found = ReferenceComparison()
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


def checks(found: ReferenceComparison, query: str) -> list[Check]:
    """Say what the walk has found."""
    rows, objects = f"{found.rows} rows of {query}", f"{found.objects} objects of the backup"
    return [
        _check("every row's file is there", rows, found.gone, found.named.get("gone")),
        _check("files are what their rows say", rows, found.other, found.named.get("other")),
        _check("every file has its row", objects, found.unknown, found.named.get("unknown")),
    ]


def _gone(found: ReferenceComparison, row: Reference) -> None:
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

"""
Comparison of what was recovered with what is expected, as checks of the evidence.

A database is compared with checksums: those of a backup, or those around an instant of its history. The
files of a backup are compared with the rows of the database that refer to them.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, LiteralString, Protocol

from psycopg import sql

from recovery.drill.evidence import Check
from recovery.manifest import Checksums, Table
from recovery.postgres.checksums import compare_checksums
from recovery.postgres.connection import connect, explain_errors
from recovery.postgres.table_name import TableName

Expectation = tuple[Checksums, Checksums, list[str]]
"""Expected checksums, the recovered ones to compare with them, and names of tables that are in neither."""

DEFINITIONS: Final = "definitions: "
"""Beginning of the names of checks that compare one kind of definitions. Stored evidence has these names."""

_PARTS: Final = {
    "tables": ("rows of every table", "a digest of all rows, table by table"),
    "sequences": ("sequences", "where each stands; ahead is fine"),
    "large_objects": ("large objects", "their number and a digest"),
    "extensions": ("extensions", "each with its version"),
}
_SHOWN_DIFFERENCES: Final = 5
_SHOWN_FILES: Final = 5
_ROWS_PER_FETCH: Final = 10_000
_ORDERED_QUERY: Final[LiteralString] = """
    SELECT bucket::text, key::text, bytes::bigint, sha256::text
    FROM ({}) AS file (bucket, key, bytes, sha256)
    ORDER BY bucket::text COLLATE "C", key::text COLLATE "C"
"""


@dataclass(frozen=True)
class Bracket:
    """
    Checksums of a database just before an instant and just after it.

    Content that is the same in both is expected at the instant. A table that was written to in between is
    expected as in one of them, unless it was written to several times.
    """

    before: Checksums
    after: Callable[[tuple[str, ...]], Checksums]
    """Returns the checksums of the named tables, or of everything for no names; it may read the database."""


def compare(expected: Checksums, actual: Checksums) -> Iterator[Check]:
    """Yield one check per part of a database."""
    kinds = sorted({*expected.definitions, *actual.definitions})
    # "tables" and "sequences" are kinds of definitions too, which belong to the parts of these names.
    for part in dict.fromkeys((*_PARTS, *kinds)):
        ignored = {*_PARTS, *kinds} - {part}
        differences = compare_checksums(expected, actual, ignore=ignored)
        name, what = _PARTS.get(part, (f"{DEFINITIONS}{part.replace('_', ' ')}", "all of them, word by word"))
        yield Check(
            name=name,
            what=what,
            expected=_summarize(part, expected),
            actual=_join_sentences(differences) if differences else _summarize(part, actual),
            outcome="failed" if differences else "passed",
        )


def expect_at_instant(bracket: Bracket, actual: Checksums) -> Expectation:
    """
    Return the expectation for a database that was recovered as of the instant of `bracket`.

    Its unknown tables are those that were written to several times around the instant.
    """
    before = bracket.before
    if not compare_checksums(before, actual):
        return before, actual, []
    differs_elsewhere = compare_checksums(before, actual.model_copy(update={"tables": before.tables}))
    before_tables, actual_tables = _tables_by_name(before), _tables_by_name(actual)
    names = sorted({*before_tables, *actual_tables})
    changed = [name for name in names if before_tables.get(name) != actual_tables.get(name)]
    after = bracket.after(() if differs_elsewhere else tuple(TableName(*name).pattern for name in changed))
    after_tables = _tables_by_name(after)
    expected_tables: list[Table] = []
    unknown: set[tuple[str, str]] = set()
    for name in sorted({*before_tables, *after_tables}):
        table_before, table_after = before_tables.get(name), after_tables.get(name)
        actual_table = actual_tables.get(name)
        if actual_table in (table_before, table_after):
            expected_tables += [actual_table] if actual_table else []
        elif table_before == table_after and table_before:
            expected_tables.append(table_before)
        else:
            unknown.add(name)
    expected = _merge_around(before, after, actual) if differs_elsewhere else before
    known = tuple(table for table in actual.tables if (table.schema_name, table.name) not in unknown)
    return (
        expected.model_copy(update={"tables": tuple(expected_tables)}),
        actual.model_copy(update={"tables": known}),
        [f"{schema}.{name}" for schema, name in sorted(unknown)],
    )


def _tables_by_name(checksums: Checksums) -> dict[tuple[str, str], Table]:
    return {(table.schema_name, table.name): table for table in checksums.tables}


def _merge_around(before: Checksums, after: Checksums, actual: Checksums) -> Checksums:
    """Return `before`, with the parts of `after` that are equal in `actual`; tables are not merged."""
    fields = ("large_objects", "large_objects_digest")
    is_after = all(getattr(actual, name) == getattr(after, name) for name in fields)
    large_objects = after if is_after else before
    return before.model_copy(
        update={
            "definitions": {
                kind: after.definitions[kind]
                if actual.definitions.get(kind) == after.definitions.get(kind)
                else digest
                for kind, digest in before.definitions.items()
            },
            "extensions": after.extensions if actual.extensions == after.extensions else before.extensions,
            **{name: getattr(large_objects, name) for name in fields},
        }
    )


def _summarize(part: str, checksums: Checksums) -> str:
    match part:
        case "tables":
            rows = sum(table.rows for table in checksums.tables)
            return f"{len(checksums.tables)} tables, {rows:,} rows"
        case "sequences":
            return f"{len(checksums.sequences)} sequences"
        case "large_objects":
            return f"{checksums.large_objects} large objects"
        case "extensions":
            return ", ".join(f"{name} {version}" for name, version in sorted(checksums.extensions.items()))
        case _:
            return checksums.definitions.get(part, "none")[:16]


def _join_sentences(sentences: list[str]) -> str:
    more = len(sentences) - _SHOWN_DIFFERENCES
    return " ".join(sentences[:_SHOWN_DIFFERENCES]) + (f" And {more} more." if more > 0 else "")


class BackedUpFile(Protocol):
    """A file of a backup."""

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
    """A row's data about a file; `sha256` is None if rows don't have it."""

    bucket: str
    key: str
    bytes: int
    sha256: str | None


@dataclass
class ReferenceComparison:
    """Numbers of rows, files and differences, and the first files of each kind of difference."""

    rows: int = 0
    objects: int = 0
    missing: int = 0
    """Rows whose file is not in the backup."""

    different: int = 0
    """Rows whose file has another size or SHA-256."""

    unreferenced: int = 0
    """Files of the backup without a row."""

    examples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Kind of difference -> its first files, as `bucket/key`."""

    def add_example(self, kind: str, bucket: str, key: str) -> None:
        names = self.examples.setdefault(kind, [])
        if len(names) < _SHOWN_FILES:
            names.append(f"{bucket}/{key}")


@contextmanager
def read_references(url: str, query: str) -> Generator[Iterator[Reference]]:
    """Give an iterator over the rows, in the order of bucket and key and in bounded memory."""
    with connect(url) as connection, explain_errors(connection, "read which files rows refer to"):
        statement = sql.SQL(_ORDERED_QUERY).format(sql.SQL(query))  # pyrefly: ignore[bad-argument-type] - settings
        with connection.transaction(), connection.cursor(name="files") as cursor:
            cursor.itersize = _ROWS_PER_FETCH
            cursor.execute(statement)
            yield (Reference(*row) for row in cursor)


def compare_references(
    rows: Iterator[Reference], objects: Iterable[BackedUpFile], *, since: datetime
) -> ReferenceComparison:
    """
    Compare rows with the files of a backup; both come in the order of bucket and key.

    A file that changed after `since`, the moment of the rows, needs no row.
    """
    comparison = ReferenceComparison()
    row = next(rows, None)
    for file in objects:
        comparison.objects += 1
        name = (file.bucket, file.key)
        while row and (row.bucket, row.key) < name:
            _count_missing(comparison, row)
            row = next(rows, None)
        if not row or (row.bucket, row.key) != name:
            if file.modified <= since:
                comparison.unreferenced += 1
                comparison.add_example("unreferenced", *name)
            continue
        while row and (row.bucket, row.key) == name:
            comparison.rows += 1
            if row.bytes != file.bytes or row.sha256 not in {None, file.sha256}:
                comparison.different += 1
                comparison.add_example("different", *name)
            row = next(rows, None)
    while row:
        _count_missing(comparison, row)
        row = next(rows, None)
    return comparison


def reference_checks(comparison: ReferenceComparison, query: str) -> list[Check]:
    """Return the checks for a comparison; `query` gave the rows."""
    rows, objects = f"{comparison.rows} rows of {query}", f"{comparison.objects} objects of the backup"
    return [
        _exceptions_check(
            "every row's file is there", rows, comparison.missing, comparison.examples.get("missing")
        ),
        _exceptions_check(
            "files are what their rows say", rows, comparison.different, comparison.examples.get("different")
        ),
        _exceptions_check(
            "every file has its row",
            objects,
            comparison.unreferenced,
            comparison.examples.get("unreferenced"),
        ),
    ]


def _count_missing(comparison: ReferenceComparison, row: Reference) -> None:
    comparison.rows += 1
    comparison.missing += 1
    comparison.add_example("missing", row.bucket, row.key)


def _exceptions_check(name: str, what: str, count: int, examples: list[str] | None) -> Check:
    return Check(
        name=name,
        what=what,
        expected="0 exceptions",
        actual=f"{count} exceptions" + (f": {', '.join(examples)}" if examples else ""),
        outcome="failed" if count else "passed",
    )

"""Stored files compared with the rows that refer to them: missing, changed and unknown, in one pass."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recovery.drill.comparison import Reference, ReferenceComparison, compare_references, reference_checks

NOW = datetime(2030, 1, 15, tzinfo=UTC)


@dataclass(frozen=True)
class StoredFile:
    bucket: str
    key: str
    bytes: int = 1
    sha256: str = "aa"
    modified: datetime = NOW - timedelta(hours=1)


def compare(rows: Iterable[Reference], things: Iterable[StoredFile]) -> ReferenceComparison:
    return compare_references(iter(rows), things, since=NOW)


def test_missing_changed_and_unknown_files_are_counted_and_named() -> None:
    rows = [
        Reference("a", "gone", 1, None),
        Reference("a", "kept", 1, "aa"),
        Reference("a", "kept", 1, None),
        Reference("a", "larger", 2, "aa"),
        Reference("b", "other", 1, "bb"),
        Reference("b", "vanished", 1, "aa"),
    ]
    things = [
        StoredFile("a", "kept"),
        StoredFile("a", "larger"),
        StoredFile("a", "new", modified=NOW + timedelta(seconds=1)),
        StoredFile("a", "nobody's"),
        StoredFile("b", "other"),
    ]
    found = compare(rows, things)
    assert (found.rows, found.objects, found.missing, found.different, found.unreferenced) == (6, 5, 2, 2, 1)
    results = {check.name: (check.outcome, check.actual) for check in reference_checks(found, "SELECT files")}
    assert results == {
        "every row's file is there": ("failed", "2 exceptions: a/gone, b/vanished"),
        "files are what their rows say": ("failed", "2 exceptions: a/larger, b/other"),
        "every file has its row": ("failed", "1 exceptions: a/nobody's"),
    }


KEYS = st.sets(st.tuples(st.sampled_from("ab"), st.text(max_size=3)))


@given(KEYS, KEYS)
def test_walking_rows_and_files_in_step_finds_what_comparing_sets_finds(
    rows: set[tuple[str, str]], things: set[tuple[str, str]]
) -> None:
    def ordered(keys: set[tuple[str, str]]) -> list[tuple[str, str]]:
        return sorted(keys, key=lambda one: (one[0], one[1].encode("utf-8", "surrogatepass")))

    found = compare(
        [Reference(bucket, key, 1, "aa") for bucket, key in ordered(rows)],
        [StoredFile(bucket, key) for bucket, key in ordered(things)],
    )
    assert (found.missing, found.unreferenced, found.different) == (len(rows - things), len(things - rows), 0)
    assert (found.rows, found.objects) == (len(rows), len(things))

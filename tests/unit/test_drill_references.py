"""Object files against the rows that refer to them: what is gone, other, or unknown is found on one walk."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from recovery.drill.comparison import Reference, ReferenceComparison, checks, crossed

NOW = datetime(2030, 1, 15, tzinfo=UTC)


@dataclass(frozen=True)
class Thing:
    bucket: str
    key: str
    bytes: int = 1
    sha256: str = "aa"
    modified: datetime = NOW - timedelta(hours=1)


def walked(rows: Iterable[Reference], things: Iterable[Thing]) -> ReferenceComparison:
    return crossed(iter(rows), things, since=NOW)


def test_what_is_gone_other_or_unknown_is_counted_and_named() -> None:
    rows = [
        Reference("a", "gone", 1, None),
        Reference("a", "kept", 1, "aa"),
        Reference("a", "kept", 1, None),
        Reference("a", "larger", 2, "aa"),
        Reference("b", "other", 1, "bb"),
        Reference("b", "vanished", 1, "aa"),
    ]
    things = [
        Thing("a", "kept"),
        Thing("a", "larger"),
        Thing("a", "new", modified=NOW + timedelta(seconds=1)),
        Thing("a", "nobody's"),
        Thing("b", "other"),
    ]
    found = walked(rows, things)
    assert (found.rows, found.objects, found.gone, found.other, found.unknown) == (6, 5, 2, 2, 1)
    told = {check.name: (check.outcome, check.actual) for check in checks(found, "SELECT files")}
    assert told == {
        "every row's file is there": ("failed", "2 exceptions: a/gone, b/vanished"),
        "files are what their rows say": ("failed", "2 exceptions: a/larger, b/other"),
        "every file has its row": ("failed", "1 exceptions: a/nobody's"),
    }


KEYS = st.sets(st.tuples(st.sampled_from("ab"), st.text(max_size=3)))


@given(KEYS, KEYS)
def test_the_walk_finds_what_sets_would(rows: set[tuple[str, str]], things: set[tuple[str, str]]) -> None:
    def ordered(keys: set[tuple[str, str]]) -> list[tuple[str, str]]:
        return sorted(keys, key=lambda one: (one[0], one[1].encode("utf-8", "surrogatepass")))

    found = walked(
        [Reference(bucket, key, 1, "aa") for bucket, key in ordered(rows)],
        [Thing(bucket, key) for bucket, key in ordered(things)],
    )
    assert (found.gone, found.unknown, found.other) == (len(rows - things), len(things - rows), 0)
    assert (found.rows, found.objects) == (len(rows), len(things))

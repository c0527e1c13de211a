"""What a backup of files copies, keeps and calls gone, whatever the source, vault and last backup have."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.vault_layout import file_copy
from recovery.files.changes import Changes
from recovery.files.columns import (
    KnownLines,
    ListedCopies,
    OutOfOrderError,
    override,
    read_known,
    sort_blocks,
)
from recovery.files.comparison import ComparedFiles, compare
from recovery.files.manifest import FileEntry, format_line
from recovery.files.source import ListedObjects, SourceObject

_T = TypeVar("_T", bound=tuple[Any, ...])
NOW = datetime.now(UTC)
LONG = "é" * 512
PLACES = st.tuples(
    st.sampled_from(("b", "b-2", "b.2")),
    st.sampled_from(("a", "é", "/", "-", "~", "a/b", "a.b", "a-b", "\uff21", "😀", LONG, f"{LONG}😀")),
)
ETAGS = st.sampled_from("xy")
VERSIONS = st.sampled_from(("1", "2"))


class FileCopy(NamedTuple):
    bucket: str
    key: str
    version: str


class KnownEntry(NamedTuple):
    bucket: str
    key: str
    line: bytes
    entry: FileEntry


def known_entry(
    bucket: str, key: str, etag: str = "x", version: str = "1", days: float | None = None
) -> KnownEntry:
    until = NOW + timedelta(days=days) if days is not None else None
    entry = FileEntry(bucket, key, version, 5, "0" * 64, etag, 5, NOW, until, altered=etag == "y")
    return KnownEntry(bucket, key, format_line(entry), entry)


def split_blocks(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Yield consecutive rows of one bucket, as many as a page has."""
    for _, same in groupby(rows, key=itemgetter(0)):
        while part := list(islice(same, size)):
            yield part


def list_objects(rows: Iterable[SourceObject], size: int = 2) -> Iterator[ListedObjects]:
    for part in split_blocks(rows, size):
        _, keys, sizes, etags, times = zip(*part, strict=True)
        yield ListedObjects(
            part[0].bucket, keys, [*map(str, sizes)], etags, [one.isoformat() for one in times]
        )


def unblock(blocks: Iterable[ListedObjects]) -> Iterator[SourceObject]:
    for block in blocks:
        yield from map(block.read, range(len(block.keys)))


def list_copies(rows: Iterable[FileCopy], size: int = 3) -> Iterator[ListedCopies]:
    for part in split_blocks(rows, size):
        yield ListedCopies(part[0].bucket, [one.key for one in part], [one.version for one in part])


def list_known(rows: Iterable[KnownEntry], size: int = 4) -> Iterator[KnownLines]:
    """Yield lines that a backup has stored, which may be of several buckets."""
    lines = (one.line for one in rows)
    while part := b"".join(islice(lines, size)):
        yield from read_known(part, "listing")


def run(
    changes: Changes,
    objects: Iterable[ListedObjects],
    copies: Iterable[ListedCopies],
    known: Iterable[KnownLines],
    *,
    long_copies: dict[str, str] | None = None,
    lock: timedelta | None = None,
) -> ComparedFiles:
    return compare(objects, copies, known, changes, store="files", long_copies=long_copies or {}, lock=lock)


@pytest.fixture
def changes(tmp_path: Path) -> Iterator[Changes]:
    with closing(Changes(tmp_path)) as made:
        yield made


@given(
    objects=st.dictionaries(PLACES, ETAGS),
    copies=st.dictionaries(PLACES, VERSIONS),
    known=st.dictionaries(PLACES, st.tuples(ETAGS, VERSIONS)),
    shuffled=st.randoms(use_true_random=False),
    size=st.integers(1, 40),
)
def test_changes_are_those_of_a_comparison_object_by_object(
    objects: dict[tuple[str, str], str],
    copies: dict[tuple[str, str], str],
    known: dict[tuple[str, str], tuple[str, str]],
    shuffled: Random,
    size: int,
) -> None:
    """Also where source and vault list in another order, and where keys are too long for the vault."""
    listed = [SourceObject(*place, 5, etag, NOW) for place, etag in objects.items()]
    whole, long = list[FileCopy](), dict[str, str]()
    for (bucket, key), version in copies.items():
        copy_key = file_copy("files", bucket, key)
        if copy_key.endswith(f"/{key}"):
            whole.append(FileCopy(bucket, key, version))
        else:
            long[copy_key] = version
    entries = [known_entry(*place, *values) for place, values in sorted(known.items())]
    shuffled.shuffle(listed)
    shuffled.shuffle(whole)
    same = {place for place, etag in objects.items() if known.get(place) == (etag, copies.get(place))}
    with TemporaryDirectory() as name, closing(Changes(Path(name))) as changes:
        folder = Path(name)
        found = run(
            changes,
            list_objects(unblock(sort_blocks(ListedObjects, list_objects(listed), folder)), size),
            sort_blocks(ListedCopies, list_copies(whole), folder),
            list_known(entries, size),
            long_copies=long,
        )
        to_copy = [
            one for bucket in ("b", "b-2", "b.2") for one in changes.next_to_copy(bucket, "", 1000, 1 << 30)
        ]
        assert [one[:2] for one in to_copy] == sorted(objects.keys() - same)
        assert dict(changes.list_gone()) == {
            file_copy("files", *place): version for place, version in copies.items() if place not in objects
        }
        assert (found.listed.total(), found.known.total()) == (len(objects), len(known))
        assert found.missing.total() == len(known.keys() - objects.keys())
        changes.record(known_entry(one.bucket, one.key, one.etag, "new").entry for one in to_copy)
        expected = {place: known_entry(*place, etag, "new") for place, etag in objects.items()}
        expected |= {place: known_entry(*place, *known[place]) for place in same}
        assert b"".join(changes.lines()) == b"".join(expected[place].line for place in sorted(expected))
        assert changes.total_to_copy().objects == 0
        assert sum(changes.bucket_total(bucket).bytes for bucket in ("b", "b-2", "b.2")) == 5 * len(objects)
        assert changes.count_altered() == sum(etag == "y" for etag in objects.values())


@pytest.mark.parametrize("size", [1, 2], ids=["in two pages", "in a page"])
@pytest.mark.parametrize("reversed_one", ["objects", "copies", "known"])
def test_a_listing_in_another_order_is_noticed_and_can_be_compared_again(
    changes: Changes, reversed_one: str, size: int
) -> None:
    objects = [SourceObject("b", key, 5, "x", NOW) for key in "ab"]
    copies = [FileCopy("b", key, "1") for key in "ab"]
    known = [known_entry("b", key) for key in "ab"]
    with pytest.raises(OutOfOrderError):
        run(
            changes,
            list_objects(objects[:: -1 if reversed_one == "objects" else 1], size),
            list_copies(copies[:: -1 if reversed_one == "copies" else 1], size),
            list_known(known[:: -1 if reversed_one == "known" else 1], size),
        )
    changes.clear()
    run(changes, list_objects(objects), list_copies(copies), list_known(known))
    assert b"".join(changes.lines()) == b"".join(one.line for one in known)
    assert changes.bucket_total("b") == (2, 10)


def test_the_three_listings_are_read_side_by_side(changes: Changes) -> None:
    """So memory does not grow with the number of objects, and each is read once."""
    read = Counter[str]()

    def count(which: str, rows: Iterable[_T]) -> Iterator[_T]:
        for row in rows:
            read[which] += 1
            assert max(read.values()) - min(read.values()) <= 101
            yield row

    keys = [f"{number:04}" for number in range(2_000)]
    run(
        changes,
        list_objects(count("objects", [SourceObject("b", key, 5, "x", NOW) for key in keys]), 100),
        list_copies(count("copies", [FileCopy("b", key, "1") for key in keys]), 100),
        list_known(count("known", [known_entry("b", key) for key in keys]), 100),
    )
    assert set(read.values()) == {2_000}
    assert changes.bucket_total("b").objects == 2_000


def test_a_file_is_copied_again_before_the_lock_of_its_copy_ends(changes: Changes) -> None:
    days = {
        f"{age}-{number}": left
        for age, left in (("middle", 15), ("new", 21), ("old", 9))
        for number in range(100)
    }
    keys = sorted(days)
    known = [known_entry("b", key, days=days[key]) for key in keys]
    objects = [SourceObject("b", key, 5, "x", NOW) for key in (*keys, "unlocked")]
    copies = [FileCopy("b", one.key, "1") for one in objects]
    entries = [*known, known_entry("b", "unlocked")]
    run(
        changes,
        list_objects(objects, 50),
        list_copies(copies),
        list_known(entries, 70),
        lock=timedelta(days=30),
    )
    stale = [one.key for one in changes.next_to_copy("b", "", 1000, 1 << 30)]
    assert sum(key.startswith("old") for key in stale) == 100
    assert not any(key.startswith(("new", "unlocked")) for key in stale)
    assert 20 < sum(key.startswith("middle") for key in stale) < 80
    assert changes.earliest_lock_end() is None, "one is not locked"


def test_the_first_lock_that_ends_is_that_of_a_kept_or_of_a_copied_file(changes: Changes) -> None:
    known = [known_entry("b", key, days=days) for key, days in (("a", 50), ("b", 40), ("c", 5))]
    objects = [SourceObject("b", one.key, 5, "x", NOW) for one in known]
    copies = [FileCopy("b", one.key, "1") for one in known]
    run(changes, list_objects(objects), list_copies(copies), list_known(known), lock=timedelta(days=30))
    assert changes.earliest_lock_end() == known[1].entry.locked_until, "c has no entry yet"
    changes.record([known_entry("b", "c", days=30).entry])
    ends = changes.earliest_lock_end()
    assert ends
    assert abs(ends - NOW - timedelta(days=30)) < timedelta(seconds=1)


def test_entries_of_an_interrupted_run_take_the_place_of_older_ones(tmp_path: Path) -> None:
    older = [known_entry("b", key) for key in "ace"]
    newer = [known_entry("b", key, version="2") for key in ("e", "b", "c", "c\\")]
    last = [known_entry("b", "b", version="3")]
    found = override(list_known(older), [*list_known(newer), *list_known(last)], tmp_path)
    assert [one for block in found for one in zip(block.keys, block.versions, strict=True)] == [
        ("a", "1"),
        ("b", "3"),
        ("c", "2"),
        ("c\\", "2"),
        ("e", "2"),
    ]

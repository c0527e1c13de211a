"""Rows that a parallel restore writes as if they had been vacuumed: of the tables it makes, of no others."""

import subprocess
from pathlib import Path

import psycopg
import pytest
from dump_fixtures import INTERESTING, ODD, archived, ask, clients_for, dumping, execute
from hypothesis import given
from hypothesis import strategies as st
from servers import NewDatabase

from core.failure import Failure
from recovery.postgres.connection import environment
from recovery.postgres.copy_freeze import frozen
from recovery.postgres.dump import DumpContent
from recovery.postgres.load import load
from recovery.postgres.toc import contents

TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND relkind = 'r' AND relpages > 0
"""
"""Those with rows; after ANALYZE, how many of a table's pages have frozen rows alone is in pg_class."""


def names(url: str, condition: str = "true") -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(f"{TABLES} AND {condition}".encode())}


def unvacuumed(url: str) -> set[str]:
    return names(url, "relallvisible < relpages")


def froze(url: str, path: Path, tables: list[str] | None = None, content: DumpContent = "all") -> Path:
    with dumping(url, tables or [], content) as chunks:
        path.write_bytes(b"".join(frozen(chunks)))
    return path


@pytest.fixture
def filled(database: NewDatabase) -> str:
    url = database()
    execute(url, INTERESTING)
    # The rows of such a partition are loaded through its parent: a copy may hash the labels otherwise.
    execute(
        url,
        """
        CREATE TABLE moods (m mood, long text) PARTITION BY HASH (m);
        CREATE TABLE moods_0 PARTITION OF moods FOR VALUES WITH (MODULUS 2, REMAINDER 0);
        CREATE TABLE moods_1 PARTITION OF moods FOR VALUES WITH (MODULUS 2, REMAINDER 1);
        INSERT INTO moods SELECT m, repeat('toast', 99999) FROM unnest(enum_range(NULL::mood)) m;
        """,
    )
    return url


def test_the_tables_that_it_makes_need_no_vacuum(filled: str, database: NewDatabase, tmp_path: Path) -> None:
    copy, plain = database(), database()
    load(clients_for(copy), copy, froze(filled, tmp_path / "a"), jobs=3)
    load(clients_for(plain), plain, archived(filled, tmp_path / "b"), jobs=3)
    assert unvacuumed(copy) == names(copy, "relname LIKE 'moods%'")
    assert unvacuumed(plain) == names(plain)
    # In which partition a label's rows are depends on its OID, so one may be empty.
    others = "relname NOT LIKE 'moods%'"
    assert names(plain, others) == names(copy, others)
    for table in ("customers", "orders", ODD, "events", "dogs", "moods"):
        every = f"TABLE {table} ORDER BY 1".encode()
        with psycopg.connect(copy) as one, psycopg.connect(filled) as other:
            assert one.execute(every).fetchall() == other.execute(every).fetchall() != []
    assert ask(copy, "SELECT encode(lo_get(4242), 'escape')") == "a large object"


def test_chosen_tables_need_none_either(filled: str, database: NewDatabase, tmp_path: Path) -> None:
    copy, chosen = database(), database()
    load(clients_for(copy), copy, froze(filled, tmp_path / "a"), tables=["events", ODD])
    load(clients_for(chosen), chosen, froze(filled, tmp_path / "b", ["events", ODD]))
    for url in (copy, chosen):
        assert names(url) == {"events_2030", "events_rest", 'Sel.ect "x" ünï *?[a]'}
        assert unvacuumed(url) == set()


def test_it_is_the_archive_but_for_these_statements(filled: str, tmp_path: Path) -> None:
    archive, plain = froze(filled, tmp_path / "a"), archived(filled, tmp_path / "b")
    before = [entry.kind for entry in contents(plain).entries]
    assert [entry.kind for entry in contents(archive).entries] == before
    changed = b" WITH (FREEZE)"
    assert archive.read_bytes().count(changed) == before.count("TABLE DATA") - 2
    assert archive.read_bytes()[47:].replace(changed, b"")[-1000:] == plain.read_bytes()[-1000:]


def test_rows_alone_are_loaded_as_ever(database: NewDatabase, tmp_path: Path) -> None:
    source, copy = database(), database()
    for url in (source, copy):
        execute(url, "CREATE TABLE t (x integer)")
    execute(source, "INSERT INTO t VALUES (1), (2)")
    load(clients_for(copy), copy, froze(source, tmp_path / "a", content="data"))
    assert ask(copy, "SELECT count(*) FROM t") == 2


def test_a_single_connection_cannot_restore_it_and_that_is_said(
    filled: str, database: NewDatabase, tmp_path: Path
) -> None:
    copy = database()
    with pytest.raises(Failure, match=r"--jobs 1"):
        load(clients_for(copy), copy, froze(filled, tmp_path / "a"), jobs=1)


def test_an_archive_that_says_where_its_data_is_stays_as_it_is(filled: str, tmp_path: Path) -> None:
    archive = tmp_path / "a"
    subprocess.run([clients_for(filled).dump, "-Fc", "-f", archive], env=environment(filled), check=True)
    assert b"".join(frozen([archive.read_bytes()])) == archive.read_bytes()


@pytest.mark.parametrize("other", [b"", b"PGDMP", b"-- SQL", b"PGDMP\1\143", bytes(100)])
def test_what_is_no_archive_is_passed_on(other: bytes) -> None:
    assert b"".join(frozen([other, b"more"])) == other + b"more"


def test_it_does_not_matter_how_an_archive_is_cut(database: NewDatabase, tmp_path: Path) -> None:
    url = database()
    execute(url, "CREATE TABLE t (x text); INSERT INTO t SELECT g FROM generate_series(1, 100) g")
    whole = archived(url, tmp_path / "a").read_bytes()
    changed = b"".join(frozen([whole]))
    assert changed.count(b"(FREEZE)") == 1

    @given(st.lists(st.integers(0, len(whole))), st.integers(0, len(whole)))
    def cut(places: list[int], end: int) -> None:
        ends = sorted({*(place for place in places if place < end), end})
        pieces = [whole[one:other] for one, other in zip([0, *ends], ends, strict=False)]
        found = b"".join(frozen(pieces))
        table_of_contents = contents(tmp_path / "a").layout.data
        assert found == (changed[: len(found)] if end >= table_of_contents else whole[:end])

    cut()

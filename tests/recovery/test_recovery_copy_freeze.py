"""COPY FREEZE in a parallel restore: for the tables that the restore creates, and for no others."""

import subprocess
from pathlib import Path

import psycopg
import pytest
from dump_fixtures import (
    INTERESTING,
    ODD_TABLE,
    dump_stream,
    dump_to_file,
    execute,
    fetch_value,
    find_clients,
)
from hypothesis import given
from hypothesis import strategies as st
from servers import NewDatabase

from recovery.manifest import DumpContent
from recovery.postgres.connection import libpq_environment
from recovery.postgres.copy_freeze import add_copy_freeze
from recovery.postgres.load import load
from recovery.postgres.toc import read_toc

TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND relkind = 'r' AND relpages > 0
"""
"""Tables with rows. After ANALYZE, relallvisible counts the pages of a table that have frozen rows alone."""


def table_names(url: str, condition: str = "true") -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute(f"{TABLES} AND {condition}".encode())}


def tables_to_vacuum(url: str) -> set[str]:
    return table_names(url, "relallvisible < relpages")


def dump_frozen(url: str, path: Path, tables: list[str] | None = None, content: DumpContent = "all") -> Path:
    with dump_stream(url, tables or [], content) as chunks:
        path.write_bytes(b"".join(add_copy_freeze(chunks)))
    return path


@pytest.fixture
def filled_database(new_database: NewDatabase) -> str:
    url = new_database()
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


def test_tables_that_a_restore_creates_need_no_vacuum(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy, plain = new_database(), new_database()
    load(find_clients(copy), copy, dump_frozen(filled_database, tmp_path / "a"), jobs=3)
    load(find_clients(plain), plain, dump_to_file(filled_database, tmp_path / "b"), jobs=3)
    assert tables_to_vacuum(copy) == table_names(copy, "relname LIKE 'moods%'")
    assert tables_to_vacuum(plain) == table_names(plain)
    # In which partition a label's rows are depends on its OID, so one may be empty.
    others = "relname NOT LIKE 'moods%'"
    assert table_names(plain, others) == table_names(copy, others)
    for table in ("customers", "orders", ODD_TABLE, "events", "dogs", "moods"):
        every = f"TABLE {table} ORDER BY 1".encode()
        with psycopg.connect(copy) as one, psycopg.connect(filled_database) as other:
            assert one.execute(every).fetchall() == other.execute(every).fetchall() != []
    assert fetch_value(copy, "SELECT encode(lo_get(4242), 'escape')") == "a large object"


def test_chosen_tables_need_no_vacuum_either(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy, chosen = new_database(), new_database()
    load(find_clients(copy), copy, dump_frozen(filled_database, tmp_path / "a"), tables=["events", ODD_TABLE])
    load(find_clients(chosen), chosen, dump_frozen(filled_database, tmp_path / "b", ["events", ODD_TABLE]))
    for url in (copy, chosen):
        assert table_names(url) == {"events_2030", "events_rest", 'Sel.ect "x" ünï *?[a]'}
        assert tables_to_vacuum(url) == set()


def test_freezing_changes_nothing_of_an_archive_but_its_copy_statements(
    filled_database: str, tmp_path: Path
) -> None:
    archive, plain = (
        dump_frozen(filled_database, tmp_path / "a"),
        dump_to_file(filled_database, tmp_path / "b"),
    )
    before = [entry.kind for entry in read_toc(plain).entries]
    assert [entry.kind for entry in read_toc(archive).entries] == before
    changed = b" WITH (FREEZE)"
    assert archive.read_bytes().count(changed) == before.count("TABLE DATA") - 2
    assert archive.read_bytes()[47:].replace(changed, b"")[-1000:] == plain.read_bytes()[-1000:]


def test_an_archive_of_rows_alone_is_loaded_without_freeze(new_database: NewDatabase, tmp_path: Path) -> None:
    source, copy = new_database(), new_database()
    for url in (source, copy):
        execute(url, "CREATE TABLE t (x integer)")
    execute(source, "INSERT INTO t VALUES (1), (2)")
    load(find_clients(copy), copy, dump_frozen(source, tmp_path / "a", content="data"))
    assert fetch_value(copy, "SELECT count(*) FROM t") == 2


def test_a_frozen_archive_is_restored_over_a_single_connection_too(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    load(find_clients(copy), copy, dump_frozen(filled_database, tmp_path / "a"), jobs=1)
    assert fetch_value(copy, "SELECT count(*) FROM orders") == 500


def test_an_archive_with_offsets_is_passed_on_unchanged(filled_database: str, tmp_path: Path) -> None:
    archive = tmp_path / "a"
    subprocess.run(
        [find_clients(filled_database).dump, "-Fc", "-f", archive],
        env=libpq_environment(filled_database),
        check=True,
    )
    assert b"".join(add_copy_freeze([archive.read_bytes()])) == archive.read_bytes()


@pytest.mark.parametrize("other", [b"", b"PGDMP", b"-- SQL", b"PGDMP\1\143", bytes(100)])
def test_bytes_that_are_no_archive_are_passed_on_unchanged(other: bytes) -> None:
    assert b"".join(add_copy_freeze([other, b"more"])) == other + b"more"


def test_the_sizes_of_an_archives_chunks_do_not_matter(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    execute(url, "CREATE TABLE t (x text); INSERT INTO t SELECT g FROM generate_series(1, 100) g")
    whole = dump_to_file(url, tmp_path / "a").read_bytes()
    changed = b"".join(add_copy_freeze([whole]))
    assert changed.count(b"(FREEZE)") == 1

    @given(st.lists(st.integers(0, len(whole))), st.integers(0, len(whole)))
    def cut(places: list[int], end: int) -> None:
        ends = sorted({*(place for place in places if place < end), end})
        pieces = [whole[one:other] for one, other in zip([0, *ends], ends, strict=False)]
        found = b"".join(add_copy_freeze(pieces))
        table_of_contents = read_toc(tmp_path / "a").layout.data_start
        assert found == (changed[: len(found)] if end >= table_of_contents else whole[:end])

    cut()

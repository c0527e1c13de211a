"""Dumps by the real pg_dump: their content, and that only a complete dump ends without a Failure."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from dump_fixtures import (
    INTERESTING,
    ODD_TABLE,
    create_bulk_table,
    dump_stream,
    dump_to_file,
    execute,
    fetch_value,
    find_clients,
    has_no_secret,
)
from servers import PASSWORD, NewDatabase

from core.failure import Failure
from recovery.postgres.compression import compress, decompress
from recovery.postgres.dump import dump
from recovery.postgres.snapshot import take_snapshot
from recovery.postgres.toc import read_toc

MEGABYTE = 1 << 20


def find_pg_dump() -> psutil.Process:
    """Find the pg_dump that this test runs."""
    return next(one for one in psutil.Process().children() if one.name() == "pg_dump")


def consume(chunks: Iterator[bytes], count: int) -> int:
    total = 0
    while total < count:
        total += len(next(chunks))
    return total


def test_an_archive_tells_exactly_what_is_in_it(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    execute(url, INTERESTING)
    found = read_toc(dump_to_file(url, tmp_path / "a"))
    assert (found.server.split(".")[0], found.client.split(".")[0]) == ("18", "18")
    tables = {(entry.schema, entry.name) for entry in found.of_kind("TABLE DATA")}
    assert ("Odd Schema", 'Sel.ect "x" ünï *?[a]') in tables
    assert ("public", "select") in tables
    assert any(found.of_kind("BLOBS"))
    assert {entry.owner for entry in found.of_kind("TABLE")} == {"cloud_admin"}


def test_writes_during_the_dump_do_not_show(new_database: NewDatabase, tmp_path: Path) -> None:
    url, copy = new_database(), new_database()
    create_bulk_table(url, 4_000)
    with dump_stream(url) as chunks:
        first = next(chunks)
        execute(url, "DELETE FROM bulk WHERE id % 2 = 0; INSERT INTO bulk VALUES (-1, 'late')")
        archive = tmp_path / "a"
        archive.write_bytes(first + b"".join(chunks))
    from recovery.postgres.load import load  # noqa: PLC0415 - only this test restores

    load(find_clients(copy), copy, archive)
    assert fetch_value(copy, "SELECT (count(*), min(id), max(id))::text FROM bulk") == "(4000,1,4000)"


@pytest.mark.parametrize("consumed", [1, 20 * MEGABYTE])
def test_a_killed_pg_dump_never_ends_the_stream_normally(new_database: NewDatabase, consumed: int) -> None:
    url = new_database()
    create_bulk_table(url, 40_000)
    with dump_stream(url) as chunks:
        consume(chunks, consumed)
        find_pg_dump().kill()
        with pytest.raises(Failure, match=r"not whole: pg_dump was ended by SIGKILL"):
            for _ in chunks:
                pass
        with pytest.raises(StopIteration):
            next(chunks)


def test_a_pg_dump_that_is_killed_after_its_last_byte_has_failed(
    new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_database()
    execute(url, "CREATE TABLE t (x integer)")
    clients = find_clients(url)
    wrapper = tmp_path / "pg_dump"
    wrapper.write_text(f'#!/bin/sh\n"{clients.dump}" "$@" || exit 1\nexec 1>&-\nkill -KILL $$\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr(
        "dump_fixtures.find_clients", lambda _: type(clients)(wrapper, clients.restore, "18.4")
    )
    with dump_stream(url) as chunks:
        assert next(chunks).startswith(b"PGDMP")
        with pytest.raises(Failure, match="SIGKILL"):
            next(chunks)


def test_a_session_that_the_server_ends_fails_the_dump(new_database: NewDatabase) -> None:
    url = new_database()
    create_bulk_table(url, 40_000)
    with dump_stream(url) as chunks:
        consume(chunks, 5 * MEGABYTE)
        execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE 'COPY%' AND datname = current_database()",
        )
        with pytest.raises(Failure, match="not whole") as raised:
            for _ in chunks:
                pass
    # The server's own message may or may not arrive before the connection is closed.
    assert "Dumping the contents of table" in str(raised.value)
    assert has_no_secret(str(raised.value))


def test_a_closed_stream_ends_pg_dump(new_database: NewDatabase) -> None:
    url = new_database()
    create_bulk_table(url, 40_000)
    with dump_stream(url) as chunks:
        packed = compress(chunks)
        threading_before = threading.active_count()
        assert next(packed)
        process = find_pg_dump()
        packed.close()  # pyrefly: ignore[missing-attribute] - it is a generator
        assert not process.is_running()
        assert threading.active_count() <= threading_before


def test_a_wrong_password_fails_before_the_first_chunk_and_is_not_shown(new_database: NewDatabase) -> None:
    url = new_database()
    wrong = url.replace(PASSWORD, "wrong-planted")
    with take_snapshot(url) as shot, pytest.raises(Failure, match="password authentication failed") as raised:
        next(dump(find_clients(url), wrong, shot.id))
    assert "wrong-planted" not in str(raised.value)


def test_a_dump_of_a_snapshot_that_is_gone_fails_with_the_next_step(new_database: NewDatabase) -> None:
    url = new_database()
    with take_snapshot(url) as shot:
        pass
    with pytest.raises(Failure, match="run the backup again: the connection that held"):
        next(dump(find_clients(url), url, shot.id))


def test_the_password_is_in_no_argument_of_a_running_pg_dump(new_database: NewDatabase) -> None:
    url = new_database()
    create_bulk_table(url, 20_000)
    with dump_stream(url) as chunks:
        seen: list[str] = []
        for _ in chunks:
            seen.extend(
                Path(f"/proc/{pid}/cmdline").read_text()
                for pid in [find_pg_dump().pid]
                if psutil.pid_exists(pid)
            )
            if len(seen) > 5:
                break
        assert "--snapshot=" in seen[0]
        assert all(has_no_secret(line) for line in seen)


def test_output_of_pg_dump_that_is_no_archive_is_refused(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    clients = find_clients(url)
    for text, cause in (("-- SQL", "no archive"), ("", "not whole"), ("PGD", "not whole")):
        program = tmp_path / "pg_dump"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{text}'\n")
        program.chmod(0o755)
        with pytest.raises(Failure, match=cause):
            list(dump(type(clients)(program, clients.restore, "18.4"), url, "none"))


@pytest.mark.parametrize(
    ("chosen", "tables"),
    [
        ((ODD_TABLE,), {'Sel.ect "x" ünï *?[a]'}),
        (("select",), {"select"}),
        (("Upper", "public.customers"), {"Upper", "customers"}),
        (("events",), {"events", "events_2030", "events_rest"}),
        (("animals",), {"animals", "dogs"}),
    ],
)
def test_tables_are_chosen_by_their_exact_names(
    new_database: NewDatabase, tmp_path: Path, chosen: tuple[str, ...], tables: set[str]
) -> None:
    url = new_database()
    execute(url, INTERESTING)
    found = read_toc(dump_to_file(url, tmp_path / "a", chosen))
    assert {entry.name for entry in found.of_kind("TABLE")} == tables
    assert any(entry.kind == "TABLE DATA" for entry in found.entries)


@pytest.mark.parametrize("missing", ["upper", "cust*", "nobody", "Odd Schema.customers"])
def test_a_name_that_matches_no_table_fails_the_dump_even_beside_one_that_does(
    new_database: NewDatabase, missing: str
) -> None:
    url = new_database()
    execute(url, INTERESTING)
    with (
        dump_stream(url, ("customers", missing)) as chunks,
        pytest.raises(Failure, match="no matching tables"),
    ):
        next(chunks)


@pytest.mark.parametrize("name", ["", ".", "a.b.c", 'a"b', '"a', "a.", '"a"b', '""'])
def test_a_malformed_table_name_is_refused_before_pg_dump_runs(new_database: NewDatabase, name: str) -> None:
    with (
        dump_stream(new_database(), (name,)) as chunks,
        pytest.raises(Failure, match="not the name of a table"),
    ):
        next(chunks)


def test_a_dump_can_hold_definitions_or_rows_alone(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    execute(url, INTERESTING)
    schema = {entry.kind for entry in read_toc(dump_to_file(url, tmp_path / "s", content="schema")).entries}
    data = {entry.kind for entry in read_toc(dump_to_file(url, tmp_path / "d", content="data")).entries}
    assert "TABLE" in schema
    assert "TABLE DATA" not in schema
    assert "TABLE DATA" in data
    assert "TABLE" not in data


def test_a_role_that_may_not_read_a_row_fails_the_dump(new_database: NewDatabase) -> None:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (x integer); CREATE ROLE half LOGIN PASSWORD 'planted-half'")
        try:
            weak = url.replace("cloud_admin", "half").replace(PASSWORD, "planted-half")
            with take_snapshot(url) as shot, pytest.raises(Failure, match="permission denied") as raised:
                list(dump(find_clients(url), weak, shot.id))
            assert "planted" not in str(raised.value)
        finally:
            connection.execute("DROP ROLE half")


def test_a_stopped_pg_dump_is_killed_when_its_stream_is_closed(new_database: NewDatabase) -> None:
    url = new_database()
    create_bulk_table(url, 20_000)
    with dump_stream(url) as chunks:
        next(chunks)
        process = find_pg_dump()
        os.kill(process.pid, signal.SIGSTOP)
        started = time.monotonic()
        chunks.close()  # pyrefly: ignore[missing-attribute] - it is a generator
        assert not process.is_running()
        assert time.monotonic() - started < 60


def test_a_compressed_dump_comes_back_unchanged(new_database: NewDatabase) -> None:
    url = new_database()
    execute(url, INTERESTING)
    with dump_stream(url) as chunks:
        raw = list(chunks)
    assert b"".join(decompress(compress(raw), max_bytes=1 << 30)) == b"".join(raw)

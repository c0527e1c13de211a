"""Dumps by the real pg_dump: what is in them, and that nothing but a whole one ends like a whole one."""

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
    ODD,
    archived,
    ask,
    clients_for,
    dumping,
    execute,
    fill,
    shows_no_secret,
)
from servers import PASSWORD, NewDatabase

from core.failure import Failure
from recovery.postgres.compression import compressed, decompressed
from recovery.postgres.dump import dump
from recovery.postgres.snapshot import snapshot
from recovery.postgres.toc import contents

MEGABYTE = 1 << 20


def child() -> psutil.Process:
    """Find the pg_dump that this test runs."""
    return next(one for one in psutil.Process().children() if one.name() == "pg_dump")


def consumed_until(chunks: Iterator[bytes], count: int) -> int:
    total = 0
    while total < count:
        total += len(next(chunks))
    return total


def test_an_archive_tells_exactly_what_is_in_it(database: NewDatabase, tmp_path: Path) -> None:
    url = database()
    execute(url, INTERESTING)
    found = contents(archived(url, tmp_path / "a"))
    assert (found.server.split(".")[0], found.client.split(".")[0]) == ("18", "18")
    tables = {(entry.schema, entry.name) for entry in found.of_kind("TABLE DATA")}
    assert ("Odd Schema", 'Sel.ect "x" ünï *?[a]') in tables
    assert ("public", "select") in tables
    assert any(found.of_kind("BLOBS"))
    assert {entry.owner for entry in found.of_kind("TABLE")} == {"cloud_admin"}


def test_writes_during_the_dump_do_not_show(database: NewDatabase, tmp_path: Path) -> None:
    url, copy = database(), database()
    fill(url, 4_000)
    with dumping(url) as chunks:
        first = next(chunks)
        execute(url, "DELETE FROM bulk WHERE id % 2 = 0; INSERT INTO bulk VALUES (-1, 'late')")
        archive = tmp_path / "a"
        archive.write_bytes(first + b"".join(chunks))
    from recovery.postgres.load import load  # noqa: PLC0415 - only this test restores

    load(clients_for(copy), copy, archive)
    assert ask(copy, "SELECT (count(*), min(id), max(id))::text FROM bulk") == "(4000,1,4000)"


@pytest.mark.parametrize("consumed", [1, 20 * MEGABYTE])
def test_a_killed_pg_dump_never_ends_the_stream_normally(database: NewDatabase, consumed: int) -> None:
    url = database()
    fill(url, 40_000)
    with dumping(url) as chunks:
        consumed_until(chunks, consumed)
        child().kill()
        with pytest.raises(Failure, match=r"not whole: pg_dump was ended by SIGKILL"):
            for _ in chunks:
                pass
        with pytest.raises(StopIteration):
            next(chunks)


def test_a_pg_dump_that_is_killed_after_its_last_byte_has_failed(
    database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = database()
    execute(url, "CREATE TABLE t (x integer)")
    clients = clients_for(url)
    wrapper = tmp_path / "pg_dump"
    wrapper.write_text(f'#!/bin/sh\n"{clients.dump}" "$@" || exit 1\nexec 1>&-\nkill -KILL $$\n')
    wrapper.chmod(0o755)
    monkeypatch.setattr("dumping.clients_for", lambda _: type(clients)(wrapper, clients.restore, "18.4"))
    with dumping(url) as chunks:
        assert next(chunks).startswith(b"PGDMP")
        with pytest.raises(Failure, match="SIGKILL"):
            next(chunks)


def test_a_session_that_the_server_ends_fails_the_dump(database: NewDatabase) -> None:
    url = database()
    fill(url, 40_000)
    with dumping(url) as chunks:
        consumed_until(chunks, 5 * MEGABYTE)
        execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE 'COPY%' AND datname = current_database()",
        )
        with pytest.raises(Failure, match="not whole") as raised:
            for _ in chunks:
                pass
    # Whether the server's own words get through before the connection is gone is a matter of moments.
    assert "Dumping the contents of table" in str(raised.value)
    assert shows_no_secret(str(raised.value))


def test_a_closed_stream_ends_pg_dump(database: NewDatabase) -> None:
    url = database()
    fill(url, 40_000)
    with dumping(url) as chunks:
        packed = compressed(chunks)
        threading_before = threading.active_count()
        assert next(packed)
        process = child()
        packed.close()  # pyright: ignore[reportAttributeAccessIssue] - it is a generator
        assert not process.is_running()
        assert threading.active_count() <= threading_before


def test_a_wrong_password_fails_before_the_first_chunk_and_is_not_shown(database: NewDatabase) -> None:
    url = database()
    wrong = url.replace(PASSWORD, "wrong-planted")
    with snapshot(url) as shot, pytest.raises(Failure, match="password authentication failed") as raised:
        next(dump(clients_for(url), wrong, shot.id))
    assert "wrong-planted" not in str(raised.value)


def test_a_snapshot_that_is_gone_fails_with_what_to_do(database: NewDatabase) -> None:
    url = database()
    with snapshot(url) as shot:
        pass
    with pytest.raises(Failure, match="run the backup again: the connection that held"):
        next(dump(clients_for(url), url, shot.id))


def test_the_password_is_in_no_argument_while_it_runs(database: NewDatabase) -> None:
    url = database()
    fill(url, 20_000)
    with dumping(url) as chunks:
        seen: list[str] = []
        for _ in chunks:
            seen.extend(
                Path(f"/proc/{pid}/cmdline").read_text() for pid in [child().pid] if psutil.pid_exists(pid)
            )
            if len(seen) > 5:
                break
        assert "--snapshot=" in seen[0]
        assert all(shows_no_secret(line) for line in seen)


def test_what_is_no_archive_is_refused(database: NewDatabase, tmp_path: Path) -> None:
    url = database()
    clients = clients_for(url)
    for text, cause in (("-- SQL", "no archive"), ("", "not whole"), ("PGD", "not whole")):
        program = tmp_path / "pg_dump"
        program.write_text(f"#!/bin/sh\nprintf '%s' '{text}'\n")
        program.chmod(0o755)
        with pytest.raises(Failure, match=cause):
            list(dump(type(clients)(program, clients.restore, "18.4"), url, "none"))


@pytest.mark.parametrize(
    ("chosen", "tables"),
    [
        ((ODD,), {'Sel.ect "x" ünï *?[a]'}),
        (("select",), {"select"}),
        (("Upper", "public.customers"), {"Upper", "customers"}),
        (("events",), {"events", "events_2030", "events_rest"}),
        (("animals",), {"animals", "dogs"}),
    ],
)
def test_tables_are_chosen_by_their_exact_names(
    database: NewDatabase, tmp_path: Path, chosen: tuple[str, ...], tables: set[str]
) -> None:
    url = database()
    execute(url, INTERESTING)
    found = contents(archived(url, tmp_path / "a", chosen))
    assert {entry.name for entry in found.of_kind("TABLE")} == tables
    assert any(entry.kind == "TABLE DATA" for entry in found.entries)


@pytest.mark.parametrize("missing", ["upper", "cust*", "nobody", "Odd Schema.customers"])
def test_a_name_without_a_table_fails_even_beside_one_that_has(database: NewDatabase, missing: str) -> None:
    url = database()
    execute(url, INTERESTING)
    with dumping(url, ("customers", missing)) as chunks, pytest.raises(Failure, match="no matching tables"):
        next(chunks)


@pytest.mark.parametrize("name", ["", ".", "a.b.c", 'a"b', '"a', "a.", '"a"b', '""'])
def test_what_is_no_name_is_refused_before_anything_runs(database: NewDatabase, name: str) -> None:
    with dumping(database(), (name,)) as chunks, pytest.raises(Failure, match="not the name of a table"):
        next(chunks)


def test_definitions_or_rows_alone(database: NewDatabase, tmp_path: Path) -> None:
    url = database()
    execute(url, INTERESTING)
    schema = {entry.kind for entry in contents(archived(url, tmp_path / "s", content="schema")).entries}
    data = {entry.kind for entry in contents(archived(url, tmp_path / "d", content="data")).entries}
    assert "TABLE" in schema
    assert "TABLE DATA" not in schema
    assert "TABLE DATA" in data
    assert "TABLE" not in data


def test_a_role_that_may_not_read_a_row_fails_the_dump(database: NewDatabase) -> None:
    url = database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (x integer); CREATE ROLE half LOGIN PASSWORD 'planted-half'")
        try:
            weak = url.replace("cloud_admin", "half").replace(PASSWORD, "planted-half")
            with snapshot(url) as shot, pytest.raises(Failure, match="permission denied") as raised:
                list(dump(clients_for(url), weak, shot.id))
            assert "planted" not in str(raised.value)
        finally:
            connection.execute("DROP ROLE half")


def test_a_stopped_child_is_killed_when_nobody_reads_on(database: NewDatabase) -> None:
    url = database()
    fill(url, 20_000)
    with dumping(url) as chunks:
        next(chunks)
        process = child()
        os.kill(process.pid, signal.SIGSTOP)
        started = time.monotonic()
        chunks.close()  # pyright: ignore[reportAttributeAccessIssue] - it is a generator
        assert not process.is_running()
        assert time.monotonic() - started < 60


def test_a_compressed_dump_comes_back_unchanged(database: NewDatabase) -> None:
    url = database()
    execute(url, INTERESTING)
    with dumping(url) as chunks:
        raw = list(chunks)
    assert b"".join(decompressed(compressed(raw))) == b"".join(raw)

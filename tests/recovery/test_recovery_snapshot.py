"""Snapshots: all sessions that join one see the same moment, and one that can't be held is a Failure."""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from odd_database import ROLE_PASSWORD, OddDatabase, checksums_of
from servers import (
    PASSWORD,
    NewDatabase,
    database_url,
    noise_database,
    run_program,
    wait_for_no_session,
)

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres.checksums import compare_checksums, compute_checksums
from recovery.postgres.snapshot import join_snapshot, take_snapshot

pytestmark = pytest.mark.shares("odd-database")


def test_writes_after_a_snapshot_are_in_neither_its_checksums_nor_its_dump(
    odd: OddDatabase, cluster: Cluster, new_database: NewDatabase, tmp_path: Path
) -> None:
    busy, copy = new_database(template=odd.name), new_database()
    with take_snapshot(busy) as shot, psycopg.connect(busy, autocommit=True) as writer:
        writer.execute("UPDATE many SET content = content || '!'; DELETE FROM twins WHERE a IS NULL")
        writer.execute(
            "INSERT INTO measured (at, region, value) SELECT now(), 'south', 1 FROM generate_series(1, 9)"
        )
        writer.execute("SELECT lo_put(900001, 0, 'changed'), lo_unlink(900002), nextval('never_used')")
        writer.execute("CREATE TABLE newer (id integer)")
        found = compute_checksums(busy, shot)
        dumped = ("--format=custom", f"--snapshot={shot.id}", f"--file={tmp_path / 'dump'}", busy)
        run_program(cluster, "pg_dump", *dumped)
    run_program(cluster, "pg_restore", "--exit-on-error", f"--dbname={copy}", tmp_path / "dump")
    assert found == odd.checksums
    assert not compare_checksums(found, checksums_of(copy)), "sequences are ahead, and nothing else differs"


def test_the_checksums_of_a_snapshot_stay_equal_while_others_write(
    odd: OddDatabase, new_database: NewDatabase
) -> None:
    busy = new_database(template=odd.name)
    done = threading.Event()

    def write() -> None:
        with psycopg.connect(busy, autocommit=True) as writer:
            while not done.is_set():
                writer.execute("UPDATE many SET content = md5(content) WHERE id = (random() * 5000)::integer")

    threads = [threading.Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        with take_snapshot(busy) as shot:
            first = compute_checksums(busy, shot)
            assert [compute_checksums(busy, shot).tables for _ in range(3)] == [first.tables] * 3
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert checksums_of(busy).tables != first.tables


def test_no_table_can_be_truncated_or_altered_during_a_snapshot(
    odd: OddDatabase, new_database: NewDatabase
) -> None:
    held = new_database(template=odd.name)
    with take_snapshot(held), psycopg.connect(held, autocommit=True) as other:
        other.execute("SET lock_timeout = '50ms'")
        for statement in (
            "TRUNCATE many",
            "DROP TABLE empty",
            "ALTER TABLE measured_rest ADD COLUMN more text",
        ):
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(statement)
    with psycopg.connect(held, autocommit=True) as other:
        other.execute("TRUNCATE many")


def test_a_table_that_stays_locked_fails_the_snapshot(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recovery.postgres.snapshot._LOCK_WAIT_SECONDS", 1)
    url = new_database()
    with psycopg.connect(url) as other:
        other.execute("CREATE TABLE busy ()")
        other.commit()
        other.execute("LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Failure, match="locked by another session for 1 seconds"), take_snapshot(url):
            pass


def test_a_snapshot_has_the_time_and_the_server_of_its_origin(odd: OddDatabase, cluster: Cluster) -> None:
    before = datetime.now(UTC)
    with take_snapshot(odd.url) as shot:
        pass
    assert abs(shot.taken_at - before) < timedelta(minutes=1)
    assert shot.taken_at.tzinfo is UTC
    assert int(shot.lsn.split("/")[1], 16) > 0
    assert shot.server.model_dump() == {
        "version": "18.4",
        "major": 18,
        "system_identifier": str(cluster.system_identifier),
        "database": "odd",
        "encoding": "UTF8",
        "collation": "builtin:C.UTF-8",
        "ctype": "C.UTF-8",
        "locale_provider": "builtin",
        "locale": "C.UTF-8",
        "icu_rules": "",
    }


def test_checksums_do_not_depend_on_the_settings_of_a_database_or_role(
    odd: OddDatabase, cluster: Cluster, new_database: NewDatabase
) -> None:
    other = new_database("set otherwise", template=odd.name)
    with psycopg.connect(database_url(cluster, "postgres"), autocommit=True) as connection:
        for setting in (
            *("search_path = public", "DateStyle = 'German'", "TimeZone = 'Asia/Tokyo'", "row_security = on"),
            *("IntervalStyle = 'iso_8601'", "extra_float_digits = -15", "bytea_output = 'escape'"),
            *(
                "quote_all_identifiers = on",
                "client_encoding = 'LATIN1'",
                "default_transaction_deferrable = on",
            ),
        ):
            connection.execute(f'ALTER DATABASE "set otherwise" SET {setting}'.encode())
    assert checksums_of(f"{other}?options=-cstatement_timeout%3D10s") == odd.checksums


def test_a_pooled_host_is_refused() -> None:
    for url in (
        "postgresql://u:planted@ep-odd-name-pooler.eu.example.com/db",
        "host=direct.example.com,other-pooler.example.com user=u password=planted",
    ):
        with pytest.raises(Failure, match="is a pooled host") as caught, take_snapshot(url):
            pass
        assert "direct host" in str(caught.value)
        assert "planted" not in str(caught.value)


@contextmanager
def pooler() -> Generator[int]:
    """Answer one connection as PgBouncer answers an unsupported startup parameter; give the port."""
    message = b"SFATAL\0C08P01\0Munsupported startup parameter in options: jit\0\0"
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4_096)
                connection.sendall(b"E" + (len(message) + 4).to_bytes(4, "big") + message)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_pooler_under_any_name_is_refused() -> None:
    with pooler() as port:
        url = f"postgresql://u:planted@127.0.0.1:{port}/db?sslmode=disable&gssencmode=disable"
        with pytest.raises(Failure, match="behind a connection pooler"), take_snapshot(url):
            pass


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("postgresql://u:planted@127.0.0.1:1/db?nonsense=1", "is not one that PostgreSQL understands"),
        ("postgresql://u:planted@127.0.0.1:1/db", 'cannot connect to the database "db" at 127.0.0.1 as u'),
    ],
)
def test_no_failure_shows_the_password(url: str, cause: str) -> None:
    with pytest.raises(Failure, match=cause) as caught, take_snapshot(url):
        pass
    assert "planted" not in str(caught.value)


def test_a_wrong_password_is_a_failure(odd: OddDatabase) -> None:
    with (
        pytest.raises(Failure, match="cannot connect") as caught,
        take_snapshot(odd.url.replace(PASSWORD, "bad")),
    ):
        pass
    assert "password authentication failed" in str(caught.value)


def test_a_snapshot_that_is_gone_cannot_be_joined(odd: OddDatabase) -> None:
    with take_snapshot(odd.url) as shot:
        pass
    with (
        pytest.raises(Failure, match="the snapshot of the database is gone"),
        join_snapshot(odd.url, shot.id),
    ):
        pass


def test_a_lost_connection_is_a_failure_and_leaves_no_session_behind(cluster: Cluster) -> None:
    with (
        noise_database(cluster, "cut off", rows=100_000, digests=7) as url,
        psycopg.connect(database_url(cluster, "postgres"), autocommit=True) as other,
    ):

        def cut() -> None:
            ended, deadline = 0, time.monotonic() + 30
            while not ended and time.monotonic() < deadline:
                [(ended,)] = other.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE datname = 'cut off' AND state = 'active' AND query LIKE '%hashtextextended%noise%'"
                ).fetchall()

        cutting = threading.Thread(target=cut)
        cutting.start()
        with pytest.raises(Failure, match="could not read the rows of"), take_snapshot(url) as shot:
            compute_checksums(url, shot, workers=1)
        cutting.join()
        wait_for_no_session(url, "cut off")


@pytest.fixture
def reader_url(odd: OddDatabase, cluster: Cluster) -> Generator[str]:
    """Give the URL of a role that may read all rows of all tables, but no large object."""
    with psycopg.connect(odd.url, autocommit=True) as admin:
        admin.execute('GRANT pg_read_all_data TO "odd reader"; ALTER ROLE "odd reader" BYPASSRLS')
        try:
            yield database_url(cluster, odd.name, "odd reader", ROLE_PASSWORD)
        finally:
            admin.execute('REVOKE pg_read_all_data FROM "odd reader"; ALTER ROLE "odd reader" NOBYPASSRLS')


def test_a_role_that_reads_everything_finds_what_the_superuser_finds(
    odd: OddDatabase, reader_url: str
) -> None:
    found = checksums_of(reader_url, tables=("many", "measured", "everything", "order"))
    assert found == checksums_of(odd.url, tables=("many", "measured", "everything", "order"))


def test_rows_that_a_role_may_not_read_are_a_failure(
    odd: OddDatabase, cluster: Cluster, reader_url: str
) -> None:
    # Repeated: an error that follows from the first one must never be reported instead of it.
    for workers in (1, 2, 3) * 10:
        with pytest.raises(Failure, match=r'"odd reader" may not read the rows of large objects'):
            checksums_of(reader_url, workers=workers)
    stranger = database_url(cluster, odd.name, "odd app", ROLE_PASSWORD)
    with pytest.raises(Failure, match=r'"odd app" may not read the rows of table "public"\."empty"'):
        checksums_of(stranger, tables=("empty",))
    with pytest.raises(Failure, match=r'"odd app" may not read the sequence "public"\."never_used"'):
        checksums_of(stranger, tables=("never_used",))


def test_rows_that_row_security_hides_are_a_failure(odd: OddDatabase, cluster: Cluster) -> None:
    app = database_url(cluster, odd.name, "odd app", ROLE_PASSWORD)
    with psycopg.connect(app) as connection:
        assert connection.execute("SELECT count(*) FROM many").fetchone() != (5000,)
    with pytest.raises(Failure, match=r'"odd app" may not read the rows of table "public"\."many"') as caught:
        checksums_of(app, tables=("many",))
    assert "row-level security" in str(caught.value)
    assert "BYPASSRLS" in str(caught.value)

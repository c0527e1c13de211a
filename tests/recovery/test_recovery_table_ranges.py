"""Large tables are read in ranges by several connections: archive and figures are those of one read."""

import subprocess
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest
from dump_fixtures import INTERESTING, ODD_TABLE, create_bulk_table, dump_to_file, execute, find_clients
from odd_database import OddDatabase, checksums_of
from psycopg import sql
from servers import PASSWORD, NewDatabase, database_url, program_path, wait_for_no_session
from vaults import ProxiedVault, back_up_database

from core.failure import Failure
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from recovery.postgres import table_ranges
from recovery.postgres.checksums import compare_checksums
from recovery.postgres.connection import libpq_environment
from recovery.postgres.database_reading import DatabaseReading
from recovery.postgres.snapshot import take_snapshot
from recovery.postgres.spare_connections import choose_connections
from recovery.postgres.toc import read_toc
from recovery.restore import RestoreOptions, restore_database
from recovery.verify import CreateScratchDatabase, verify

pytestmark = pytest.mark.shares("odd-database")

BLOCK_BYTES = 8192
MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every table with rows in ranges of four blocks."""
    monkeypatch.setattr(table_ranges, "_LARGE_BYTES", 1)
    monkeypatch.setattr(table_ranges, "_RANGE_BYTES", 4 * BLOCK_BYTES)


@contextmanager
def reading_of(url: str, connections: int = 3, read_as: str = "") -> Generator[DatabaseReading]:
    with (
        take_snapshot(url) as shot,
        DatabaseReading(find_clients(url), read_as or url, shot, connections=connections) as reading,
    ):
        yield reading


def read_to_file(url: str, path: Path, connections: int = 3) -> DatabaseReading:
    with reading_of(url, connections) as reading:
        path.write_bytes(b"".join(reading.read_archive()))
        reading.read_checksums()
    return reading


def find_readers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "psql"]


def consume(chunks: Iterator[bytes], count: int) -> None:
    while count > 0:
        count -= len(next(chunks))


def restore_plainly(cluster: Cluster, archive: Path, target: str, *options: str) -> None:
    subprocess.run(
        [program_path(cluster, "pg_restore"), "--exit-on-error", "--dbname=", *options, archive],
        env=libpq_environment(target),
        check=True,
        timeout=120,
    )


def list_entries(archive: Path) -> "Counter[tuple[str, ...]]":
    return Counter(
        (entry.kind, entry.schema, entry.name, entry.owner, entry.statement)
        for entry in read_toc(archive).entries
    )


def write_script(cluster: Cluster, archive: Path) -> list[str]:
    """Return what pg_restore makes of an archive, in a sorted order of lines."""
    script = subprocess.run(
        [program_path(cluster, "pg_restore"), "--file=-", archive],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    return sorted(
        line for line in script.splitlines() if not line.startswith(("\\restrict", "\\unrestrict", "--"))
    )


@pytest.mark.parametrize("connections", [1, 3])
def test_an_archive_holds_what_pg_dumps_own_would_hold(
    odd: OddDatabase, cluster: Cluster, tmp_path: Path, connections: int
) -> None:
    with reading_of(odd.url, connections) as reading:
        (tmp_path / "ours").write_bytes(b"".join(reading.read_archive()))
        assert reading.read_checksums() == odd.checksums
    dump_to_file(odd.url, tmp_path / "theirs")
    assert list_entries(tmp_path / "ours") == list_entries(tmp_path / "theirs")
    assert write_script(cluster, tmp_path / "ours") == write_script(cluster, tmp_path / "theirs")


@pytest.mark.parametrize("options", [["--jobs=1"], ["--jobs=2"], ["--single-transaction"]])
def test_plain_pg_restore_loads_tables_that_were_read_in_ranges(
    cluster: Cluster, new_database: NewDatabase, tmp_path: Path, options: list[str]
) -> None:
    source, target = new_database(), new_database()
    execute(source, INTERESTING)
    create_bulk_table(source, 2_000)
    read_to_file(source, tmp_path / "archive")
    restore_plainly(cluster, tmp_path / "archive", target, *options)
    assert compare_checksums(checksums_of(source), checksums_of(target)) == []


def test_plain_pg_restore_loads_such_an_archive_from_a_pipe_and_one_table_of_it(
    cluster: Cluster, new_database: NewDatabase, tmp_path: Path
) -> None:
    source, target, one = new_database(), new_database(), new_database()
    execute(source, INTERESTING)
    create_bulk_table(source, 2_000)
    archive = tmp_path / "archive"
    read_to_file(source, archive)
    with archive.open("rb") as stream:
        subprocess.run(
            [program_path(cluster, "pg_restore"), "--exit-on-error", "--dbname="],
            stdin=stream,
            env=libpq_environment(target),
            check=True,
            timeout=120,
        )
    assert compare_checksums(checksums_of(source), checksums_of(target)) == []
    restore_plainly(cluster, archive, one, "--table=bulk", "--jobs=2")
    tables = {table.name: table for table in checksums_of(one).tables}
    assert tables == {"bulk": {table.name: table for table in checksums_of(source).tables}["bulk"]}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_backup_of_large_tables_is_restored_and_proven(
    new_database: NewDatabase,
    locked_vault: ProxiedVault,
    scratch: CreateScratchDatabase,
    tmp_path: Path,
    jobs: int,
) -> None:
    source, target = new_database(), new_database()
    execute(source, INTERESTING)
    create_bulk_table(source, 2_000)
    manifest = back_up_database(source, locked_vault.client)
    restore_database(
        manifest, locked_vault.client, target, folder=tmp_path, options=RestoreOptions(jobs=jobs)
    )
    assert compare_checksums(manifest.figures, checksums_of(target)) == []
    assert verify(manifest, locked_vault.client, scratch=scratch).passed


def test_selected_tables_are_read_in_ranges_too(
    new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    source, target = new_database(), new_database()
    execute(source, INTERESTING)
    manifest = back_up_database(source, locked_vault.client, tables=(ODD_TABLE, "public.events"))
    restore_database(manifest, locked_vault.client, target, folder=tmp_path)
    found = checksums_of(target, tables=manifest.selected)
    assert compare_checksums(manifest.figures, found) == []
    assert {table.name for table in manifest.figures.tables} >= {"events_2030", "events_rest"}


def test_what_is_written_while_ranges_are_read_is_not_in_the_archive(
    cluster: Cluster, new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_ranges, "_AHEAD_BYTES", 1)
    source, target = new_database(), new_database()
    create_bulk_table(source, 3_000)
    before = checksums_of(source)
    with reading_of(source, 2) as reading, (tmp_path / "archive").open("wb") as archive:
        chunks = reading.read_archive()
        archive.write(next(chunks) + next(chunks) + next(chunks))
        execute(
            source,
            "UPDATE bulk SET filler = 'changed' WHERE id % 3 = 0; DELETE FROM bulk WHERE id % 3 = 1;"
            "INSERT INTO bulk SELECT g, repeat('y', 990) FROM generate_series(1, 3000) g",
        )
        archive.writelines(chunks)
        assert compare_checksums(before, reading.read_checksums()) == []
    restore_plainly(cluster, tmp_path / "archive", target, "--jobs=2")
    assert compare_checksums(before, checksums_of(target)) == []


def test_a_session_that_ends_half_way_fails_the_reading(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_ranges, "_AHEAD_BYTES", 1)
    url = new_database("ends half way")
    create_bulk_table(url, 40_000)
    with reading_of(url, 2) as reading:
        chunks = reading.read_archive()
        consume(chunks, 5 * MEGABYTE)
        execute(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            r"AND query ~ '^\s*(COPY \(|SET LOCAL lc_monetary|SELECT count\(\*\), coalesce)'",
        )
        with pytest.raises(Failure, match="not whole") as raised:
            consume(chunks, 1 << 40)
    assert PASSWORD not in str(raised.value)
    wait_for_no_session(url.replace("ends%20half%20way", "postgres"), "ends half way")


def test_a_reading_that_is_given_up_leaves_no_session(
    new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_ranges, "_AHEAD_BYTES", 1)
    url = new_database("given up")
    create_bulk_table(url, 40_000)
    with reading_of(url, 3) as reading:
        chunks = reading.read_archive()
        consume(chunks, 5 * MEGABYTE)
        chunks.close()  # pyrefly: ignore[missing-attribute] - it is a generator
        assert not find_readers()
    wait_for_no_session(url.replace("given%20up", "postgres"), "given up")


def test_a_backup_whose_session_ends_is_not_there(
    new_database: NewDatabase, locked_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = new_database()
    create_bulk_table(source, 2_000)
    monkeypatch.setattr(table_ranges, "_SETTINGS", b"SELECT pg_terminate_backend(pg_backend_pid());\n")
    with pytest.raises(Failure, match="not whole"):
        back_up_database(source, locked_vault.client)
    assert locked_vault.keys() == []
    assert locked_vault.count_unfinished_uploads() == 0


def test_rows_that_a_policy_hides_fail_the_reading(new_database: NewDatabase) -> None:
    url = new_database()
    execute(
        url,
        "CREATE TABLE guarded (owner name); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;"
        "INSERT INTO guarded VALUES ('someone'); CREATE ROLE half LOGIN PASSWORD 'planted-half';"
        "GRANT pg_read_all_data TO half",
    )
    weak = url.replace(SUPERUSER, "half").replace(PASSWORD, "planted-half")
    try:
        with reading_of(url, read_as=weak) as reading:
            with pytest.raises(Failure, match="BYPASSRLS") as raised:
                consume(reading.read_archive(), 1 << 40)
            assert "planted" not in str(raised.value)
    finally:
        execute(url, "DROP OWNED BY half; DROP ROLE half")


def test_a_name_is_never_a_command(new_database: NewDatabase, cluster: Cluster, tmp_path: Path) -> None:
    names = [
        'a";\n\\! touch planted\n',
        "\\echo x",
        "'; DROP TABLE kept; --",
        ":HOME",
        "$$",
        "`touch planted`",
    ]
    url, target = new_database(), new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (a integer); INSERT INTO kept VALUES (1)")
        for name in names:
            table = sql.Identifier(name)
            connection.execute(sql.SQL("CREATE TABLE {} ({} text)").format(table, table))
            connection.execute(sql.SQL("INSERT INTO {} VALUES ({})").format(table, f"\\.\n{name}\n\\."))
    read_to_file(url, tmp_path / "archive")
    restore_plainly(cluster, tmp_path / "archive", target, "--jobs=2")
    assert compare_checksums(checksums_of(url), checksums_of(target)) == []
    assert len(checksums_of(target).tables) == len(names) + 1
    assert not Path("planted").exists()


@pytest.mark.parametrize("piece_bytes", [1, 2, 3, 5, 7, 64])
def test_rows_are_the_same_wherever_the_output_is_cut(
    cluster: Cluster,
    new_database: NewDatabase,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    piece_bytes: int,
) -> None:
    url = new_database()
    execute(
        url,
        r"CREATE TABLE short AS SELECT repeat('\\.', g % 3) AS a FROM generate_series(1, 900) g;"
        r"CREATE TABLE empty_rows AS SELECT ''::text AS a FROM generate_series(1, 9) g;"
        r"CREATE TABLE gone AS SELECT g FROM generate_series(1, 9000) g; DELETE FROM gone WHERE g < 8990",
    )
    dump_to_file(url, tmp_path / "theirs")
    monkeypatch.setattr(table_ranges, "_PIECE_BYTES", piece_bytes)
    with reading_of(url) as reading:
        (tmp_path / "ours").write_bytes(b"".join(reading.read_archive()))
        assert reading.read_checksums() == checksums_of(url)
    assert write_script(cluster, tmp_path / "ours") == write_script(cluster, tmp_path / "theirs")


def test_a_backup_takes_no_more_connections_than_are_spare(cluster: Cluster) -> None:
    url = database_url(cluster, "postgres")
    execute(url, "CREATE ROLE limited LOGIN PASSWORD 'planted-limited' CONNECTION LIMIT 7")
    try:
        with psycopg.connect(url.replace(SUPERUSER, "limited").replace(PASSWORD, "planted-limited")) as few:
            assert choose_connections(few, 8) == 3, "half of the six that are left"
            assert choose_connections(few, 1) == 1
        with psycopg.connect(url) as connection:
            assert choose_connections(connection, 8) == 8
            assert choose_connections(connection) in {1, 2}
    finally:
        execute(url, "DROP ROLE limited")

"""A backup from end to end: taken, listed, verified, restored and compared; a damaged one is detected."""

import subprocess
import threading
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from attesting import SIGN, TRUST
from servers import PASSWORD, NewDatabase, program_path
from vaults import ProxiedVault, overwrite_object

from core import vault_layout
from core.failure import Failure
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from recovery import backup, catalogue
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.postgres import database_reading
from recovery.postgres.checksums import compare_checksums, compute_checksums
from recovery.postgres.snapshot import take_snapshot
from recovery.restore import RestoreOptions, restore_database
from recovery.verify import CreateScratchDatabase, verify


def context(url: str, vault: ProxiedVault) -> RecoveryContext:
    return RecoveryContext(
        "test",
        {"primary": vault.client, "replica": vault.client},
        {},
        {},
        TRUST,
        SIGN,
        store="database",
        database_url=url,
    )


@pytest.fixture
def source(new_database: NewDatabase) -> str:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.notes (id bigint PRIMARY KEY, body text NOT NULL)")
        connection.execute(
            "INSERT INTO public.notes SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n"
        )
        connection.execute("CREATE TABLE public.tags (name text)")
        connection.execute("INSERT INTO public.tags VALUES ('a'), ('a'), ('b')")
    return url


def test_a_backup_is_listed_read_restored_and_found_equal(
    source: str, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    manifest = back_up(context(source, locked_vault))
    assert manifest.tier == "monthly"
    assert {(table.name, table.rows) for table in manifest.figures.tables} == {("notes", 5000), ("tags", 3)}
    assert manifest.dump.locked_until
    assert manifest.dump.locked_until > datetime.now(UTC) + timedelta(days=2)
    [found] = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert (found.id, found.manifest, found.best_proof) == (manifest.id, manifest, None)
    assert verify(manifest, locked_vault.client).passed
    deep = verify(manifest, locked_vault.client, scratch=scratch)
    assert deep.problems == ()
    assert deep.deep


def test_the_odd_database_is_restored_unchanged(
    new_database: NewDatabase, odd: Any, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    del new_database
    manifest = back_up(context(odd.url, locked_vault))
    assert verify(manifest, locked_vault.client, scratch=scratch).problems == ()


@pytest.mark.parametrize("shape", [[], ["--foreign-keys", "--partitions=4", "--partition-method=hash"]])
def test_a_pgbench_database_is_restored_unchanged(
    cluster: Cluster,
    new_database: NewDatabase,
    locked_vault: ProxiedVault,
    scratch: CreateScratchDatabase,
    shape: list[str],
) -> None:
    url = new_database("benchmark")
    subprocess.run(
        [program_path(cluster, "pgbench"), "--initialize", "--quiet", "--scale=2", *shape, "benchmark"],
        env={
            "PGHOST": "127.0.0.1",
            "PGPORT": str(cluster.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": PASSWORD,
        },
        check=True,
        capture_output=True,
        timeout=120,
    )
    manifest = back_up(context(url, locked_vault))
    assert sum(table.rows for table in manifest.figures.tables) == 200_022
    assert verify(manifest, locked_vault.client, scratch=scratch).problems == ()


def test_writes_during_the_backup_are_not_in_it_and_do_not_disturb_it(
    source: str, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(source, autocommit=True) as connection:
            number = 10_000
            while not over.is_set():
                number += 1
                connection.execute("INSERT INTO public.notes VALUES (%s, 'later')", [number])
                connection.execute("UPDATE public.tags SET name = name || '.' WHERE length(name) < 50")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifest = back_up(context(source, locked_vault))
    finally:
        over.set()
        writer.join()
    assert verify(manifest, locked_vault.client, scratch=scratch).problems == ()


def test_the_first_backup_of_a_week_and_of_a_month_gets_a_longer_tier(
    source: str, locked_vault: ProxiedVault
) -> None:
    now = datetime.now(UTC)
    assert catalogue.choose_tier([], now) == "monthly"
    back_up(context(source, locked_vault))
    found = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert catalogue.choose_tier(found, now) == "daily"
    assert catalogue.choose_tier(found, now + timedelta(days=7)) in {"weekly", "monthly"}
    assert catalogue.choose_tier(found, now + timedelta(days=32)) == "monthly"


def test_a_second_backup_at_the_same_time_is_refused_and_the_lock_ends_with_the_first(
    source: str, locked_vault: ProxiedVault
) -> None:
    with take_snapshot(source) as snapshot:
        backup.take_backup_lock(snapshot.connection)
        with pytest.raises(Failure, match="Another backup of this database is running"):
            back_up(context(source, locked_vault))
        assert locked_vault.keys() == []
    assert back_up(context(source, locked_vault)).id


def test_a_dump_that_fails_leaves_no_backup_and_no_half_upload(
    source: str, locked_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Generator[bytes]:
        yield b"PGDMP" + bytes(20 << 20)
        raise Failure("pg_dump was killed.", "run it again.")

    monkeypatch.setattr(database_reading, "dump", broken)
    with pytest.raises(Failure, match="pg_dump was killed"):
        back_up(context(source, locked_vault))
    assert not any(key.endswith("manifest.json") for key in set(locked_vault.keys()))
    assert locked_vault.count_unfinished_uploads() == 0
    assert catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database") == []


def test_checksums_that_fail_leave_no_backup(
    source: str, locked_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise Failure("the role may not read a table.", "let it.")

    monkeypatch.setattr(database_reading, "compute_checksums", broken)
    with pytest.raises(Failure, match="may not read"):
        back_up(context(source, locked_vault))
    assert catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database") == []


def test_an_earlier_backup_is_untouched_by_a_later_one_and_by_one_that_fails(
    source: str, locked_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = back_up(context(source, locked_vault))
    second = back_up(context(source, locked_vault))
    monkeypatch.setattr(backup, "read_globals", lambda _: (_ for _ in ()).throw(Failure("gone.", "again.")))
    with suppress(Failure):
        back_up(context(source, locked_vault))
    # Ids of one second have no order.
    listed = {
        backup.id for backup in catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    }
    assert listed == {first.id, second.id}
    assert verify(first, locked_vault.client).passed


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
def test_a_damaged_dump_is_found_by_reading_it(source: str, locked_vault: ProxiedVault, damage: str) -> None:
    manifest = back_up(context(source, locked_vault))
    good = locked_vault.content(manifest.dump.key)
    flipped = good[:50] + bytes([good[50] ^ 1]) + good[51:]
    body = {"truncated": good[:-100], "flipped": flipped, "emptied": b""}[damage]
    version = overwrite_object(locked_vault, manifest.dump.key, body)
    edited = manifest.model_copy(update={"dump": manifest.dump.model_copy(update={"version": version})})
    verification = verify(edited, locked_vault.client)
    assert not verification.passed
    assert any(manifest.dump.key in problem for problem in verification.problems)


def test_a_version_put_over_a_backup_is_found_though_the_backup_itself_is_whole(
    source: str, locked_vault: ProxiedVault
) -> None:
    manifest = back_up(context(source, locked_vault))
    overwrite_object(locked_vault, manifest.dump.key, b"something else")
    assert verify(manifest, locked_vault.client).problems == (
        f"{manifest.dump.key} has 2 versions; a backup is written once",
    )


def test_verification_names_an_object_that_is_missing(source: str, locked_vault: ProxiedVault) -> None:
    manifest = back_up(context(source, locked_vault))
    gone = manifest.model_copy(
        update={"dump": manifest.dump.model_copy(update={"key": f"{manifest.dump.key}.gone"})}
    )
    assert any(
        f"{manifest.dump.key}.gone" in problem for problem in verify(gone, locked_vault.client).problems
    )


def test_an_edited_manifest_is_unreadable_or_fails_verification(
    source: str, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    manifest = back_up(context(source, locked_vault))
    tables = [
        table.model_copy(update={"rows": table.rows + 1}) if table.name == "tags" else table
        for table in manifest.figures.tables
    ]
    figures = manifest.figures.model_copy(update={"tables": tuple(tables)})
    verification = verify(
        manifest.model_copy(update={"figures": figures}), locked_vault.client, scratch=scratch
    )
    assert any("tags" in problem for problem in verification.problems), verification.problems
    key = vault_layout.database_backup("daily", "database", "20300101T000000Z-0000") + vault_layout.MANIFEST
    overwrite_object(locked_vault, key, b'{"id": 5}')
    unreadable = next(
        one
        for one in catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
        if one.id.startswith("2030")
    )
    assert unreadable.manifest is None
    assert "can't be read" in unreadable.unreadable


def test_a_backup_is_chosen_as_the_newest_or_by_a_moment_or_by_its_id(
    source: str, locked_vault: ProxiedVault
) -> None:
    first, second = back_up(context(source, locked_vault)), back_up(context(source, locked_vault))
    found = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert catalogue.choose_backup(found) == second
    assert catalogue.choose_backup(found, backup_id=first.id) == first
    assert catalogue.choose_backup(found, at=first.snapshot_at) == first
    with pytest.raises(Failure, match="There is no whole backup from"):
        catalogue.choose_backup(found, at=first.snapshot_at - timedelta(seconds=1))
    with pytest.raises(Failure, match="There is no backup x"):
        catalogue.choose_backup(found, backup_id="x")


def test_a_backup_of_selected_tables_is_never_chosen_as_a_whole_one(
    source: str, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    manifest = back_up(context(source, locked_vault), tables=("public.tags",))
    assert [table.name for table in manifest.figures.tables] == ["tags"]
    assert verify(manifest, locked_vault.client, scratch=scratch).problems == ()
    with pytest.raises(Failure, match="no whole backup"):
        catalogue.choose_backup(
            catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
        )


def test_a_restore_into_the_source_database_is_refused(
    source: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    manifest = back_up(context(source, locked_vault))
    other_name = source.replace("127.0.0.1", "localhost")
    with pytest.raises(Failure, match="the database that the stack runs on"):
        restore_database(manifest, locked_vault.client, other_name, folder=tmp_path, source_url=source)
    assert list(tmp_path.iterdir()) == []


def test_a_restore_works_while_the_source_is_gone(
    source: str, new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    manifest, target = back_up(context(source, locked_vault)), new_database()
    gone = "postgresql://app:planted-password@127.0.0.1:1/platform?connect_timeout=2"
    result = restore_database(manifest, locked_vault.client, target, folder=tmp_path, source_url=gone)
    assert result.is_complete
    assert any("can't be reached" in line for line in result.notes)
    assert "planted-password" not in str(result)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*) FROM tags").fetchone() != (0,)


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_restore_over_several_connections_is_unchanged(
    source: str, new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path, jobs: int
) -> None:
    manifest, target = back_up(context(source, locked_vault)), new_database()
    restore_database(
        manifest, locked_vault.client, target, folder=tmp_path, options=RestoreOptions(jobs=jobs)
    )
    with take_snapshot(target) as shot:
        assert compare_checksums(manifest.figures, compute_checksums(target, shot)) == []


def test_a_restore_into_a_database_that_holds_something_is_refused(
    source: str, new_database: NewDatabase, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    manifest, target = back_up(context(source, locked_vault)), new_database()
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    with pytest.raises(Failure, match="mine"):
        restore_database(manifest, locked_vault.client, target, folder=tmp_path, source_url=source)
    with psycopg.connect(target) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (1,)


def test_a_role_that_may_not_read_everything_makes_no_backup(source: str, locked_vault: ProxiedVault) -> None:
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("CREATE ROLE half LOGIN PASSWORD 'half-password'")
        connection.execute("GRANT SELECT ON public.notes TO half")
    try:
        url = source.replace(source.split("//")[1].split("@", maxsplit=1)[0], "half:half-password")
        with pytest.raises(Failure, match="tags"):
            back_up(context(url, locked_vault))
        assert catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database") == []
    finally:
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute("DROP OWNED BY half")
            connection.execute("DROP ROLE half")


def test_an_empty_database_is_backed_up_and_restored_too(
    new_database: NewDatabase, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    manifest = back_up(context(new_database(), locked_vault))
    assert manifest.figures.tables == ()
    assert verify(manifest, locked_vault.client, scratch=scratch).problems == ()

"""A backup from end to end: taken, listed, read, restored, compared; and found out where it is not good."""

import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from servers import PASSWORD, NewDatabase, create_database, database_url, drop_database, program
from vaults import Place, put_over

from core import vault_layout
from core.failure import Failure
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from recovery import backup, catalogue
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.postgres.checksums import compute_checksums, differences
from recovery.postgres.snapshot import snapshot
from recovery.restore import restore_database
from recovery.verify import verify


def site(url: str, place: Place) -> RecoveryContext:
    return RecoveryContext("test", url, {"primary": place.vault, "replica": place.vault}, {}, {})


@pytest.fixture
def source(database: NewDatabase) -> str:
    url = database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.notes (id bigint PRIMARY KEY, body text NOT NULL)")
        connection.execute(
            "INSERT INTO public.notes SELECT n, repeat('x', 100) FROM generate_series(1, 5000) n"
        )
        connection.execute("CREATE TABLE public.tags (name text)")
        connection.execute("INSERT INTO public.tags VALUES ('a'), ('a'), ('b')")
    return url


@pytest.fixture
def scratch(other_cluster: Cluster) -> Callable[[], Any]:
    @contextmanager
    def made() -> Generator[str]:
        with psycopg.connect(database_url(other_cluster, "postgres"), autocommit=True) as connection:
            before = roles(connection)
            create_database(other_cluster, "trial")
            try:
                yield database_url(other_cluster, "trial")
            finally:
                drop_database(other_cluster, "trial")
                for role in roles(connection) - before:
                    connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    return made


def roles(connection: psycopg.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}


def test_a_backup_is_listed_read_restored_and_found_equal(
    source: str, locked: Place, scratch: Callable[[], Any]
) -> None:
    manifest = back_up(site(source, locked))
    assert manifest.tier == "monthly"
    assert {(table.name, table.rows) for table in manifest.figures.tables} == {("notes", 5000), ("tags", 3)}
    assert manifest.dump.locked_until
    assert manifest.dump.locked_until > datetime.now(UTC) + timedelta(days=2)
    [found] = catalogue.read_backups(locked.vault, Manifest)
    assert (found.id, found.manifest, found.verified) == (manifest.id, manifest, None)
    assert verify(manifest, locked.vault).good
    deep = verify(manifest, locked.vault, scratch=scratch)
    assert deep.problems == ()
    assert deep.deep


def test_everything_odd_comes_back_equal(
    database: NewDatabase, odd: Any, locked: Place, scratch: Callable[[], Any]
) -> None:
    del database
    manifest = back_up(site(odd.url, locked))
    assert verify(manifest, locked.vault, scratch=scratch).problems == ()


@pytest.mark.parametrize("shape", [[], ["--foreign-keys", "--partitions=4", "--partition-method=hash"]])
def test_what_pgbench_makes_comes_back_equal(
    cluster: Cluster, database: NewDatabase, locked: Place, scratch: Callable[[], Any], shape: list[str]
) -> None:
    url = database("benchmark")
    subprocess.run(
        [program(cluster, "pgbench"), "--initialize", "--quiet", "--scale=2", *shape, "benchmark"],
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
    manifest = back_up(site(url, locked))
    assert sum(table.rows for table in manifest.figures.tables) == 200_022
    assert verify(manifest, locked.vault, scratch=scratch).problems == ()


def test_writes_during_the_backup_are_not_in_it_and_do_not_disturb_it(
    source: str, locked: Place, scratch: Callable[[], Any]
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
        manifest = back_up(site(source, locked))
    finally:
        over.set()
        writer.join()
    assert verify(manifest, locked.vault, scratch=scratch).problems == ()


def test_the_first_of_a_month_and_of_a_week_are_kept_longer(source: str, locked: Place) -> None:
    now = datetime.now(UTC)
    assert catalogue.tier_for([], now) == "monthly"
    back_up(site(source, locked))
    found = catalogue.read_backups(locked.vault, Manifest)
    assert catalogue.tier_for(found, now) == "daily"
    assert catalogue.tier_for(found, now + timedelta(days=7)) in {"weekly", "monthly"}
    assert catalogue.tier_for(found, now + timedelta(days=32)) == "monthly"


def test_a_second_backup_at_the_same_time_is_refused_and_a_dead_ones_lock_is_gone(
    source: str, locked: Place
) -> None:
    with snapshot(source) as shot, backup.alone(shot):
        with pytest.raises(Failure, match="Another backup of this database is running"):
            back_up(site(source, locked))
        assert locked.keys() == []
    assert back_up(site(source, locked)).id


def test_a_dump_that_fails_leaves_no_backup_and_no_half_upload(
    source: str, locked: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> Generator[bytes]:
        yield b"PGDMP" + bytes(20 << 20)
        raise Failure("pg_dump was killed.", "run it again.")

    monkeypatch.setattr(backup, "dump", broken)
    with pytest.raises(Failure, match="pg_dump was killed"):
        back_up(site(source, locked))
    assert not any(key.endswith("manifest.json") for key in set(locked.keys()))
    assert locked.unfinished() == 0
    assert catalogue.read_backups(locked.vault, Manifest) == []


def test_figures_that_fail_leave_no_backup(
    source: str, locked: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise Failure("the role may not read a table.", "let it.")

    monkeypatch.setattr(backup, "figures", broken)
    with pytest.raises(Failure, match="may not read"):
        back_up(site(source, locked))
    assert catalogue.read_backups(locked.vault, Manifest) == []


def test_an_earlier_backup_is_untouched_by_a_later_one_and_by_one_that_fails(
    source: str, locked: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = back_up(site(source, locked))
    second = back_up(site(source, locked))
    monkeypatch.setattr(backup, "capture", lambda _: (_ for _ in ()).throw(Failure("gone.", "again.")))
    with suppress(Failure):
        back_up(site(source, locked))
    assert [one.id for one in catalogue.read_backups(locked.vault, Manifest)] == [second.id, first.id]
    assert verify(first, locked.vault).good


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
def test_a_damaged_dump_is_found_by_reading_it(source: str, locked: Place, damage: str) -> None:
    manifest = back_up(site(source, locked))
    good = locked.content(manifest.dump.key)
    flipped = good[:50] + bytes([good[50] ^ 1]) + good[51:]
    body = {"truncated": good[:-100], "flipped": flipped, "emptied": b""}[damage]
    version = put_over(locked, manifest.dump.key, body)
    edited = manifest.model_copy(update={"dump": manifest.dump.model_copy(update={"version": version})})
    look = verify(edited, locked.vault)
    assert not look.good
    assert any(manifest.dump.key in problem for problem in look.problems)


def test_a_version_put_over_a_backup_is_found_though_the_backup_itself_is_whole(
    source: str, locked: Place
) -> None:
    manifest = back_up(site(source, locked))
    put_over(locked, manifest.dump.key, b"something else")
    assert verify(manifest, locked.vault).problems == (
        f"{manifest.dump.key} has 2 versions; a backup is written once",
    )


def test_a_missing_object_is_named(source: str, locked: Place) -> None:
    manifest = back_up(site(source, locked))
    gone = manifest.model_copy(
        update={"dump": manifest.dump.model_copy(update={"key": f"{manifest.dump.key}.gone"})}
    )
    assert any(f"{manifest.dump.key}.gone" in problem for problem in verify(gone, locked.vault).problems)


def test_an_edited_manifest_is_no_backup_or_is_found_out(
    source: str, locked: Place, scratch: Callable[[], Any]
) -> None:
    manifest = back_up(site(source, locked))
    tables = [
        table.model_copy(update={"rows": table.rows + 1}) if table.name == "tags" else table
        for table in manifest.figures.tables
    ]
    figures = manifest.figures.model_copy(update={"tables": tuple(tables)})
    look = verify(manifest.model_copy(update={"figures": figures}), locked.vault, scratch=scratch)
    assert any("tags" in problem for problem in look.problems)
    key = vault_layout.database_backup("daily", "20300101T000000Z-0000") + vault_layout.MANIFEST
    put_over(locked, key, b'{"id": 5}')
    unreadable = next(
        one for one in catalogue.read_backups(locked.vault, Manifest) if one.id.startswith("2030")
    )
    assert unreadable.manifest is None
    assert "can't be read" in unreadable.unreadable


def test_the_newest_or_a_moment_or_an_id_is_chosen(source: str, locked: Place) -> None:
    first, second = back_up(site(source, locked)), back_up(site(source, locked))
    found = catalogue.read_backups(locked.vault, Manifest)
    assert catalogue.choose_backup(found) == second
    assert catalogue.choose_backup(found, backup=first.id) == first
    assert catalogue.choose_backup(found, at=first.snapshot_at) == first
    with pytest.raises(Failure, match="There is no whole backup from"):
        catalogue.choose_backup(found, at=first.snapshot_at - timedelta(seconds=1))
    with pytest.raises(Failure, match="There is no backup x"):
        catalogue.choose_backup(found, backup="x")


def test_a_selection_is_no_backup_of_the_whole(
    source: str, locked: Place, scratch: Callable[[], Any]
) -> None:
    manifest = back_up(site(source, locked), tables=("public.tags",))
    assert [table.name for table in manifest.figures.tables] == ["tags"]
    assert verify(manifest, locked.vault, scratch=scratch).problems == ()
    with pytest.raises(Failure, match="no whole backup"):
        catalogue.choose_backup(catalogue.read_backups(locked.vault, Manifest))


def test_the_source_is_never_a_target(source: str, locked: Place, tmp_path: Path) -> None:
    manifest = back_up(site(source, locked))
    other_name = source.replace("127.0.0.1", "localhost")
    with pytest.raises(Failure, match="the database that the stack runs on"):
        restore_database(manifest, locked.vault, other_name, folder=tmp_path, source_url=source)
    assert list(tmp_path.iterdir()) == []


def test_a_restore_needs_no_source(source: str, database: NewDatabase, locked: Place, tmp_path: Path) -> None:
    manifest, target = back_up(site(source, locked)), database()
    gone = "postgresql://app:planted-password@127.0.0.1:1/platform?connect_timeout=2"
    done = restore_database(manifest, locked.vault, target, folder=tmp_path, source_url=gone)
    assert any("can't be reached" in line for line in done)
    assert not any("planted-password" in line for line in done)
    with psycopg.connect(target) as connection:
        assert connection.execute("SELECT count(*) FROM tags").fetchone() != (0,)


@pytest.mark.parametrize("jobs", [1, 4])
def test_as_many_connections_as_are_asked_for_bring_it_back_equal(
    source: str, database: NewDatabase, locked: Place, tmp_path: Path, jobs: int
) -> None:
    manifest, target = back_up(site(source, locked)), database()
    restore_database(manifest, locked.vault, target, folder=tmp_path, jobs=jobs)
    with snapshot(target) as shot:
        assert differences(manifest.figures, compute_checksums(target, shot)) == []


def test_a_target_that_holds_something_is_refused(
    source: str, database: NewDatabase, locked: Place, tmp_path: Path
) -> None:
    manifest, target = back_up(site(source, locked)), database()
    with psycopg.connect(target, autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (id int)")
    with pytest.raises(Failure, match="mine"):
        restore_database(manifest, locked.vault, target, folder=tmp_path, source_url=source)
    with psycopg.connect(target) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (1,)


def test_a_role_that_may_not_read_everything_makes_no_backup(source: str, locked: Place) -> None:
    with psycopg.connect(source, autocommit=True) as connection:
        connection.execute("CREATE ROLE half LOGIN PASSWORD 'half-password'")
        connection.execute("GRANT SELECT ON public.notes TO half")
    try:
        url = source.replace(source.split("//")[1].split("@", maxsplit=1)[0], "half:half-password")
        with pytest.raises(Failure, match="tags"):
            back_up(site(url, locked))
        assert catalogue.read_backups(locked.vault, Manifest) == []
    finally:
        with psycopg.connect(source, autocommit=True) as connection:
            connection.execute("DROP OWNED BY half")
            connection.execute("DROP ROLE half")


def test_figures_of_an_empty_database_are_a_backup_too(
    database: NewDatabase, locked: Place, scratch: Callable[[], Any]
) -> None:
    manifest = back_up(site(database(), locked))
    assert manifest.figures.tables == ()
    assert verify(manifest, locked.vault, scratch=scratch).problems == ()

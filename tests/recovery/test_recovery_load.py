"""Restores by the real pg_restore: complete, or a Failure that names the cause."""

import shutil
from pathlib import Path

import psycopg
import pytest
from dump_fixtures import (
    INTERESTING,
    ODD_TABLE,
    create_bulk_table,
    dump_to_file,
    execute,
    fetch_value,
    find_clients,
    has_no_secret,
)
from servers import PASSWORD, NewDatabase

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres.load import ArchiveLoadResult, load

CHECKSUM = """
    SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT 'customers ' || c::text AS line FROM customers c
        UNION ALL SELECT 'orders ' || o::text FROM orders o
        UNION ALL SELECT 'odd ' || t::text FROM "Odd Schema"."Sel.ect ""x"" ünï *?[a]" t
        UNION ALL SELECT 'events ' || tableoid::regclass || e::text FROM events e
        UNION ALL SELECT 'animals ' || tableoid::regclass || a::text FROM animals a
        UNION ALL SELECT 'totals ' || t::text FROM totals t
        UNION ALL SELECT 'select ' || s::text FROM "select" s
        UNION ALL SELECT 'object ' || encode(lo_get(4242), 'escape')
        UNION ALL SELECT 'sequence ' || last_value || is_called FROM orders_id_seq) lines
"""


@pytest.fixture
def filled_database(new_database: NewDatabase) -> str:
    url = new_database()
    execute(url, INTERESTING)
    return url


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_database_of_many_kinds_of_objects_is_restored_unchanged(
    filled_database: str, new_database: NewDatabase, tmp_path: Path, jobs: int
) -> None:
    copy = new_database("we\"ird = 'db' ünï")
    progress: list[tuple[int, int]] = []
    result = load(
        find_clients(copy),
        copy,
        dump_to_file(filled_database, tmp_path / "a"),
        jobs=jobs,
        on_progress=lambda done, of: progress.append((done, of)),
    )
    assert result == ArchiveLoadResult()
    assert fetch_value(copy, CHECKSUM) == fetch_value(filled_database, CHECKSUM)
    assert fetch_value(copy, "SELECT reltuples FROM pg_class WHERE relname = 'customers'") == 500
    assert progress[-1][0] > 0.8 * progress[-1][1]


def test_a_database_is_restored_unchanged_on_another_server(
    filled_database: str, new_database: NewDatabase, other_cluster: Cluster, tmp_path: Path
) -> None:
    copy = new_database(server=other_cluster)
    load(find_clients(copy), copy, dump_to_file(filled_database, tmp_path / "a"))
    assert fetch_value(copy, CHECKSUM) == fetch_value(filled_database, CHECKSUM)


@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize(
    ("there", "named"),
    [
        ("CREATE TABLE old (x integer)", "table public.old"),
        ("CREATE VIEW seen AS SELECT 1", "view public.seen"),
        ("CREATE TYPE kind AS ENUM ('a')", "type public.kind"),
        ("CREATE DOMAIN name_ AS text", "type public.name_"),
        ("CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "function public.f"),
        ('CREATE SCHEMA "Mine"', 'schema "Mine"'),
        ("CREATE SEQUENCE counting", "sequence public.counting"),
        ("SELECT lo_create(77)", "large object"),
        ("CREATE PUBLICATION news", "publication news"),
    ],
)
def test_a_target_with_anything_in_it_is_refused_and_left_alone(
    new_database: NewDatabase, tmp_path: Path, there: str, named: str
) -> None:
    source, copy = new_database(), new_database()
    execute(source, "CREATE TABLE fresh (x integer)")
    execute(copy, there)  # pyrefly: ignore[bad-argument-type] - from the list above
    with pytest.raises(Failure, match="is not empty") as raised:
        load(find_clients(copy), copy, dump_to_file(source, tmp_path / "a"))
    assert named in str(raised.value)
    assert fetch_value(copy, "SELECT to_regclass('fresh')::text") is None


def test_objects_of_extensions_do_not_make_a_target_non_empty(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    for url in (filled_database, copy):
        execute(url, "CREATE SCHEMA ext; CREATE EXTENSION vector SCHEMA ext")
    execute(filled_database, "CREATE TABLE vectors (v ext.vector(2)); INSERT INTO vectors VALUES ('[1,2]')")
    load(find_clients(copy), copy, dump_to_file(filled_database, tmp_path / "a"), tables=["vectors"])
    assert fetch_value(copy, "SELECT v::text FROM vectors") == "[1,2]"


def test_chosen_tables_are_restored_with_what_they_need(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    archive = dump_to_file(filled_database, tmp_path / "a")
    result = load(find_clients(copy), copy, archive, tables=["orders", ODD_TABLE, "events"])
    [missing] = result.omitted
    assert missing.startswith("FK CONSTRAINT public.orders orders_customer_fkey: ")
    assert fetch_value(copy, "SELECT count(*) FROM orders") == 500
    assert fetch_value(copy, "SELECT nextval('orders_id_seq')") == 501
    assert fetch_value(copy, "SELECT count(*) FROM events_rest") == fetch_value(
        filled_database, "SELECT count(*) FROM events_rest"
    )
    assert fetch_value(copy, "SELECT to_regclass('customers')::text") is None
    execute(copy, "INSERT INTO orders (customer) VALUES (1)")  # its trigger's function is there, too


def test_chosen_tables_are_restored_with_the_types_and_foreign_keys_among_them(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    load(
        find_clients(copy),
        copy,
        dump_to_file(filled_database, tmp_path / "a"),
        tables=["public.orders", "customers"],
    )
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        execute(copy, "INSERT INTO orders (customer) VALUES (-1)")


def test_a_dump_of_chosen_tables_is_restored_with_its_schema(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    load(find_clients(copy), copy, dump_to_file(filled_database, tmp_path / "a", [ODD_TABLE, "animals"]))
    assert fetch_value(copy, "SELECT count(*) FROM animals") == 2
    assert fetch_value(copy, "SELECT count(*) FROM pg_tables WHERE schemaname = 'Odd Schema'") == 1


def test_a_table_that_is_not_in_the_backup_is_named(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    with pytest.raises(Failure, match="no table missing"):
        load(find_clients(copy), copy, dump_to_file(filled_database, tmp_path / "a"), tables=["missing"])


def test_a_dump_of_rows_alone_is_loaded_into_empty_tables_only(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    source, copy, bare = new_database(), new_database(), new_database()
    for url in (source, copy):
        execute(url, "CREATE TABLE t (x integer)")
    execute(source, "INSERT INTO t VALUES (1), (2)")
    archive = dump_to_file(source, tmp_path / "a", content="data")
    load(find_clients(copy), copy, archive)
    assert fetch_value(copy, "SELECT count(*) FROM t") == 2
    with pytest.raises(Failure, match=r"public\.t has some already"):
        load(find_clients(copy), copy, archive)
    with pytest.raises(Failure, match=r"no table public\.t for them"):
        load(find_clients(bare), bare, archive)


def test_an_extension_that_the_server_lacks_is_named_before_anything_is_done(
    new_database: NewDatabase, other_cluster: Cluster, cluster: Cluster, tmp_path: Path
) -> None:
    control = cluster.directory / "extension" / "oddity.control"
    control.write_text("default_version = '1'\n")
    (control.parent / "oddity--1.sql").write_text("SELECT 1;\n")
    shutil.chown(control, cluster.directory.stat().st_uid)
    source, copy = new_database(), new_database(server=other_cluster)
    try:
        execute(source, "CREATE EXTENSION oddity; CREATE TABLE t (x integer)")
        archive = dump_to_file(source, tmp_path / "a")
    finally:
        control.unlink()
    with pytest.raises(Failure, match="does not have the extensions oddity"):
        load(find_clients(copy), copy, archive)
    assert fetch_value(copy, "SELECT to_regclass('t')::text") is None


@pytest.mark.parametrize("damage", ["short", "no archive", "rows cut off"])
def test_a_damaged_archive_is_refused(
    filled_database: str, new_database: NewDatabase, tmp_path: Path, damage: str
) -> None:
    copy = new_database()
    archive = dump_to_file(filled_database, tmp_path / "a")
    content = archive.read_bytes()
    archive.write_bytes(
        {"short": content[:500], "no archive": b"-- SQL", "rows cut off": content[:-3000]}[damage]
    )
    with pytest.raises(Failure, match=r"no whole archive|restore failed"):
        load(find_clients(copy), copy, archive)


def test_an_error_of_pg_restore_is_reported_without_any_row(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    source, copy = new_database(), new_database()
    execute(
        source,
        "CREATE TABLE t (x text); INSERT INTO t VALUES ('planted-row');"
        "ALTER TABLE t ADD CONSTRAINT never CHECK (x <> 'planted-row') NOT VALID;"
        "UPDATE pg_constraint SET convalidated = true WHERE conname = 'never'",
    )
    with pytest.raises(Failure, match="what is in the target is not whole") as raised:
        load(find_clients(copy), copy, dump_to_file(source, tmp_path / "a"))
    assert 'violates check constraint "never"' in str(raised.value)
    assert "planted-row" not in str(raised.value).replace("<> 'planted-row'", "")
    assert has_no_secret(str(raised.value))


def test_a_restore_that_is_killed_has_failed(new_database: NewDatabase, tmp_path: Path) -> None:
    source, copy = new_database(), new_database()
    create_bulk_table(source, 1_000)
    clients = find_clients(copy)
    wrapper = tmp_path / "pg_restore"
    wrapper.write_text(f'#!/bin/sh\n"{clients.restore}" "$@" || exit 1\nkill -KILL $$\n')
    wrapper.chmod(0o755)
    killed = type(clients)(clients.dump, wrapper, clients.version)
    with pytest.raises(Failure, match="SIGKILL"):
        load(killed, copy, dump_to_file(source, tmp_path / "a"))


def test_a_wrong_password_of_the_target_is_not_shown(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database().replace(PASSWORD, "wrong-planted")
    with pytest.raises(Failure, match="cannot connect") as raised:
        load(find_clients(copy), copy, dump_to_file(filled_database, tmp_path / "a"))
    assert "wrong-planted" not in str(raised.value)

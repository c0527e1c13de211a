"""Restores by the real pg_restore: all of it comes back, or it fails and says why."""

import shutil
from pathlib import Path

import psycopg
import pytest
from dump_fixtures import INTERESTING, ODD, archived, ask, clients_for, execute, fill, shows_no_secret
from servers import PASSWORD, NewDatabase

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres.load import load

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
def filled(database: NewDatabase) -> str:
    url = database()
    execute(url, INTERESTING)
    return url


@pytest.mark.parametrize("jobs", [1, 3])
def test_an_interesting_database_comes_back(
    filled: str, database: NewDatabase, tmp_path: Path, jobs: int
) -> None:
    copy = database("we\"ird = 'db' ünï")
    told: list[tuple[int, int]] = []
    left_out = load(
        clients_for(copy),
        copy,
        archived(filled, tmp_path / "a"),
        jobs=jobs,
        progress=lambda done, of: told.append((done, of)),
    )
    assert left_out == ()
    assert ask(copy, CHECKSUM) == ask(filled, CHECKSUM)
    assert ask(copy, "SELECT reltuples FROM pg_class WHERE relname = 'customers'") == 500
    assert told[-1][0] > 0.8 * told[-1][1]


def test_it_comes_back_on_another_server(
    filled: str, database: NewDatabase, other_cluster: Cluster, tmp_path: Path
) -> None:
    copy = database(server=other_cluster)
    load(clients_for(copy), copy, archived(filled, tmp_path / "a"))
    assert ask(copy, CHECKSUM) == ask(filled, CHECKSUM)


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
    database: NewDatabase, tmp_path: Path, there: str, named: str
) -> None:
    source, copy = database(), database()
    execute(source, "CREATE TABLE fresh (x integer)")
    execute(copy, there)  # pyright: ignore[reportArgumentType] - from the list above
    with pytest.raises(Failure, match="is not empty") as raised:
        load(clients_for(copy), copy, archived(source, tmp_path / "a"))
    assert named in str(raised.value)
    assert ask(copy, "SELECT to_regclass('fresh')::text") is None


def test_what_extensions_bring_along_is_nobodys_work(
    filled: str, database: NewDatabase, tmp_path: Path
) -> None:
    copy = database()
    for url in (filled, copy):
        execute(url, "CREATE SCHEMA ext; CREATE EXTENSION vector SCHEMA ext")
    execute(filled, "CREATE TABLE vectors (v ext.vector(2)); INSERT INTO vectors VALUES ('[1,2]')")
    load(clients_for(copy), copy, archived(filled, tmp_path / "a"), tables=["vectors"])
    assert ask(copy, "SELECT v::text FROM vectors") == "[1,2]"


def test_chosen_tables_come_with_what_they_need(filled: str, database: NewDatabase, tmp_path: Path) -> None:
    copy = database()
    archive = archived(filled, tmp_path / "a")
    left_out = load(clients_for(copy), copy, archive, tables=["orders", ODD, "events"])
    assert left_out == ("FK CONSTRAINT public.orders orders_customer_fkey",)
    assert ask(copy, "SELECT count(*) FROM orders") == 500
    assert ask(copy, "SELECT nextval('orders_id_seq')") == 501
    assert ask(copy, "SELECT count(*) FROM events_rest") == ask(filled, "SELECT count(*) FROM events_rest")
    assert ask(copy, "SELECT to_regclass('customers')::text") is None
    execute(copy, "INSERT INTO orders (customer) VALUES (1)")  # its trigger's function is there, too


def test_chosen_tables_come_with_the_types_and_foreign_keys_among_them(
    filled: str, database: NewDatabase, tmp_path: Path
) -> None:
    copy = database()
    load(clients_for(copy), copy, archived(filled, tmp_path / "a"), tables=["public.orders", "customers"])
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        execute(copy, "INSERT INTO orders (customer) VALUES (-1)")


def test_a_dump_of_chosen_tables_comes_back_with_its_schema(
    filled: str, database: NewDatabase, tmp_path: Path
) -> None:
    copy = database()
    load(clients_for(copy), copy, archived(filled, tmp_path / "a", [ODD, "animals"]))
    assert ask(copy, "SELECT count(*) FROM animals") == 2
    assert ask(copy, "SELECT count(*) FROM pg_tables WHERE schemaname = 'Odd Schema'") == 1


def test_a_table_that_is_not_in_the_backup_is_named(
    filled: str, database: NewDatabase, tmp_path: Path
) -> None:
    copy = database()
    with pytest.raises(Failure, match="no table missing"):
        load(clients_for(copy), copy, archived(filled, tmp_path / "a"), tables=["missing"])


def test_rows_alone_go_into_empty_tables_only(database: NewDatabase, tmp_path: Path) -> None:
    source, copy, bare = database(), database(), database()
    for url in (source, copy):
        execute(url, "CREATE TABLE t (x integer)")
    execute(source, "INSERT INTO t VALUES (1), (2)")
    archive = archived(source, tmp_path / "a", content="data")
    load(clients_for(copy), copy, archive)
    assert ask(copy, "SELECT count(*) FROM t") == 2
    with pytest.raises(Failure, match=r"public\.t has some already"):
        load(clients_for(copy), copy, archive)
    with pytest.raises(Failure, match=r"no table public\.t for them"):
        load(clients_for(bare), bare, archive)


def test_an_extension_that_the_server_lacks_is_named_before_anything_is_done(
    database: NewDatabase, other_cluster: Cluster, cluster: Cluster, tmp_path: Path
) -> None:
    control = cluster.directory / "extension" / "oddity.control"
    control.write_text("default_version = '1'\n")
    (control.parent / "oddity--1.sql").write_text("SELECT 1;\n")
    shutil.chown(control, cluster.directory.stat().st_uid)
    source, copy = database(), database(server=other_cluster)
    try:
        execute(source, "CREATE EXTENSION oddity; CREATE TABLE t (x integer)")
        archive = archived(source, tmp_path / "a")
    finally:
        control.unlink()
    with pytest.raises(Failure, match="does not have the extensions oddity"):
        load(clients_for(copy), copy, archive)
    assert ask(copy, "SELECT to_regclass('t')::text") is None


@pytest.mark.parametrize("damage", ["short", "no archive", "rows cut off"])
def test_a_damaged_archive_is_refused(
    filled: str, database: NewDatabase, tmp_path: Path, damage: str
) -> None:
    copy = database()
    archive = archived(filled, tmp_path / "a")
    content = archive.read_bytes()
    archive.write_bytes(
        {"short": content[:500], "no archive": b"-- SQL", "rows cut off": content[:-3000]}[damage]
    )
    with pytest.raises(Failure, match=r"no whole archive|restore failed"):
        load(clients_for(copy), copy, archive)


def test_an_error_in_the_middle_fails_with_pg_restores_words_but_no_row(
    database: NewDatabase, tmp_path: Path
) -> None:
    source, copy = database(), database()
    execute(
        source,
        "CREATE TABLE t (x text); INSERT INTO t VALUES ('planted-row');"
        "ALTER TABLE t ADD CONSTRAINT never CHECK (x <> 'planted-row') NOT VALID;"
        "UPDATE pg_constraint SET convalidated = true WHERE conname = 'never'",
    )
    with pytest.raises(Failure, match="what is in the target is not whole") as raised:
        load(clients_for(copy), copy, archived(source, tmp_path / "a"))
    assert 'violates check constraint "never"' in str(raised.value)
    assert "planted-row" not in str(raised.value).replace("<> 'planted-row'", "")
    assert shows_no_secret(str(raised.value))


def test_a_restore_that_is_killed_has_failed(database: NewDatabase, tmp_path: Path) -> None:
    source, copy = database(), database()
    fill(source, 1_000)
    clients = clients_for(copy)
    wrapper = tmp_path / "pg_restore"
    wrapper.write_text(f'#!/bin/sh\n"{clients.restore}" "$@" || exit 1\nkill -KILL $$\n')
    wrapper.chmod(0o755)
    killed = type(clients)(clients.dump, wrapper, clients.version)
    with pytest.raises(Failure, match="SIGKILL"):
        load(killed, copy, archived(source, tmp_path / "a"))


def test_a_wrong_password_is_not_shown(filled: str, database: NewDatabase, tmp_path: Path) -> None:
    copy = database().replace(PASSWORD, "wrong-planted")
    with pytest.raises(Failure, match="cannot connect") as raised:
        load(clients_for(copy), copy, archived(filled, tmp_path / "a"))
    assert "wrong-planted" not in str(raised.value)

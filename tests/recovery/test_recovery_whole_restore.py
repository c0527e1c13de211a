"""Restores that must be whole: what comes back beside the dump, what is said of the rest, and who refuses."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from command_process import CommandRunner
from dump_fixtures import dump_to_file, execute, fetch_value, find_clients
from psycopg import sql
from s3_server import Fault
from servers import PASSWORD, NewDatabase, database_url
from vaults import ProxiedVault, back_up_database

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres import load as load_module
from recovery.postgres.archive_check import require_counts
from recovery.postgres.load import load
from recovery.postgres.session_settings import load_session_url
from recovery.restore import RestoreOptions, RestoreResult, restore_database
from recovery.vault.vault import VaultClient

ROLES = ("team_owner", "team_app", "team_reader")


def drop_roles(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for role in map(sql.Identifier, ROLES):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(role))


@pytest.fixture(autouse=True)
def _roles(cluster: Cluster, other_cluster: Cluster) -> Generator[None]:
    """Remove the roles from both servers, after their databases."""
    urls = [database_url(server, "postgres") for server in (cluster, other_cluster)]
    for url in urls:
        drop_roles(url)
    yield
    for url in urls:
        drop_roles(url)


@pytest.fixture
def source(new_database: NewDatabase) -> str:
    return new_database("whole")


@pytest.fixture
def target(new_database: NewDatabase, other_cluster: Cluster) -> str:
    return new_database("copy", server=other_cluster)


def restore(
    source: str, target: str, vault: VaultClient, folder: Path, options: RestoreOptions | None = None
) -> RestoreResult:
    manifest = back_up_database(source, vault)
    return restore_database(manifest, vault, target, folder=folder, options=options)


def test_a_database_whose_settings_would_hinder_a_load_is_restored(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(source, "CREATE TABLE t (x integer, a text[]); INSERT INTO t VALUES (1, '{NULL}')")
    execute(
        source,
        "ALTER DATABASE whole SET quote_all_identifiers = on; ALTER DATABASE whole SET array_nulls = off;"
        "ALTER DATABASE whole SET search_path = nowhere;"
        "ALTER DATABASE whole CONNECTION LIMIT 3;"
        "ALTER DATABASE whole SET default_transaction_read_only = on",
    )
    result = restore(source, target, locked_vault.client, tmp_path)
    assert result.failed == ()
    assert "setting default_transaction_read_only of the database" in result.applied
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        execute(target, "CREATE TABLE another (x integer)")


def test_a_target_whose_settings_would_hinder_a_load_is_restored_into(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(source, "CREATE TABLE t (x integer); INSERT INTO t VALUES (1)")
    execute(
        target,
        "ALTER DATABASE copy SET statement_timeout = '1ms';"
        "ALTER DATABASE copy SET default_transaction_read_only = on",
    )
    assert restore(source, target, locked_vault.client, tmp_path).is_complete


PARTITIONS: LiteralString = """
    CREATE TABLE part (id bigint, at date) PARTITION BY RANGE (at);
    CREATE TABLE part_a PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')
        PARTITION BY RANGE (id);
    CREATE TABLE part_a_d PARTITION OF part_a DEFAULT;
    CREATE FUNCTION ptrg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
    CREATE TRIGGER pt AFTER INSERT ON part FOR EACH ROW EXECUTE FUNCTION ptrg();
    ALTER TABLE part_a_d ENABLE ALWAYS TRIGGER pt;
"""


def test_triggers_of_nested_partitions_are_restored_by_several_connections(
    source: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    execute(source, PARTITIONS)
    archive = dump_to_file(source, tmp_path / "archive")
    content = archive.read_bytes()
    for _ in range(5):  # it failed three times of five
        copy = new_database("copy of partitions")
        archive.write_bytes(content)
        load(find_clients(copy), copy, archive, jobs=2)
        enabled = (
            "SELECT string_agg(tgenabled::text, '' ORDER BY tgrelid) FROM pg_trigger WHERE tgname = 'pt'"
        )
        assert fetch_value(copy, enabled) == "OOA"


def test_a_failed_statement_is_shown_by_its_first_line_with_text(
    source: str, target: str, tmp_path: Path
) -> None:
    execute(
        source,
        "CREATE TABLE t (x text); CREATE TRIGGER late AFTER INSERT ON t EXECUTE FUNCTION "
        "suppress_redundant_updates_trigger()",
    )
    archive = dump_to_file(source, tmp_path / "archive")
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b"CREATE TRIGGER late", b"\nREATE TRIGGER late"))
    with pytest.raises(Failure, match="syntax error") as raised:
        load(find_clients(target), target, archive)
    assert "Command was: REATE TRIGGER late AFTER INSERT ON public.t" in str(raised.value)
    assert '--leave-out "TRIGGER public.t late"' in str(raised.value)


def test_the_schema_public_comes_back_with_its_owner_grants_and_comment(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(
        source,
        "CREATE ROLE team_owner; CREATE ROLE team_app; ALTER SCHEMA public OWNER TO team_owner;"
        "GRANT CREATE ON SCHEMA public TO team_app; REVOKE USAGE ON SCHEMA public FROM PUBLIC;"
        "COMMENT ON SCHEMA public IS 'ours'",
    )
    assert restore(source, target, locked_vault.client, tmp_path).is_complete
    schema = (
        "SELECT concat_ws(' ', nspowner::regrole, nspacl, obj_description(oid)) FROM pg_namespace "
        "WHERE nspname = 'public'"
    )
    assert fetch_value(target, schema) == fetch_value(source, schema)


def test_a_database_without_the_schema_public_comes_back_without_it(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(source, "DROP SCHEMA public; CREATE SCHEMA app; CREATE TABLE app.t (x integer)")
    assert restore(source, target, locked_vault.client, tmp_path).is_complete
    assert fetch_value(target, "SELECT count(*) FROM pg_namespace WHERE nspname = 'public'") == 0


def test_roles_log_in_with_the_passwords_that_they_are_given(
    source: str, target: str, other_cluster: Cluster, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(
        source,
        "CREATE ROLE team_app LOGIN PASSWORD 'planted-old';"
        "CREATE ROLE team_reader LOGIN VALID UNTIL '2099-01-01';"
        "CREATE ROLE team_owner; COMMENT ON ROLE team_reader IS 'may only read';"
        "CREATE TABLE t (x integer); GRANT SELECT ON t TO team_app, team_reader",
    )
    commands = CommandRunner(source, locked_vault.proxy.url, locked_vault.bucket)
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    back_up_database(source, locked_vault.client)
    given, new = tmp_path / "given.json", tmp_path / "new.json"
    given.write_text(json.dumps({"team_app": "planted-given", "nobody": "planted-nobody"}))
    arguments = ["restore", "--to", target.replace(f":{PASSWORD}", ""), "--passwords", str(given)]
    given.chmod(0o644)
    refused = commands.run(*arguments)
    assert (refused.returncode, "chmod 600" in refused.stderr) == (1, True)
    given.chmod(0o600)
    done = commands.run(*arguments, "--new-passwords", str(new))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "planted" not in done.stdout + done.stderr
    assert "nobody got no password" in done.stdout
    assert new.stat().st_mode & 0o777 == 0o600
    for role, password in {"team_app": "planted-given", **json.loads(new.read_text())}.items():
        url = database_url(other_cluster, "copy", role, password)
        assert fetch_value(url, "SELECT count(*) FROM t") == 0
    reader = fetch_value(
        target,
        "SELECT concat_ws(' ', rolvaliduntil AT TIME ZONE 'UTC', shobj_description(oid, 'pg_authid'))"
        "FROM pg_roles WHERE rolname = 'team_reader'",
    )
    assert reader == "2099-01-01 00:00:00 may only read"
    again = commands.run(*arguments, "--new-passwords", str(new))
    assert (again.returncode, "New passwords can't be written" in again.stderr) == (1, True)


def test_roles_without_a_password_are_named_with_the_command_that_gives_one(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(source, "CREATE ROLE team_app LOGIN; CREATE TABLE t (); GRANT SELECT ON t TO team_app")
    result = restore(source, target, locked_vault.client, tmp_path)
    [note] = [note for note in result.notes if "team_app" in note]
    assert 'ALTER ROLE "team_app" LOGIN; \\password "team_app"' in note


def test_a_dump_that_is_not_the_manifests_is_refused_before_anything_is_loaded(
    source: str, new_database: NewDatabase, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(source, "CREATE TABLE t (x integer); CREATE TABLE u (x integer)")
    full = back_up_database(source, locked_vault.client)
    planted = new_database()
    execute(planted, "CREATE TABLE evil (x integer)")
    other = back_up_database(planted, locked_vault.client)
    manifest = full.model_copy(
        update={"dump": other.dump, "dump_bytes": other.dump_bytes, "cluster": other.cluster}
    )
    with pytest.raises(Failure, match=r"no table public\.t, public\.u and the table public\.evil"):
        restore_database(manifest, locked_vault.client, target, folder=tmp_path)
    assert fetch_value(target, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0


def test_a_dump_with_other_rows_than_its_manifest_says_is_reported(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(source, "CREATE TABLE t (x integer); INSERT INTO t SELECT generate_series(1, 10)")
    full = back_up_database(source, locked_vault.client)
    execute(source, "DELETE FROM t WHERE x > 3")
    less = back_up_database(source, locked_vault.client)
    with pytest.raises(Failure, match=r"table public\.t has 3 rows, and 10 were saved"):
        restore_database(
            less.model_copy(update={"figures": full.figures}), locked_vault.client, target, folder=tmp_path
        )


def test_a_table_whose_rows_an_autovacuum_has_estimated_is_counted_before_it_is_reported(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def estimate_and_compare(connection: psycopg.Connection, *arguments: Any) -> None:
        estimate = "'schemaname', 'public', 'relname', 't', 'reltuples', 7::real"
        connection.execute(f"SELECT pg_catalog.pg_restore_relation_stats({estimate})".encode())
        require_counts(connection, *arguments)

    monkeypatch.setattr(load_module, "require_counts", estimate_and_compare)
    execute(source, "CREATE TABLE t (x integer); INSERT INTO t SELECT generate_series(1, 10)")
    restore(source, target, locked_vault.client, tmp_path)
    assert fetch_value(target, "SELECT reltuples FROM pg_class WHERE relname = 't'") == 7
    assert fetch_value(target, "SELECT count(*) FROM t") == 10


@pytest.mark.parametrize("options", [{"content": "schema"}, {"tables": ("t",)}])
def test_partial_backups_are_those_of_their_manifests(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path, options: dict[str, object]
) -> None:
    execute(source, "CREATE TABLE t (x integer); CREATE TABLE u (x integer); INSERT INTO t VALUES (1)")
    manifest = back_up_database(source, locked_vault.client, **options)
    restore_database(manifest, locked_vault.client, target, folder=tmp_path)
    assert fetch_value(target, "SELECT count(*) FROM t") == (1 if "tables" in options else 0)


def test_a_restore_acts_as_the_role_that_it_is_told(
    source: str, target: str, other_cluster: Cluster, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(source, "CREATE TABLE t (x integer); CREATE ROLE team_owner; ALTER TABLE t OWNER TO team_owner")
    execute(
        target,
        f"CREATE ROLE team_owner; CREATE ROLE team_app LOGIN PASSWORD '{PASSWORD}' NOINHERIT;"
        "GRANT team_owner TO team_app; ALTER DATABASE copy OWNER TO team_owner",
    )
    url = database_url(other_cluster, "copy", "team_app", PASSWORD)
    manifest = back_up_database(source, locked_vault.client)
    with pytest.raises(Failure, match="may not act as team_owner"):
        restore_database(manifest, locked_vault.client, url, folder=tmp_path)
    options = RestoreOptions(role="team_owner")
    restore_database(manifest, locked_vault.client, url, folder=tmp_path, options=options)
    assert fetch_value(target, "SELECT tableowner::text FROM pg_tables WHERE tablename = 't'") == "team_owner"


def test_a_function_with_names_without_a_schema_is_restored_with_a_search_path(
    source: str, target: str, tmp_path: Path
) -> None:
    execute(
        source,
        "CREATE FUNCTION norm(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)';"
        "CREATE FUNCTION is_norm(t text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS "
        "'BEGIN RETURN norm(t) = t; END';"
        "CREATE TABLE t (word text CHECK (is_norm(word))); INSERT INTO t VALUES ('low')",
    )
    archive = dump_to_file(source, tmp_path / "archive")
    content = archive.read_bytes()
    with pytest.raises(Failure, match=r"--search-path public"):
        load(find_clients(target), target, archive)
    execute(target, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    archive.write_bytes(content)
    load(
        find_clients(target),
        load_session_url(target, search_path='public, "odd schema"'),
        archive,
        own_search_path=True,
    )
    assert fetch_value(target, "SELECT word FROM t") == "low"


def test_a_foreign_key_that_the_rows_break_can_be_left_out(source: str, target: str, tmp_path: Path) -> None:
    execute(
        source,
        "CREATE TABLE parent (id integer PRIMARY KEY); CREATE TABLE child (id integer REFERENCES parent);"
        "SET session_replication_role = replica; INSERT INTO child VALUES (7)",
    )
    archive = dump_to_file(source, tmp_path / "archive")
    content = archive.read_bytes()
    with pytest.raises(Failure, match=r'--leave-out "FK CONSTRAINT public\.child child_id_fkey"'):
        load(find_clients(target), target, archive)
    execute(target, "DROP TABLE child, parent")
    archive.write_bytes(content)
    named = "FK CONSTRAINT public.child child_id_fkey"
    result = load(find_clients(target), target, archive, leave_out=[named])
    assert result.omitted == [f"{named}: as asked"]
    assert fetch_value(target, "SELECT id FROM child") == 7
    with pytest.raises(Failure, match="has no object TABLE nothing"):
        load(find_clients(target), target, archive, leave_out=["TABLE nothing"])


def test_a_byte_that_is_flipped_early_in_a_dump_is_reported_with_its_object(
    source: str, target: str, locked_vault: ProxiedVault, tmp_path: Path
) -> None:
    execute(
        source, "CREATE TABLE t (x text); INSERT INTO t SELECT md5(g::text) FROM generate_series(1, 90000) g"
    )
    manifest = back_up_database(source, locked_vault.client)
    locked_vault.proxy.faults.append(Fault("GET", "dump.pgc.zst", times=9, damage_answer=1000))
    with pytest.raises(Failure, match=r"SHA-256 is .*, and .* was stored") as raised:
        restore_database(manifest, locked_vault.client, target, folder=tmp_path)
    assert f"{manifest.dump.key} (version {manifest.dump.version})" in str(raised.value)


def test_a_missing_password_of_the_target_is_named_by_its_variable(
    source: str, target: str, locked_vault: ProxiedVault
) -> None:
    back_up_database(source, locked_vault.client)
    commands = CommandRunner(source, locked_vault.proxy.url, locked_vault.bucket)
    refused = commands.run("restore", "--to", target.replace(f":{PASSWORD}", ""))
    assert refused.returncode == 1
    assert "BULWARK_RESTORE_PASSWORD" in refused.stderr


def test_a_restore_that_lacks_something_ends_with_three_and_the_next_step(
    source: str, target: str, locked_vault: ProxiedVault
) -> None:
    latin = "CREATE TABLE t (x text)"
    execute(source, latin)
    execute(source, "ALTER DATABASE whole SET work_mem = '5MB'")
    commands = CommandRunner(source, locked_vault.proxy.url, locked_vault.bucket)
    commands.variables["BULWARK_RESTORE_PASSWORD"] = PASSWORD
    back_up_database(source, locked_vault.client)
    with psycopg.connect(database_url_of(target), autocommit=True) as connection:
        connection.execute("DROP DATABASE copy")
        connection.execute(
            "CREATE DATABASE copy TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
        )
    done = commands.run("restore", "--to", target.replace(f":{PASSWORD}", ""))
    assert done.returncode == 3, done.stdout + done.stderr
    applied, failed = done.stdout.index("Made beside"), done.stdout.index("Could not be made:")
    assert applied < done.stdout.index("setting work_mem of the database") < failed
    assert failed < done.stdout.index("encoding: was UTF8; the target was created with LATIN1")
    assert done.stdout.splitlines()[-1].startswith("Not complete: ")
    assert "Next: " in done.stdout.splitlines()[-1]


def database_url_of(url: str) -> str:
    return url.rpartition("/")[0] + "/postgres"

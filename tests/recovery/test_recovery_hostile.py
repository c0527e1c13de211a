"""A dump is a program of whoever wrote it: where it is restored, it reaches no file, program or superuser."""

import re
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from clusters import reachable_home
from command_process import CommandRunner
from psycopg import sql
from servers import NewDatabase
from vaults import ProxiedVault, back_up_database

from core.state_folder import HOME_VARIABLE

ATTACKS = {
    "a program that writes a file": "COPY (SELECT 1) TO PROGRAM 'touch {folder}/program'",
    "a program that is read": "COPY public.ran FROM PROGRAM 'echo program'",
    "a file that is written": "COPY (SELECT 1) TO '{folder}/file'",
    "a file that is read": "SELECT pg_read_file('/etc/passwd')",
    "a file of the server": "SELECT pg_read_file('pg_hba.conf')",
    "a folder": "SELECT pg_ls_dir('/')",
    "a file as a large object": "SELECT lo_import('/etc/passwd')",
    "a large object as a file": "SELECT lo_export(lo_from_bytea(0, 'x'), '{folder}/object')",
    "a library": "LOAD '{folder}/library.so'",
    "a function in C": "CREATE FUNCTION c(text) RETURNS int LANGUAGE c AS '{folder}/library.so', 'system'",
    "an internal function": "CREATE FUNCTION f(text) RETURNS text LANGUAGE internal AS 'pg_read_file_all'",
    "Python": "CREATE EXTENSION plpython3u",
    "Perl": "CREATE EXTENSION plperlu",
    "dblink": "CREATE EXTENSION dblink",
    "postgres_fdw": "CREATE EXTENSION postgres_fdw",
    "file_fdw": "CREATE EXTENSION file_fdw",
    "a foreign data wrapper": "CREATE FOREIGN DATA WRAPPER w",
    "a subscription": "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p "
    "WITH (connect = false)",
    "a tablespace": "CREATE TABLESPACE t LOCATION '{folder}'",
    "an event trigger": "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION public.fire()",
    "a setting of the server": "ALTER SYSTEM SET archive_command = 'touch {folder}/archived'",
    "a library of the database": "ALTER DATABASE {database} SET session_preload_libraries = 'x'",
    "a library of a role": "ALTER ROLE bulwark_owner SET session_preload_libraries = 'x'",
    "the superuser": "SET ROLE bulwark_superuser",
    "the superuser's session": "SET SESSION AUTHORIZATION bulwark_superuser",
    "the superuser's login": "ALTER ROLE bulwark_superuser LOGIN PASSWORD 'x'",
    "a superuser": "CREATE ROLE another SUPERUSER",
    "more for itself": "ALTER ROLE bulwark_owner SUPERUSER",
    "the right to programs": "GRANT pg_execute_server_program TO bulwark_owner",
    "the right to read files": "GRANT pg_read_server_files TO bulwark_owner",
    "the right to write files": "GRANT pg_write_server_files TO bulwark_owner",
    "the right to functions": "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO bulwark_owner",
    "a function of the superuser": "CREATE OR REPLACE FUNCTION pg_catalog.now() RETURNS timestamptz "
    "LANGUAGE sql AS 'SELECT NULL::timestamptz'",
}
"""What is tried -> the statement."""

_RAN = "it ran"
_LOOKS_FINE = sql.SQL("""
    CREATE FUNCTION public.looks_fine(note text) RETURNS bool LANGUAGE plpgsql AS $f$
    DECLARE attack record; done text := {ran};
    BEGIN
        IF coalesce(current_setting('test.calm', true), '') = 'on' THEN RETURN true; END IF;
        FOR attack IN SELECT * FROM (VALUES {attacks}) AS a (what, statement) LOOP
            BEGIN
                EXECUTE attack.statement;
                RESET ROLE;
                done := done || ', ' || attack.what;
            EXCEPTION WHEN OTHERS THEN NULL;
            END;
        END LOOP;
        EXECUTE format('COMMENT ON TABLE public.note IS %L', done);
        RETURN true;
    END $f$
""")


@pytest.fixture
def folder() -> Generator[Path]:
    """Give a folder that any account of this machine may write to."""
    with TemporaryDirectory(prefix="bulwark-hostile-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def hostile(new_database: NewDatabase, folder: Path) -> str:
    """Give a database whose row attacks the server that it is loaded into, by a constraint's function."""
    url = new_database("hostile")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.ran (what text)")
        connection.execute(
            "CREATE FUNCTION public.fire() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'"
        )
        attacks = [
            sql.SQL("({}, {})").format(what, statement) for what, statement in statements(folder).items()
        ]
        connection.execute(_LOOKS_FINE.format(ran=_RAN, attacks=sql.SQL(", ").join(attacks)))
        connection.execute("CREATE TABLE public.note (note text CHECK (public.looks_fine(note)))")
        connection.execute("SET test.calm = 'on'")
        connection.execute("INSERT INTO public.note VALUES ('x')")
    return url


@pytest.fixture
def commands(hostile: str, locked_vault: ProxiedVault) -> Generator[CommandRunner]:
    """Give commands with a backup of the hostile database."""
    back_up_database(hostile, locked_vault.client)
    with reachable_home() as home:
        runner = CommandRunner(hostile, locked_vault.proxy.url, locked_vault.bucket)
        runner.variables[HOME_VARIABLE] = str(home.root)
        yield runner


def statements(folder: Path) -> dict[str, str]:
    return {what: text.format(folder=folder, database="hostile") for what, text in ATTACKS.items()}


def test_hostile_dump_runs_nothing_at_a_deep_verification(commands: CommandRunner, folder: Path) -> None:
    verified = commands.run("verify", "--deep", "--store", "database")
    assert list(folder.iterdir()) == []
    # It ran, and nothing that it tried worked. The console breaks long lines.
    assert f"found \"table public.note '{_RAN}'\"" in " ".join(verified.stdout.split())


def test_hostile_dump_runs_nothing_on_a_new_server(commands: CommandRunner, folder: Path) -> None:
    restored = commands.run("restore", "--to", "new")
    [url] = re.findall(r"^It is at (postgresql://\S+)$", restored.stdout, re.MULTILINE)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            assert connection.execute("SELECT obj_description('public.note'::regclass)").fetchone() == (_RAN,)
            allowed = [what for what, text in statements(folder).items() if is_allowed(connection, text)]
            assert allowed == []
        with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
            psycopg.connect(url.replace("bulwark_owner", "bulwark_superuser"))
    finally:
        [backup] = re.findall(r"^Remove it: ./bulwark discard (\S+)$", restored.stdout, re.MULTILINE)
        commands.run("discard", backup)
    assert list(folder.iterdir()) == []


def is_allowed(connection: psycopg.Connection, statement: str) -> bool:
    try:
        connection.execute(statement.encode())
    except psycopg.Error:
        return False
    return True

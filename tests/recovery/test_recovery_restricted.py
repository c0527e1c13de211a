"""A restore by a role without superuser rights: everything that it may make, and a list of the rest."""

from collections.abc import Generator
from pathlib import Path
from typing import Any, LiteralString

import pytest
from clusters import reachable_home
from command_process import CommandRunner
from dump_fixtures import dump_to_file, execute, fetch_value, find_clients
from odd_database import OddDatabase, checksums_of, temporary_roles
from servers import PASSWORD, NewDatabase, database_url
from vaults import ProxiedVault, back_up_database

from core.failure import Failure
from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from recovery.postgres.load import ArchiveLoadResult, load
from recovery.postgres.owner_rights import let_owners_create
from recovery.postgres.session_settings import load_session_url

SUPERUSERS_OBJECTS: LiteralString = """
    CREATE TABLE plain (id integer PRIMARY KEY, word text);
    INSERT INTO plain VALUES (1, 'one'), (2, 'two');
    CREATE FOREIGN DATA WRAPPER dummy; CREATE SERVER far FOREIGN DATA WRAPPER dummy;
    CREATE USER MAPPING FOR PUBLIC SERVER far; CREATE FOREIGN TABLE abroad (x integer) SERVER far;
    CREATE VIEW seen_abroad AS SELECT x FROM abroad;
    CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
    CREATE EVENT TRIGGER notices ON ddl_command_end EXECUTE FUNCTION noticed();
    CREATE FUNCTION in_c(text) RETURNS integer LANGUAGE internal STRICT IMMUTABLE AS 'textlen';
    CREATE VIEW lengths AS SELECT in_c(word) AS length FROM plain;
    CREATE FUNCTION discreet(integer) RETURNS integer LANGUAGE sql IMMUTABLE LEAKPROOF AS 'SELECT $1';
    CREATE TABLE discrete (x integer CHECK (discreet(x) > 0)); INSERT INTO discrete VALUES (7);
    CREATE FUNCTION logs() RETURNS integer LANGUAGE sql SET log_min_duration_statement TO '5s' AS 'SELECT 1';
    CREATE ACCESS METHOD pile TYPE TABLE HANDLER heap_tableam_handler;
    CREATE TABLE piled (x integer) USING pile; INSERT INTO piled VALUES (3);
    CREATE TEXT SEARCH PARSER cutter (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end,
        LEXTYPES = prsd_lextype);
    CREATE TEXT SEARCH CONFIGURATION cutting (PARSER = cutter);
    CREATE TEXT SEARCH TEMPLATE simpler (INIT = dsimple_init, LEXIZE = dsimple_lexize);
    CREATE TEXT SEARCH DICTIONARY simplest (TEMPLATE = simpler);
    CREATE OPERATOR FAMILY relatives USING btree;
    CREATE OPERATOR CLASS numbers FOR TYPE integer USING btree AS
        OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
        FUNCTION 1 btint4cmp(int4, int4);
    CREATE INDEX by_class ON plain (id numbers);
    CREATE TYPE based;
    CREATE FUNCTION based_in(cstring) RETURNS based LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
    CREATE FUNCTION based_out(based) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
    CREATE TYPE based (INPUT = based_in, OUTPUT = based_out, LIKE = integer);
    CREATE TABLE on_base (b based); INSERT INTO on_base VALUES ('5');
    CREATE TYPE pair AS (a integer, b integer); CREATE TYPE couple AS (c integer, d integer);
    CREATE CAST (integer AS based) WITHOUT FUNCTION;
    CREATE FUNCTION made_handler() RETURNS language_handler LANGUAGE c
        AS '$libdir/plpgsql', 'plpgsql_call_handler';
    CREATE LANGUAGE made HANDLER made_handler;
    CREATE FUNCTION in_made() RETURNS integer LANGUAGE made AS 'BEGIN RETURN 1; END';
    CREATE TRANSFORM FOR integer LANGUAGE SQL (FROM SQL WITH FUNCTION prsd_lextype(internal));
    CREATE AGGREGATE collected(anynonarray) (SFUNC = array_agg_transfn, STYPE = internal,
        FINALFUNC = array_agg_finalfn, FINALFUNC_EXTRA);
    CREATE PUBLICATION everything FOR ALL TABLES; CREATE PUBLICATION chosen FOR TABLE plain;
    CREATE PUBLICATION in_schema FOR TABLES IN SCHEMA public;
    CREATE SUBSCRIPTION followed CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p
        WITH (connect = false, slot_name = NONE, enabled = false);
    GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO PUBLIC;
    REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
"""
"""Of each kind that only a superuser can make one, with something that needs it."""

FAILED = """
    FOREIGN DATA WRAPPER dummy|SERVER far|USER MAPPING public SERVER far|FOREIGN TABLE public.abroad
    VIEW public.seen_abroad|EVENT TRIGGER notices|FUNCTION public.in_c(text)|VIEW public.lengths
    LEAKPROOF of FUNCTION public.discreet(integer)|FUNCTION public.logs()|ACCESS METHOD pile
    TEXT SEARCH PARSER public.cutter|TEXT SEARCH CONFIGURATION public.cutting
    TEXT SEARCH TEMPLATE public.simpler|TEXT SEARCH DICTIONARY public.simplest
    OPERATOR FAMILY public.relatives|OPERATOR FAMILY public.numbers|OPERATOR CLASS public.numbers
    INDEX public.by_class|SHELL TYPE public.based|FUNCTION public.based_in(cstring)
    FUNCTION public.based_out(public.based)|TYPE public.based|TABLE public.on_base
    TABLE DATA public.on_base|CAST (integer AS public.based)|PROCEDURAL LANGUAGE made
    FUNCTION public.in_made()|FUNCTION public.made_handler()|TRANSFORM FOR integer LANGUAGE sql
    AGGREGATE public.collected(anynonarray)|PUBLICATION everything
    PUBLICATION TABLES IN SCHEMA public.in_schema public|SUBSCRIPTION followed
    ACL pg_catalog.FUNCTION pg_reload_conf()|ACL LANGUAGE plpgsql
"""


@pytest.fixture
def source(new_database: NewDatabase) -> Generator[str]:
    url = new_database()
    execute(url, SUPERUSERS_OBJECTS)
    yield url
    execute(url, "DROP SUBSCRIPTION followed")


@pytest.fixture
def restorer(other_cluster: Cluster, new_database: NewDatabase) -> Generator[str]:
    """Give the URL of an empty database for a role that owns it and may create roles, as a vendor's user."""
    admin = new_database("restricted", server=other_cluster)
    postgres = database_url(other_cluster, "postgres")
    execute(postgres, "CREATE ROLE restorer LOGIN PASSWORD 'planted-superuser-password'")
    execute(postgres, "ALTER ROLE restorer CREATEROLE CREATEDB BYPASSRLS")
    execute(postgres, "ALTER DATABASE restricted OWNER TO restorer")
    execute(admin, "CREATE EXTENSION vector")
    try:
        yield database_url(other_cluster, "restricted", "restorer", PASSWORD)
    finally:
        execute(postgres, "ALTER DATABASE restricted OWNER TO cloud_admin")
        execute(admin, "DROP OWNED BY restorer CASCADE")
        execute(postgres, "DROP OWNED BY restorer CASCADE; DROP ROLE restorer")


def restore(source: str, target: str, folder: Path, **options: Any) -> ArchiveLoadResult:
    archive = dump_to_file(source, folder / "archive")
    return load(find_clients(target), load_session_url(target), archive, **options)


def test_what_only_a_superuser_can_make_is_listed_and_everything_else_is_restored(
    source: str, restorer: str, tmp_path: Path
) -> None:
    result = restore(source, restorer, tmp_path, owners=False)
    expected = {name.strip() for line in FAILED.splitlines() for name in line.split("|") if name.strip()}
    assert {line.partition(": ")[0] for line in result.failed} == expected
    assert "VIEW public.lengths: it needs FUNCTION public.in_c(text)" in result.failed
    assert fetch_value(restorer, "SELECT string_agg(word, ' ' ORDER BY id) FROM plain") == "one two"
    assert fetch_value(restorer, "SELECT x + discreet(1) FROM discrete") == 8
    assert fetch_value(restorer, "SELECT x FROM piled") == 3
    assert fetch_value(restorer, "SELECT pubname::text FROM pg_publication ORDER BY 1") == "chosen"


def test_a_superuser_restores_everything(
    source: str, new_database: NewDatabase, other_cluster: Cluster, tmp_path: Path
) -> None:
    target = new_database(server=other_cluster)
    try:
        result = restore(source, target, tmp_path)
        assert (result.failed, result.omitted) == ([], [])
        assert checksums_of(target).definitions == checksums_of(source).definitions
        assert fetch_value(target, "SELECT subname::text FROM pg_subscription") == "followed"
    finally:
        execute(target, "DROP SUBSCRIPTION IF EXISTS followed")


def test_the_odd_database_comes_back_but_for_two_objects(
    odd: OddDatabase, restorer: str, other_cluster: Cluster, tmp_path: Path
) -> None:
    with temporary_roles(database_url(other_cluster, "postgres")):
        try:
            result = restore(odd.url, restorer, tmp_path, owners=False)
            copy = checksums_of(restorer)
        finally:
            execute(restorer, "DROP OWNED BY CURRENT_USER CASCADE")
    assert [line.partition(":")[0] for line in result.failed] == [
        "PUBLICATION TABLES IN SCHEMA public.whole public",
        "EVENT TRIGGER noticed",
    ]
    assert copy.tables == odd.checksums.tables
    differing = {kind for kind, one in odd.checksums.definitions.items() if copy.definitions[kind] != one}
    assert differing == {"event_triggers", "publications", "owners", "grants"}


def test_the_right_of_owners_that_a_killed_restore_left_goes_with_the_next_one(restorer: str) -> None:
    roles = "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'bulwark\\_restore\\_%'"
    killed = let_owners_create(restorer)
    killed.__enter__()  # and is killed before it gets to the end of the block
    assert fetch_value(restorer, roles) == 1
    with let_owners_create(restorer):
        assert fetch_value(restorer, roles) == 1
    assert fetch_value(restorer, roles) == 0


def test_an_owner_that_the_role_may_not_act_as_is_named_before_anything_is_loaded(
    restorer: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    source = new_database()
    execute(source, "CREATE TABLE t (x integer)")
    with pytest.raises(Failure, match="may not act as cloud_admin") as raised:
        restore(source, restorer, tmp_path)
    assert "--no-owner" in str(raised.value)
    assert "--role" in str(raised.value)
    assert fetch_value(restorer, "SELECT to_regclass('t')::text") is None
    result = restore(source, restorer, tmp_path, owners=False)
    assert result.failed == []
    assert fetch_value(restorer, "SELECT tableowner::text FROM pg_tables WHERE tablename = 't'") == "restorer"


def test_what_this_machine_cannot_restore_is_not_proven_and_no_damage(
    new_database: NewDatabase, locked_vault: ProxiedVault
) -> None:
    source = new_database("unproven")
    execute(
        source,
        "CREATE TABLE plain (id integer); CREATE FOREIGN DATA WRAPPER dummy;"
        "CREATE SERVER far FOREIGN DATA WRAPPER dummy; GRANT USAGE ON FOREIGN SERVER far TO PUBLIC;"
        "CREATE FUNCTION noticed() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';"
        "CREATE EVENT TRIGGER notices ON ddl_command_end EXECUTE FUNCTION noticed();"
        "COMMENT ON EVENT TRIGGER notices IS 'seen'",
    )
    manifest = back_up_database(source, locked_vault.client)
    commands = CommandRunner(source, locked_vault.proxy.url, locked_vault.bucket)
    with reachable_home() as home:
        commands.variables[HOME_VARIABLE] = str(home.root)
        verified = commands.run("verify", "--deep", "--backup", manifest.id)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    for what in ("EVENT TRIGGER notices", "FOREIGN DATA WRAPPER dummy", "SERVER far"):
        assert f"not proven on this machine: {what}: " in verified.stdout

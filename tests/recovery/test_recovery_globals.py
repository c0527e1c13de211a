"""Roles, memberships, grants and settings: read without passwords, and recreated once."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from dump_fixtures import dump_to_file, execute, fetch_value, find_clients, has_no_secret
from psycopg import sql
from servers import PASSWORD, NewDatabase

from core.failure import Failure
from postgres_server.cluster import Cluster as Server
from recovery.postgres.globals import Globals, is_vendor_role, read_globals
from recovery.postgres.globals_restore import GlobalsResult, restore_roles, restore_settings
from recovery.postgres.load import load
from recovery.postgres.role_passwords import RolePasswords

ROLES = ("app", 'odd "Role" ünï', "readers", "writer", "watcher", "neon_superuser", "admin_like")
STRANGERS = ("outsider", "idle")
"""Roles that have nothing in the database."""

SETUP = """
    CREATE ROLE neon_superuser NOLOGIN CREATEROLE;
    CREATE ROLE app LOGIN PASSWORD 'planted-app' CREATEDB CONNECTION LIMIT 7;
    CREATE ROLE "odd ""Role"" ünï" NOLOGIN NOINHERIT BYPASSRLS;
    CREATE ROLE readers; CREATE ROLE writer LOGIN; CREATE ROLE watcher LOGIN;
    CREATE ROLE outsider LOGIN; CREATE ROLE idle NOLOGIN;
    COMMENT ON ROLE writer IS 'may write, isn''t it?';
    ALTER ROLE watcher SET lock_timeout = '3s';
    GRANT SET ON PARAMETER log_min_duration_statement TO watcher WITH GRANT OPTION;
    GRANT ALTER SYSTEM ON PARAMETER work_mem TO writer;
    ALTER ROLE ALL SET app.everyone = 'the same';
    GRANT readers TO writer WITH ADMIN OPTION; GRANT readers TO app WITH INHERIT FALSE;
    GRANT pg_read_all_data TO watcher; GRANT neon_superuser TO app;
    ALTER ROLE app SET search_path = "$user", public, 'Odd, schema';
    ALTER ROLE app SET statement_timeout = '7s';
    ALTER ROLE writer SET app.greeting = 'it''s, "me"';
"""
IN_DATABASE = """
    CREATE SCHEMA app AUTHORIZATION app; CREATE TABLE app.t (x integer); ALTER TABLE app.t OWNER TO app;
    GRANT SELECT ON app.t TO readers WITH GRANT OPTION;
    CREATE TABLE odd (x integer); ALTER TABLE odd OWNER TO "odd ""Role"" ünï";
    GRANT UPDATE (x) ON odd TO writer;
    CREATE TABLE guarded (x integer); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE POLICY "TO nobody" ON guarded TO watcher USING (x = extract(year FROM now()));
    ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA app GRANT SELECT ON TABLES TO readers;
    ALTER DEFAULT PRIVILEGES FOR ROLE app REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    ALTER SCHEMA public OWNER TO app;
"""
GRANTED = """
    SELECT jsonb_agg(to_jsonb(x) ORDER BY x::text) FROM (
        SELECT relname::text AS name, relowner::regrole::text AS owner, relacl::text FROM pg_class
            WHERE relname IN ('t', 'odd', 'guarded')
        UNION ALL SELECT attname::text, NULL, attacl::text FROM pg_attribute
            WHERE attacl IS NOT NULL AND attnum > 0 AND attrelid > 16384
        UNION ALL SELECT defaclobjtype::text, defaclrole::regrole::text, defaclacl::text FROM pg_default_acl
        UNION ALL SELECT nspname::text, nspowner::regrole::text, nspacl::text FROM pg_namespace
            WHERE nspname IN ('app', 'public')
        UNION ALL SELECT polname::text, NULL, polroles::regrole[]::text FROM pg_policy) x
"""


_PARTS = ("applied", "failed", "vendor_roles")


def drop_roles(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ALTER ROLE ALL RESET ALL")
        for role in ROLES + STRANGERS:
            name = sql.Identifier(role)
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount:
                connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
                connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
                connection.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def source(new_database: NewDatabase) -> Iterator[str]:
    url = new_database("the source")
    drop_roles(url)
    try:
        execute(url, SETUP)
        execute(url, IN_DATABASE)
        execute(
            url,
            'ALTER DATABASE "the source" OWNER TO app; REVOKE TEMPORARY ON DATABASE "the source" FROM PUBLIC;'
            'GRANT CREATE ON DATABASE "the source" TO writer WITH GRANT OPTION;'
            "ALTER DATABASE \"the source\" SET timezone = 'Asia/Tokyo';"
            "ALTER ROLE writer IN DATABASE \"the source\" SET work_mem = '5MB';"
            "COMMENT ON DATABASE \"the source\" IS 'it''s ours';"
            'ALTER DATABASE "the source" CONNECTION LIMIT 50',
        )
        yield url
    finally:
        execute(url, "RESET ALL")
        drop_roles(url)


@pytest.fixture
def target(new_database: NewDatabase, other_cluster: Server) -> Iterator[str]:
    url = new_database("elsewhere", server=other_cluster)
    drop_roles(url)
    try:
        yield url
    finally:
        drop_roles(url)


def capture_globals(url: str) -> Globals:
    with psycopg.connect(url, autocommit=True) as connection:
        return read_globals(connection)


def recreate_globals(
    url: str, cluster: Globals, passwords: dict[str, str] | None = None, **options: bool
) -> GlobalsResult:
    with psycopg.connect(url, autocommit=True) as connection:
        result = restore_roles(connection, cluster, **options)
        after = restore_settings(connection, cluster, passwords=RolePasswords(passwords or {}))
    return replace(after, **{part: getattr(result, part) + getattr(after, part) for part in _PARTS})


def test_globals_hold_roles_grants_and_settings_but_no_password(source: str) -> None:
    cluster = capture_globals(source)
    text = cluster.model_dump_json()
    assert Globals.model_validate_json(text) == cluster
    assert "planted" not in text
    assert "SCRAM" not in text
    assert {role.name for role in cluster.roles} == {"cloud_admin", *ROLES} - {"admin_like"}
    assert (cluster.owner, cluster.comment, cluster.connection_limit) == ("app", "it's ours", 50)
    assert (cluster.encoding, cluster.locale_provider, cluster.locale) == ("UTF8", "b", "C.UTF-8")
    assert {(default.role, default.kind) for default in cluster.default_privileges} == {
        ("app", "r"),
        ("app", "f"),
    }
    assert [extension.name for extension in cluster.extensions] == ["plpgsql"]
    assert json.loads(text)["grants"][0] == {"grantee": None, "privilege": "CONNECT", "grantable": False}


def test_roles_of_other_databases_are_left_out(source: str, new_database: NewDatabase) -> None:
    assert source
    empty = new_database("empty")
    assert {role.name for role in capture_globals(empty).roles} == {"cloud_admin", "watcher"}
    execute(empty, "REVOKE CONNECT ON DATABASE empty FROM PUBLIC")
    assert {role.name for role in capture_globals(empty).roles} == {"cloud_admin"}


def test_a_role_that_reads_by_publics_privileges_is_one_of_the_globals(source: str) -> None:
    assert "outsider" not in {role.name for role in capture_globals(source).roles}
    execute(source, "GRANT SELECT (x) ON odd TO PUBLIC")
    globals_ = capture_globals(source)
    assert "outsider" in {role.name for role in globals_.roles}
    assert "idle" not in {role.name for role in globals_.roles}


def test_a_database_without_the_schema_public_has_none_when_recreated(
    target: str, new_database: NewDatabase
) -> None:
    bare = new_database("bare")
    execute(bare, "DROP SCHEMA public")
    assert recreate_globals(target, capture_globals(bare)).failed == []
    assert fetch_value(target, "SELECT count(*) FROM pg_namespace WHERE nspname = 'public'") == 0


def test_globals_are_recreated_on_another_server(source: str, target: str, tmp_path: Path) -> None:
    cluster = capture_globals(source)
    result = recreate_globals(target, cluster, {"app": "planted-app"})
    assert result.failed == []
    assert sorted(result.vendor_roles) == ["cloud_admin", "neon_superuser"]
    load(find_clients(target), target, dump_to_file(source, tmp_path / "a"))
    assert fetch_value(target, GRANTED) == fetch_value(source, GRANTED)
    again = capture_globals(target)
    for part in (
        "owner",
        "comment",
        "connection_limit",
        "grants",
        "settings",
        "default_privileges",
        "parameter_grants",
        "public_schema",
    ):
        assert getattr(again, part) == getattr(cluster, part), part
    with_login = {role.name: role for role in again.roles}
    for role in cluster.roles:
        if not is_vendor_role(role.name):
            # A role without a password gets no LOGIN; its other attributes are recreated.
            expected = {"logs_in": role.name == "app", "valid_until": None}
            assert with_login[role.name] == role.model_copy(update=expected)
    kept = {one for one in map(str, cluster.memberships) if "neon_superuser" not in one}
    assert set(map(str, again.memberships)) == kept
    app = target.replace("cloud_admin", "app").replace(PASSWORD, "planted-app")
    assert fetch_value(app, "SELECT current_setting('search_path')") == '"$user", public, "Odd, schema"'


def test_recreating_globals_twice_changes_nothing(source: str, target: str) -> None:
    cluster = capture_globals(source)
    assert recreate_globals(target, cluster).applied
    assert recreate_globals(target, cluster).applied == []


def test_a_roles_password_reaches_the_server_as_a_digest(
    source: str, target: str, other_cluster: Server
) -> None:
    execute(target, "ALTER DATABASE elsewhere SET log_statement = 'all'")
    assert (
        "password of role app"
        in recreate_globals(target, capture_globals(source), {"app": "planted-fresh"}).applied
    )
    log = other_cluster.log.read_text()
    assert "CREATE ROLE" in log
    assert "planted-fresh" not in log


def test_missing_roles_are_named_before_anything_is_restored(
    source: str, target: str, tmp_path: Path
) -> None:
    archive = dump_to_file(source, tmp_path / "a")
    with pytest.raises(Failure, match="does not have the roles") as raised:
        load(find_clients(target), target, archive)
    for role in ("app", 'odd "Role" ünï', "readers", "writer", "watcher"):
        assert role in str(raised.value)
    assert "nobody" not in str(raised.value)
    assert fetch_value(target, "SELECT to_regclass('odd')::text") is None


def test_a_restore_without_owners_gives_everything_to_the_restoring_role(
    source: str, target: str, tmp_path: Path
) -> None:
    execute(source, "DROP TABLE guarded")
    load(find_clients(target), target, dump_to_file(source, tmp_path / "a"), owners=False)
    assert (
        fetch_value(target, "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'odd'")
        == "cloud_admin"
    )


def test_a_vendors_role_gets_a_placeholder_only_on_request(source: str, target: str, tmp_path: Path) -> None:
    execute(source, "GRANT SELECT ON odd TO neon_superuser")
    archive, cluster = dump_to_file(source, tmp_path / "a"), capture_globals(source)
    recreate_globals(target, cluster)
    with pytest.raises(Failure, match="does not have the roles neon_superuser"):
        load(find_clients(target), target, archive)
    recreate_globals(target, cluster, placeholder_roles=True)
    load(find_clients(target), target, archive)
    assert fetch_value(target, "SELECT rolcreaterole FROM pg_roles WHERE rolname = 'neon_superuser'") is False


def test_recreating_globals_without_superuser_does_what_it_may_and_reports_the_rest(
    source: str, target: str, tmp_path: Path
) -> None:
    # As a provider's customer is: not a superuser, but the owner of the database.
    execute(
        target,
        "CREATE ROLE admin_like LOGIN PASSWORD 'planted-admin' CREATEROLE CREATEDB;"
        "ALTER DATABASE elsewhere OWNER TO admin_like",
    )
    weak = target.replace("cloud_admin", "admin_like").replace(PASSWORD, "planted-admin")
    # To hand a table over, its new owner needs CREATE in the schema, as the database's owner has in public.
    execute(source, "ALTER TABLE guarded OWNER TO app; ALTER TABLE odd OWNER TO app")
    execute(source, 'GRANT SELECT ON odd TO "odd ""Role"" ünï"')
    # A default privilege of the vendor's own, which no customer may touch.
    execute(source, "ALTER DEFAULT PRIVILEGES FOR ROLE cloud_admin GRANT SELECT ON TABLES TO readers")
    cluster = capture_globals(source)
    result = recreate_globals(weak, cluster)
    text = "\n".join(result.failed)
    assert 'role odd "Role" ünï: BYPASSRLS' in text
    assert "membership of watcher in pg_read_all_data" in text
    assert has_no_secret(text)
    loaded = load(find_clients(weak), weak, dump_to_file(source, tmp_path / "a"))
    assert any("DEFAULT ACL" in line for line in loaded.notes)
    owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 't'"
    assert fetch_value(target, owner) == "app"


@pytest.mark.parametrize(
    "role", ["neon_superuser", "cloud_admin", "pg_monitor", "azure_pg_admin", "supabase_admin"]
)
def test_roles_of_providers_are_recognised(role: str) -> None:
    assert is_vendor_role(role)


@pytest.mark.parametrize("role", ["app", "anon", "authenticated", "neon", "page_writer", "my_pg_role"])
def test_customers_roles_are_not_taken_for_a_providers(role: str) -> None:
    assert not is_vendor_role(role)

"""Roles, memberships, grants and settings: captured without passwords, recreated, and twice is once."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dump_fixtures import archived, ask, clients_for, execute, shows_no_secret
from psycopg import sql
from servers import PASSWORD, NewDatabase

from core.failure import Failure
from postgres_server.cluster import Cluster as Server
from recovery.postgres.connection import is_vendors
from recovery.postgres.globals_restore import Globals, Recreated, capture, recreate
from recovery.postgres.load import load

ROLES = ("app", 'odd "Role" ünï', "readers", "writer", "watcher", "neon_superuser", "admin_like")
SETUP = """
    CREATE ROLE neon_superuser NOLOGIN CREATEROLE;
    CREATE ROLE app LOGIN PASSWORD 'planted-app' CREATEDB CONNECTION LIMIT 7;
    CREATE ROLE "odd ""Role"" ünï" NOLOGIN NOINHERIT BYPASSRLS;
    CREATE ROLE readers; CREATE ROLE writer LOGIN; CREATE ROLE watcher LOGIN;
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


def drop_roles(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for role in ROLES:
            name = sql.Identifier(role)
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount:
                connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(name))
                connection.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(name))
                connection.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture
def source(database: NewDatabase) -> Iterator[str]:
    url = database("the source")
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
def target(database: NewDatabase, other_cluster: Server) -> Iterator[str]:
    url = database("elsewhere", server=other_cluster)
    drop_roles(url)
    try:
        yield url
    finally:
        drop_roles(url)


def captured(url: str) -> Globals:
    with psycopg.connect(url, autocommit=True) as connection:
        return capture(connection)


def recreated(
    url: str, cluster: Globals, passwords: dict[str, str] | None = None, **options: bool
) -> Recreated:
    with psycopg.connect(url, autocommit=True) as connection:
        return recreate(connection, cluster, passwords=passwords, **options)


def test_the_document_tells_all_but_passwords(source: str) -> None:
    cluster = captured(source)
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


def test_roles_of_other_databases_are_left_out(source: str, database: NewDatabase) -> None:
    assert source
    assert {role.name for role in captured(database()).roles} == {"cloud_admin"}


def test_everything_comes_back_on_another_server(source: str, target: str, tmp_path: Path) -> None:
    cluster = captured(source)
    result = recreated(target, cluster, {"app": "planted-app"})
    assert result.impossible == []
    assert sorted(result.vendor_roles) == ["cloud_admin", "neon_superuser"]
    load(clients_for(target), target, archived(source, tmp_path / "a"))
    assert ask(target, GRANTED) == ask(source, GRANTED)
    again = captured(target)
    for part in ("owner", "comment", "connection_limit", "grants", "settings", "default_privileges"):
        assert getattr(again, part) == getattr(cluster, part), part
    with_login = {role.name: role for role in again.roles}
    for role in cluster.roles:
        if not is_vendors(role.name):
            # Without a password nobody logs in; what else a role may do came back.
            expected = {"logs_in": role.name == "app", "valid_until": None}
            assert with_login[role.name] == role.model_copy(update=expected)
    kept = {one for one in map(str, cluster.memberships) if "neon_superuser" not in one}
    assert set(map(str, again.memberships)) == kept
    app = target.replace("cloud_admin", "app").replace(PASSWORD, "planted-app")
    assert ask(app, "SELECT current_setting('search_path')") == '"$user", public, "Odd, schema"'


def test_the_second_time_nothing_is_done(source: str, target: str) -> None:
    cluster = captured(source)
    assert recreated(target, cluster).done
    assert recreated(target, cluster).done == []


def test_the_password_reaches_the_server_as_a_digest(source: str, target: str, other_cluster: Server) -> None:
    execute(target, "ALTER DATABASE elsewhere SET log_statement = 'all'")
    assert "password of role app" in recreated(target, captured(source), {"app": "planted-fresh"}).done
    log = other_cluster.log.read_text()
    assert "CREATE ROLE" in log
    assert "planted-fresh" not in log


def test_missing_roles_are_named_before_anything_is_restored(
    source: str, target: str, tmp_path: Path
) -> None:
    archive = archived(source, tmp_path / "a")
    with pytest.raises(Failure, match="does not have the roles") as raised:
        load(clients_for(target), target, archive)
    for role in ("app", 'odd "Role" ünï', "readers", "writer", "watcher"):
        assert role in str(raised.value)
    assert "nobody" not in str(raised.value)
    assert ask(target, "SELECT to_regclass('odd')::text") is None


def test_without_owners_the_rows_come_back_under_the_restoring_role(
    source: str, target: str, tmp_path: Path
) -> None:
    execute(source, "DROP TABLE guarded")
    load(clients_for(target), target, archived(source, tmp_path / "a"), owners=False)
    assert ask(target, "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'odd'") == "cloud_admin"


def test_a_vendors_role_has_a_stand_in_only_on_request(source: str, target: str, tmp_path: Path) -> None:
    execute(source, "GRANT SELECT ON odd TO neon_superuser")
    archive, cluster = archived(source, tmp_path / "a"), captured(source)
    recreated(target, cluster)
    with pytest.raises(Failure, match="does not have the roles neon_superuser"):
        load(clients_for(target), target, archive)
    recreated(target, cluster, stand_ins=True)
    load(clients_for(target), target, archive)
    assert ask(target, "SELECT rolcreaterole FROM pg_roles WHERE rolname = 'neon_superuser'") is False


def test_a_role_that_is_no_superuser_does_what_it_may_and_tells_of_the_rest(
    source: str, target: str, tmp_path: Path
) -> None:
    # What a provider's customer is: not a superuser, but the owner of the database.
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
    cluster = captured(source)
    result = recreated(weak, cluster)
    text = "\n".join(result.impossible)
    assert 'role odd "Role" ünï: BYPASSRLS' in text
    assert "membership of watcher in pg_read_all_data" in text
    assert shows_no_secret(text)
    left_out = load(clients_for(weak), weak, archived(source, tmp_path / "a"))
    assert any("DEFAULT ACL" in line for line in left_out)
    owner = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 't'"
    assert ask(target, owner) == "app"


@pytest.mark.parametrize(
    "role", ["neon_superuser", "cloud_admin", "pg_monitor", "azure_pg_admin", "supabase_admin"]
)
def test_providers_roles_are_known(role: str) -> None:
    assert is_vendors(role)


@pytest.mark.parametrize("role", ["app", "anon", "authenticated", "neon", "page_writer", "my_pg_role"])
def test_customers_roles_are_not_taken_for_a_providers(role: str) -> None:
    assert not is_vendors(role)

"""What a backup does not hold is listed in its manifest, by kind and name with the reason."""

from collections.abc import Generator

import psycopg
import pytest
from attesting import SIGN, TRUST
from dump_fixtures import execute
from servers import NewDatabase, database_url
from vaults import ProxiedVault

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import LeftOut, Manifest
from recovery.postgres.dump import parse_warnings
from recovery.postgres.left_out import summarize_left_out

PASSWORD = "planted-backup-password"
ROLES = ("nightly", "reader_only", "analyst", "stranger")


@pytest.fixture
def roles(cluster: Cluster) -> Generator[None]:
    """Give the role of a backup, `nightly`, and others; drop them at the end."""
    url = database_url(cluster, "postgres")
    try:
        execute(
            url,
            f"""
            CREATE ROLE nightly LOGIN BYPASSRLS PASSWORD '{PASSWORD}';
            GRANT pg_read_all_data TO nightly;
            CREATE ROLE reader_only LOGIN VALID UNTIL '2031-01-01';
            COMMENT ON ROLE reader_only IS 'may only read';
            CREATE ROLE analyst LOGIN;
            GRANT pg_read_all_data TO analyst;
            ALTER ROLE analyst SET statement_timeout = '5s';
            CREATE ROLE stranger;
            """,
        )
        yield
    finally:
        for role in ROLES:
            execute(url, f"DROP ROLE IF EXISTS {role}")  # pyrefly: ignore[bad-argument-type] - one of ROLES


def back_up_as_nightly(
    cluster: Cluster, name: str, vault: ProxiedVault, tables: tuple[str, ...] = ()
) -> Manifest:
    url = database_url(cluster, name, "nightly", PASSWORD)
    context = RecoveryContext(
        "test",
        {"primary": vault.client, "replica": vault.client},
        {},
        {},
        TRUST,
        SIGN,
        store="database",
        database_url=url,
    )
    return back_up(context, tables=tables)


def left_out_by_kind(manifest: Manifest) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for item in manifest.left_out:
        assert item.why
        names.setdefault(item.kind, []).append(item.name)
    return names


@pytest.mark.usefixtures("roles")
def test_a_manifest_lists_what_only_a_superuser_could_have_dumped(
    cluster: Cluster, new_database: NewDatabase, locked_vault: ProxiedVault
) -> None:
    url = new_database("lossy")
    execute(
        url,
        """
        CREATE TABLE t (a int);
        GRANT SELECT ON t TO reader_only;
        CREATE SUBSCRIPTION subx CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p
            WITH (connect = false, slot_name = NONE, enabled = false);
        CREATE FOREIGN DATA WRAPPER dummy;
        CREATE SERVER srv FOREIGN DATA WRAPPER dummy;
        CREATE USER MAPPING FOR reader_only SERVER srv OPTIONS (password 'hunter2');
        CREATE USER MAPPING FOR PUBLIC SERVER srv OPTIONS (user 'anon');
        CREATE FOREIGN TABLE far (a int) SERVER srv;
        CREATE MATERIALIZED VIEW stale AS SELECT 1 AS one;
        CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
        """,
    )
    try:
        manifest = back_up_as_nightly(cluster, "lossy", locked_vault)
    finally:
        execute(url, "DROP SUBSCRIPTION subx; DROP SERVER srv CASCADE; DROP TABLE t")
    found = left_out_by_kind(manifest)
    assert found["subscription"] == ["subx"]
    assert found["options of user mapping"] == ["public on srv", "reader_only on srv"]
    assert found["contents of materialized view"] == ["public.stale"]
    assert found["rows of foreign table"] == ["public.far"]
    assert {"analyst", "reader_only", "nightly"} <= set(found["passwords of role"])
    assert "stranger" in found["role"]
    assert "hunter2" not in manifest.model_dump_json()
    [warning] = manifest.warnings
    assert "subscriptions not dumped" in warning
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
    summary = ", ".join(summarize_left_out(manifest.left_out))
    assert "1 subscription (subx), options of 2 user mappings (public on srv, reader_only on srv)" in summary


@pytest.mark.usefixtures("roles")
def test_a_manifest_lists_what_is_of_the_server_or_unfinished(
    cluster: Cluster, new_database: NewDatabase, locked_vault: ProxiedVault
) -> None:
    url = new_database("partial")
    new_database("elsewhere too")
    execute(
        url,
        """
        CREATE TABLE twice (a int);
        INSERT INTO twice VALUES (1), (1);
        ALTER DATABASE partial IS_TEMPLATE true;
        CREATE TABLE information_schema.mine (a int);
        CREATE FUNCTION information_schema.mine(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
        """,
    )
    with psycopg.connect(url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY half ON twice (a)")
        connection.execute("SELECT pg_replication_origin_create('origin')")
    try:
        found = left_out_by_kind(back_up_as_nightly(cluster, "partial", locked_vault))
    finally:
        execute(url, "SELECT pg_replication_origin_drop('origin')")
        execute(url, "ALTER DATABASE partial IS_TEMPLATE false")
    assert found["invalid index"] == ["public.half"]
    assert found["database property"] == ["IS_TEMPLATE"]
    assert found["replication origin"] == ["origin"]
    assert "elsewhere too" in found["other database"]
    assert found["system schema object"] == [
        "information_schema.mine",
        "information_schema.mine(integer)",
    ]


@pytest.mark.usefixtures("roles")
def test_a_selection_of_tables_lists_nothing(
    cluster: Cluster, new_database: NewDatabase, locked_vault: ProxiedVault
) -> None:
    execute(new_database("chosen"), "CREATE TABLE t (a int); CREATE MATERIALIZED VIEW m AS SELECT 1 AS one")
    assert back_up_as_nightly(cluster, "chosen", locked_vault, ("public.t",)).left_out == ()


@pytest.mark.usefixtures("roles")
def test_a_backup_that_may_not_read_large_objects_names_the_grants_that_help(
    cluster: Cluster, new_database: NewDatabase, locked_vault: ProxiedVault
) -> None:
    url = new_database("large")
    execute(url, "SELECT lo_from_bytea(4711, 'hello')")
    with pytest.raises(Failure) as raised:
        back_up_as_nightly(cluster, "large", locked_vault)
    for_new = 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON LARGE OBJECTS TO "nightly"'
    assert for_new in str(raised.value)
    assert "format('GRANT SELECT ON LARGE OBJECT %s TO %I', oid, 'nightly')" in str(raised.value)
    execute(url, "GRANT SELECT ON LARGE OBJECT 4711 TO nightly")
    execute(url, for_new)
    execute(url, "SELECT lo_from_bytea(4712, 'later')")
    try:
        assert back_up_as_nightly(cluster, "large", locked_vault).figures.large_objects == 2
    finally:
        execute(url, "DROP OWNED BY nightly")


def test_a_summary_counts_each_kind_and_names_the_first() -> None:
    items = [LeftOut(kind="invalid index", name=f"i{number}", why="no") for number in range(7)]
    items += [LeftOut(kind="passwords of role", name="a\x1b[31m", why="kept")]
    assert summarize_left_out(items) == [
        "7 invalid indexes (i0, i1, i2, i3, i4 and 2 more)",
        "passwords of 1 role (a[31m)",
    ]
    assert summarize_left_out(items, reasons=True)[1] == "passwords of 1 role (a[31m): kept"


def test_warnings_are_bounded_lines_with_their_details() -> None:
    messages = (
        'b" rest of a name\n'
        "pg_dump: warning: circular foreign keys\npg_dump: detail: egg\npg_dump: hint: think\n"
        'WARNING:  database "x" has a collation version mismatch\nDETAIL:  It was created with 1.\n'
        "pg_dump: warning: \x1b[2J" + "long" * 1000
    )
    first, second, third = parse_warnings(messages)
    assert first == "circular foreign keys egg think"
    assert second == 'database "x" has a collation version mismatch It was created with 1.'
    assert third.startswith("[2Jlong")
    assert len(third) == 500
    many = parse_warnings("pg_dump: warning: w\n" * 80)
    assert len(many) == 51
    assert many[-1] == "and 30 more warnings"

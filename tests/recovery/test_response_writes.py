"""`stop-writes` and `allow-writes` on a real PostgreSQL server that this project did not make."""

from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from clusters import reachable_home
from psycopg import sql
from servers import PASSWORD, create_database, database_url

from components.settings import PostgresSettings
from core.failure import Failure
from core.text import printable
from engine.targets import find_target
from postgres_server.cluster import Cluster
from respond.database_writes import ALLOW_WRITES, STOP_WRITES
from respond.step import RespondContext, ResponsePlan, StepOptions
from respond.stores import owner_variable

pytestmark = pytest.mark.shares("response-writes")

ROLES: LiteralString = f"""
    CREATE ROLE shop_owner LOGIN PASSWORD '{PASSWORD}';
    CREATE ROLE shop_app LOGIN PASSWORD '{PASSWORD}';
    CREATE ROLE shop_worker LOGIN PASSWORD '{PASSWORD}' IN ROLE shop_app;
    CREATE ROLE shop_backup LOGIN PASSWORD '{PASSWORD}' IN ROLE pg_read_all_data;
    GRANT pg_signal_backend TO shop_owner;
"""
TABLES: LiteralString = """
    CREATE TABLE orders (id integer PRIMARY KEY);
    GRANT SELECT, INSERT ON orders TO shop_app;
    COMMENT ON DATABASE shop IS 'Orders.
Of the shop.';
    GRANT CONNECT ON DATABASE shop TO shop_worker WITH GRANT OPTION;
"""
ACCESS: LiteralString = """
    SELECT array(SELECT unnest(datacl)::text ORDER BY 1), shobj_description(oid, 'pg_database')
    FROM pg_database WHERE datname = 'shop'
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    """Give a server that takes prepared transactions."""
    with reachable_home() as home:
        cluster = Cluster(home.postgres / "shop", home.port("shop"))
        cluster.create(PASSWORD)
        try:
            cluster.start()
            with cluster.connect() as connection:
                connection.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
                connection.execute(ROLES)
            cluster.stop()
            cluster.start()
            yield cluster
        finally:
            cluster.destroy()


@pytest.fixture
def shop(server: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[RespondContext]:
    """Give a stack whose store `shop` is a database that exists already."""
    create_database(server, "shop")
    with server.connect() as connection:
        connection.execute("ALTER DATABASE shop OWNER TO shop_owner")
    execute(server, "shop_owner", TABLES)
    target = find_target("prod", on_twin=False)
    store = PostgresSettings.model_validate(
        {
            "type": "postgres",
            "vendor": "example",
            "region": "eu-west-1",
            "application_role": "shop_app",
            "backup": target.settings.stores["database"].backup,
        }
    )
    settings = target.settings.model_copy(update={"stores": {"shop": store}})
    monkeypatch.setenv(owner_variable("shop"), url(server, "shop_owner"))
    urls = {"shop": {"backup": url(server, "shop_backup")}}
    yield RespondContext(type(target)("prod", settings, "real"), {"database_urls": urls}, {})
    with server.connect() as connection:
        for (gid,) in connection.execute("SELECT gid FROM pg_prepared_xacts").fetchall():
            with server.connect("shop") as there:
                there.execute(sql.SQL("ROLLBACK PREPARED {}").format(sql.Literal(gid)))


def url(server: Cluster, role: str, database: str = "shop") -> str:
    return database_url(server, database, role)


def execute(server: Cluster, role: str, statements: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(url(server, role), autocommit=True) as connection:
        cursor = connection.execute(statements)
        return cursor.fetchall() if cursor.description else []


def read_access(server: Cluster) -> tuple[object, ...]:
    with server.connect() as connection:
        return connection.execute(ACCESS).fetchall()[0]


def carry_out(context: RespondContext) -> ResponsePlan:
    """Make the changes of stop-writes that are not made, and return the plan afterwards."""
    for action in STOP_WRITES.plan(context, "shop", StepOptions()).actions:
        if not action.is_done:
            action.run()
    return STOP_WRITES.plan(context, "shop", StepOptions())


def test_nobody_but_the_owner_and_the_backup_gets_in_until_writes_are_allowed_again(
    server: Cluster, shop: RespondContext
) -> None:
    before = read_access(server)
    with (
        psycopg.connect(url(server, "shop_app")) as transaction,
        psycopg.connect(url(server, "shop_worker"), autocommit=True) as worker,
    ):
        # What a role may do about a database, or a role, that is made read-only by a setting.
        transaction.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
        transaction.execute("INSERT INTO orders VALUES (1)")
        worker.execute("BEGIN")
        worker.execute("INSERT INTO orders VALUES (2)")
        worker.execute("PREPARE TRANSACTION 'late'")
        plan = STOP_WRITES.plan(shop, "shop", StepOptions())
        assert plan.found["sessions"] == "1 of shop_app, 1 of shop_worker"
        assert not plan.is_done
        after = carry_out(shop)
        for session in (transaction, worker):
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
    assert after.is_done
    assert after.found["may connect"] == "shop_owner, shop_backup"
    assert any("late of shop_worker" in line for line in after.left)
    assert any("cloud_admin" in line for line in after.left)
    assert not any("may write" in line for line in after.left)
    with server.connect() as connection:
        connection.execute("DROP ROLE IF EXISTS shop_late")
        connection.execute(f"CREATE ROLE shop_late LOGIN PASSWORD '{PASSWORD}' IN ROLE shop_app")
    for role in ("shop_app", "shop_worker", "shop_late"):
        with pytest.raises(psycopg.OperationalError, match="does not have CONNECT"):
            execute(server, role, "INSERT INTO orders VALUES (3)")
    assert execute(server, "shop_backup", "SELECT count(*) FROM orders") == [(0,)]
    assert str(read_access(server)[1]).startswith("Orders.\nOf the shop.\nbulwark stopped writes: ")

    [action] = ALLOW_WRITES.plan(shop, "shop", StepOptions()).actions
    action.run()
    assert ALLOW_WRITES.plan(shop, "shop", StepOptions()).is_done
    assert read_access(server) == before
    execute(server, "shop_app", "INSERT INTO orders VALUES (4)")
    execute(server, "shop_worker", "COMMIT PREPARED 'late'")
    assert execute(server, "shop_app", "SELECT id FROM orders ORDER BY 1") == [(2,), (4,)]


def test_a_stop_that_was_killed_or_gone_around_is_repeated_and_all_is_given_back(
    server: Cluster, shop: RespondContext
) -> None:
    before = read_access(server)
    with psycopg.connect(url(server, "shop_app"), autocommit=True) as session:
        close, _ = STOP_WRITES.plan(shop, "shop", StepOptions()).actions
        close.run()
        assert [action.is_done for action in STOP_WRITES.plan(shop, "shop", StepOptions()).actions] == [
            True,
            False,
        ]
        execute(server, "shop_owner", "GRANT CONNECT ON DATABASE shop TO shop_app")
        with server.connect() as connection:
            connection.execute("GRANT pg_write_all_data TO shop_backup")
        assert "shop_app" in STOP_WRITES.plan(shop, "shop", StepOptions()).found["may connect"]
        after = carry_out(shop)
        assert after.is_done
        assert any(line.startswith("shop_backup may connect still") for line in after.left)
        with server.connect() as connection:
            connection.execute("REVOKE pg_write_all_data FROM shop_backup")
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    ALLOW_WRITES.plan(shop, "shop", StepOptions()).actions[0].run()
    execute(server, "shop_owner", "REVOKE CONNECT ON DATABASE shop FROM shop_app")
    assert read_access(server) == before


def test_an_owners_address_that_leads_elsewhere_is_refused(
    server: Cluster, shop: RespondContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_database(server, "shop_copy", "shop")
    monkeypatch.setenv(owner_variable("shop"), url(server, "cloud_admin", "shop_copy"))
    with pytest.raises(Failure, match="its target is not the declared one: database is another one"):
        STOP_WRITES.plan(shop, "shop", StepOptions())
    monkeypatch.delenv(owner_variable("shop"))
    with pytest.raises(Failure, match="no role that may change it"):
        STOP_WRITES.plan(shop, "shop", StepOptions())
    monkeypatch.setenv(owner_variable("shop"), url(server, "shop_app"))
    with pytest.raises(Failure, match="shop_app is not the owner of shop, which is shop_owner's"):
        STOP_WRITES.plan(shop, "shop", StepOptions())
    with pytest.raises(Failure, match="no database orders"):
        STOP_WRITES.plan(shop, "orders", StepOptions())


def test_an_application_that_acts_as_the_owner_is_not_said_to_be_stopped(
    server: Cluster, shop: RespondContext
) -> None:
    with server.connect() as connection:
        connection.execute("GRANT shop_owner TO shop_app")
    try:
        with pytest.raises(Failure, match="shop_app, the application's role, acts as the owner shop_owner"):
            STOP_WRITES.plan(shop, "shop", StepOptions())
    finally:
        with server.connect() as connection:
            connection.execute("REVOKE shop_owner FROM shop_app")


def test_a_comment_that_only_looks_like_a_stop_is_named(server: Cluster, shop: RespondContext) -> None:
    execute(server, "shop_owner", "COMMENT ON DATABASE shop IS 'bulwark stopped writes: {\"revoked\": 1}'")
    with pytest.raises(Failure, match="none of stop-writes") as refused:
        ALLOW_WRITES.plan(shop, "shop", StepOptions())
    assert str(refused.value) == printable(str(refused.value), multiline=True)

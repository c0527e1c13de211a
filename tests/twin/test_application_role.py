"""The application's role, as its owner makes it by SQL on a real PostgreSQL server."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from clusters import destroyed_after, reachable_home

from components.application_role import ApplicationRoleProvider, address_for, choose_password
from postgres_server.cluster import Cluster
from twin.neon import sql as neon_sql

pytestmark = pytest.mark.shares("application-role")

OWNER_PASSWORD = "planted-owner"
PROVIDER = ApplicationRoleProvider()


@pytest.fixture(scope="module")
def owner_uri() -> Iterator[str]:
    """Give the address of a database for its owner, a role of Neon's API."""
    with reachable_home() as home:
        cluster = Cluster(home.postgres / "roles", home.port("roles"))
        with destroyed_after(cluster):
            cluster.create("planted-superuser")
            cluster.start()
            neon_sql.ensure_role(cluster, "platform_owner", OWNER_PASSWORD)
            neon_sql.ensure_role(cluster, "made_by_api", OWNER_PASSWORD)
            neon_sql.ensure_database(cluster, "platform", "platform_owner")
            server = f"127.0.0.1:{cluster.port}/platform?sslmode=disable"
            yield f"postgresql://platform_owner:{OWNER_PASSWORD}@{server}"


def make_role(owner_uri: str, name: str) -> dict[str, Any]:
    created = PROVIDER.create({"name": name, "owner_uri": owner_uri, "password": None})
    assert created.outs
    assert (created.id.rpartition("/")[2], created.outs["name"]) == (name, name)
    return created.outs or {}


def sign_in(outputs: dict[str, Any]) -> psycopg.Connection:
    url = address_for(outputs["owner_uri"], outputs["name"], outputs["password"])
    return psycopg.connect(url, autocommit=True)


def test_the_role_signs_in_and_has_no_right_until_a_migration_grants_it(owner_uri: str) -> None:
    outputs = make_role(owner_uri, "platform_app")
    with psycopg.connect(owner_uri) as owner:
        owner.execute("CREATE TABLE jobs AS SELECT 1 AS id; CREATE TABLE plans AS SELECT 1 AS id")
        owner.execute("GRANT SELECT, INSERT ON jobs TO platform_app")
    with sign_in(outputs) as connection:
        connection.execute("INSERT INTO jobs VALUES (2)")
    for statement in (
        "SELECT * FROM plans",
        "CREATE ROLE another",
        "CREATE DATABASE another",
        "CREATE TABLE another (id integer)",
        "DROP TABLE jobs",
        "SET ROLE platform_owner",
    ):
        with sign_in(outputs) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_a_role_of_neons_api_is_refused_and_stays_as_it_is(owner_uri: str) -> None:
    with pytest.raises(ValueError, match="made_by_api exists and may do more"):
        make_role(owner_uri, "made_by_api")
    before = {"name": "made_by_api", "owner_uri": owner_uri, "password": OWNER_PASSWORD}
    sign_in(before).close()
    with pytest.raises(ValueError, match="may do more"):
        PROVIDER.update("made_by_api", before, before)


def test_a_password_that_was_changed_is_noticed_and_replaced(owner_uri: str) -> None:
    outputs = make_role(owner_uri, "rotated_app")
    assert PROVIDER.read("rotated_app", outputs).outs == outputs
    assert not PROVIDER.diff("rotated_app", outputs, outputs).changes
    with psycopg.connect(owner_uri) as owner:
        owner.execute("ALTER ROLE rotated_app PASSWORD 'Planted-by-somebody-1'")
    refreshed = PROVIDER.read("rotated_app", outputs).outs or {}
    assert refreshed["password"] == ""
    assert PROVIDER.diff("rotated_app", refreshed, outputs).changes
    updated = PROVIDER.update("rotated_app", refreshed, outputs).outs or {}
    assert updated["password"] not in {"", outputs["password"]}
    sign_in(updated).close()


def test_an_owners_new_address_leaves_the_applications_password(owner_uri: str) -> None:
    outputs = make_role(owner_uri, "kept_app")
    moved = {**outputs, "owner_uri": f"{owner_uri}&application_name=moved"}
    assert PROVIDER.diff("kept_app", outputs, moved).changes
    updated = PROVIDER.update("kept_app", outputs, moved).outs or {}
    assert updated["password"] == outputs["password"]
    sign_in(updated).close()


def test_a_role_that_exists_with_few_rights_is_taken_over(owner_uri: str) -> None:
    with psycopg.connect(owner_uri) as owner:
        owner.execute("CREATE ROLE inherited_app NOLOGIN")
    sign_in(make_role(owner_uri, "inherited_app")).close()


def test_a_server_that_cant_be_asked_has_not_refused_the_password() -> None:
    outputs = {"name": "a", "owner_uri": "postgresql://a:b@127.0.0.1:1/a", "password": "kept"}
    assert PROVIDER.read("a", outputs).outs == outputs
    PROVIDER.delete("a", outputs)


def test_a_deleted_role_signs_in_no_more(owner_uri: str) -> None:
    outputs = make_role(owner_uri, "deleted_app")
    PROVIDER.delete("deleted_app", outputs)
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        sign_in(outputs)


def test_an_odd_name_is_a_name_and_a_refusal_shows_no_password(owner_uri: str) -> None:
    sign_in(make_role(owner_uri, "Odd Role")).close()
    with psycopg.connect(owner_uri) as owner:
        owner.execute("CREATE ROLE limited LOGIN PASSWORD 'Planted-limited-1'")
    limited = address_for(owner_uri, "limited", "Planted-limited-1")
    with pytest.raises(RuntimeError, match="refused the role app") as refused:
        make_role(limited, "app")
    assert "Bw1_" not in str(refused.value)


def test_passwords_differ_and_have_each_kind_of_character() -> None:
    first, second = choose_password(), choose_password()
    assert first != second
    kinds = (str.isupper, str.islower, str.isdigit, lambda one: not one.isalnum())
    assert all(any(map(kind, first)) for kind in kinds)

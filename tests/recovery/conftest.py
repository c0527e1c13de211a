"""
PostgreSQL servers for the tests of recovery: each pytest process has one, and another to restore into.

Tests share the servers, so a test undoes what it does to roles. A database belongs to one test.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest
from clusters import destroyed_after, reachable_home
from odd_database import OddDatabase, checksums_of, fill, temporary_roles
from psycopg import sql
from servers import PASSWORD, NewDatabase, create_database, database_url, drop_database
from vaults import any_vault, aws_environment, locked_vault, moto_url, plain_vault, rclone_folder, rclone_url

from cli.servers import LocalServer
from postgres_server.cluster import Cluster
from recovery.verify import CreateScratchDatabase
from twin.host.home import TwinHome

__all__ = [
    "any_vault",
    "aws_environment",
    "locked_vault",
    "moto_url",
    "plain_vault",
    "rclone_folder",
    "rclone_url",
]


@pytest.fixture(scope="session")
def servers_home() -> Generator[TwinHome]:
    with reachable_home() as home:
        yield home


@pytest.fixture(scope="session")
def cluster(servers_home: TwinHome) -> Generator[Cluster]:
    """Give a running server. Tests do not stop it."""
    yield from _run_cluster(servers_home, "recovery")


@pytest.fixture(scope="session")
def other_cluster(servers_home: TwinHome) -> Generator[Cluster]:
    """Give a second running server, with a system identifier of its own. Tests do not stop it."""
    yield from _run_cluster(servers_home, "recovery-other")


@pytest.fixture
def new_database(cluster: Cluster) -> Generator[NewDatabase]:
    """Create empty databases. They are dropped after the test, together with their connections."""
    with ExitStack() as stack:
        count = 0

        def create(name: str = "", *, server: Cluster | None = None, template: str = "template0") -> str:
            nonlocal count
            count += 1
            where, name = server or cluster, name or f"test {count}"
            stack.callback(drop_database, where, name)
            create_database(where, name, template)
            return database_url(where, name)

        yield create


@pytest.fixture
def scratch(other_cluster: Cluster) -> CreateScratchDatabase:
    """Create an empty database of the superuser on the other server, for one deep verification at a time."""

    @contextmanager
    def create(*_: object) -> Generator[LocalServer]:
        with psycopg.connect(database_url(other_cluster, "postgres"), autocommit=True) as connection:
            before = _list_roles(connection)
            create_database(other_cluster, "trial")
            try:
                url = database_url(other_cluster, "trial")
                yield LocalServer(url, url, ())
            finally:
                drop_database(other_cluster, "trial")
                for role in _list_roles(connection) - before:
                    connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))

    return create


@pytest.fixture(scope="module")
def odd(cluster: Cluster) -> Generator[OddDatabase]:
    """Give the odd database (odd_database.py). Tests read or copy it, and never change it."""
    name, url = "odd", database_url(cluster, "odd")
    with temporary_roles(database_url(cluster, "postgres")):
        try:
            create_database(cluster, name)
            fill(url)
            yield OddDatabase(name, url, checksums_of(url))
        finally:
            drop_database(cluster, name)


def _list_roles(connection: psycopg.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}


def _run_cluster(home: TwinHome, name: str) -> Generator[Cluster]:
    cluster = Cluster(home.postgres / name, home.port(name))
    with destroyed_after(cluster):
        cluster.create(PASSWORD)
        cluster.start()
        yield cluster

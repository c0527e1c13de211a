"""
PostgreSQL servers for the tests of the runtime half: one for each pytest process, another to restore into.

Roles belong to a server, databases to a test: what a test does to roles it takes back.
"""

import sys
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from odd_database import Odd, fill, roles_on, taken
from servers import PASSWORD, NewDatabase, create_database, database_url, drop_database
from vaults import environment, locked, moto_url, place, plain, rclone_folder, rclone_url

from postgres_server.cluster import Cluster
from twin.host.home import TwinHome

sys.path.append(str(Path(__file__).parents[1] / "twin"))

from clusters import destroyed_after, reachable_home

__all__ = ["environment", "locked", "moto_url", "place", "plain", "rclone_folder", "rclone_url"]


@pytest.fixture(scope="session")
def servers_home() -> Generator[TwinHome]:
    with reachable_home() as home:
        yield home


@pytest.fixture(scope="session")
def cluster(servers_home: TwinHome) -> Generator[Cluster]:
    """Give a running server; nobody stops it."""
    yield from _running(servers_home, "recovery")


@pytest.fixture(scope="session")
def other_cluster(servers_home: TwinHome) -> Generator[Cluster]:
    """Give a second running server, with a system identifier of its own; nobody stops it."""
    yield from _running(servers_home, "recovery-other")


@pytest.fixture
def database(cluster: Cluster) -> Generator[NewDatabase]:
    """Create empty databases; they are dropped after the test, whoever is still connected."""
    with ExitStack() as stack:
        made = 0

        def new(name: str = "", *, server: Cluster | None = None, template: str = "template0") -> str:
            nonlocal made
            made += 1
            where, name = server or cluster, name or f"test {made}"
            stack.callback(drop_database, where, name)
            create_database(where, name, template)
            return database_url(where, name)

        yield new


@pytest.fixture(scope="module")
def odd(cluster: Cluster) -> Generator[Odd]:
    """Give the odd database (odd_database.py), to look at or to copy."""
    name, url = "odd", database_url(cluster, "odd")
    with roles_on(database_url(cluster, "postgres")):
        try:
            create_database(cluster, name)
            fill(url)
            yield Odd(name, url, taken(url))
        finally:
            drop_database(cluster, name)


def _running(home: TwinHome, name: str) -> Generator[Cluster]:
    cluster = Cluster(home.postgres / name, home.port(name))
    with destroyed_after(cluster):
        cluster.create(PASSWORD)
        cluster.start()
        yield cluster

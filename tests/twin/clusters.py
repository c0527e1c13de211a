"""Homes, queries and waiting, for tests with real PostgreSQL servers."""

import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

from postgres_server.cluster import Cluster
from twin.host.home import TwinHome


@contextmanager
def reachable_home() -> Generator[TwinHome]:
    """Make a home that the server's account can enter; as root, pytest's own folders are closed to it."""
    root = Path(tempfile.mkdtemp(prefix="bulwark-test-"))
    root.chmod(0o711)
    home = TwinHome(root)
    home.create()
    try:
        yield home
    finally:
        shutil.rmtree(root)


@contextmanager
def destroyed_after(*clusters: Cluster) -> Generator[None]:
    try:
        yield
    finally:
        for cluster in clusters:
            cluster.destroy()


def fetch_value(cluster: Cluster, query: LiteralString, database: str = "postgres") -> Any:
    """Return the first column of the first row, asked as the superuser."""
    with cluster.connect(database) as connection:
        row = connection.execute(query).fetchone()
    assert row
    return row[0]


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)

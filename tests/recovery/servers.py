"""Addresses, databases and programs of the servers that conftest.py starts."""

import os
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import psycopg
from psycopg import sql

from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER

PASSWORD = "planted-superuser-password"
_PATIENCE_SECONDS = 30.0


class NewDatabase(Protocol):
    """Type of the fixture `new_database`."""

    def __call__(self, name: str = "", *, server: Cluster | None = None, template: str = "template0") -> str:
        """Create an empty database, on `cluster` if no server is given; return the superuser's URL."""
        ...


def database_url(server: Cluster, name: str, user: str = SUPERUSER, password: str = PASSWORD) -> str:
    """Return the URL over TCP, where the server asks for a password."""
    return f"postgresql://{quote(user)}:{quote(password)}@127.0.0.1:{server.port}/{quote(name, safe='')}"


def create_database(server: Cluster, name: str, template: str = "template0") -> None:
    drop_database(server, name)
    _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)


def drop_database(server: Cluster, name: str) -> None:
    """Drop a database and end its connections."""
    _execute(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), name)


@contextmanager
def noise_database(server: Cluster, name: str, *, rows: int, digests: int) -> Generator[str]:
    """Give the URL of a database with one table of noise, whose dump takes several parts of an upload."""
    create_database(server, name)
    url = database_url(server, name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE noise (id int, body text)")
        connection.execute(
            """
            INSERT INTO noise
            SELECT n, (SELECT string_agg(md5((n * part)::text), '') FROM generate_series(1, %s) part)
            FROM generate_series(1, %s) n
            """,
            [digests, rows],
        )
    yield url
    drop_database(server, name)


def count_sessions(url: str, name: str) -> int:
    """Count the other sessions in a database of the server that `url` names."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()", [name]
        ).fetchone()
    return row[0] if row else 0


def wait_for_no_session(url: str, name: str) -> None:
    """Wait until the sessions of an ended command in a database have ended."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while count_sessions(url, name):
        assert time.monotonic() < deadline, "a session is left"
        time.sleep(0.05)


def program_path(server: Cluster, name: str) -> Path:
    """Return the path of one of the server's programs, such as pg_dump."""
    return server.find_installation().root / "bin" / name


def run_program(server: Cluster, name: str, *arguments: str | Path) -> None:
    """Run one of the server's programs with the superuser's password, and expect success and no warning."""
    ended = subprocess.run(
        [program_path(server, name), *arguments],
        env={"PATH": os.defpath, "LC_ALL": "C", "PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr[-4_000:]


def _execute(server: Cluster, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(database_url(server, "postgres"), autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))

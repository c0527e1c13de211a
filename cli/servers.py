"""PostgreSQL servers on this machine, for `restore --to new` and for verifications."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from core.atomic_folder import lock_folder
from core.failure import Failure
from core.state_folder import StateFolder
from engine.targets import state_folder
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER

_PREFIX: Final = "restored-"
_LOCK: Final = "restored"
"""Name of the lock of all restored servers; a cluster has a lock of its own, named after its folder."""


@dataclass(frozen=True)
class NewServer:
    """A server for one restored backup."""

    url: str
    """Address of its database, with the superuser's password."""

    shown_url: str
    """The same address for a person: it names a file that holds the password."""


@contextmanager
def new_server(backup: str, database: str) -> Generator[NewServer]:
    """
    Make a server with an empty database. It is removed again if the block fails.

    Raises:
        Failure: this backup has a server already.
    """
    home = state_folder()
    home.create()
    cluster, passwords = _cluster(home, backup), _passwords(home, backup)
    with lock_folder(home.postgres / _LOCK):
        if cluster.directory.exists():
            raise Failure(
                f"Backup {backup} is restored on this machine already.",
                f"use that one, or remove it first: ./bulwark discard {backup}",
            )
        password = token_urlsafe()
        try:
            cluster.create(password)
            cluster.start()
            address = f"127.0.0.1:{cluster.port}"
            server = f"postgresql://{SUPERUSER}:{password}@{address}/postgres?sslmode=disable"
            with psycopg.connect(server, autocommit=True) as connection:
                name = sql.Identifier(database)
                if database != "postgres":
                    connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
            passwords.touch(mode=0o600)
            passwords.write_text(f"127.0.0.1:{cluster.port}:*:{SUPERUSER}:{password}\n")
            where = f"{address}/{quote(database, safe='')}?sslmode=disable"
            yield NewServer(
                f"postgresql://{SUPERUSER}:{password}@{where}",
                f"postgresql://{SUPERUSER}@{where}&passfile={quote(str(passwords), safe='')}",
            )
        except BaseException:
            _remove(home, backup)
            raise


@contextmanager
def scratch_server() -> Generator[str]:
    """
    Make a server with an empty database for one verification, yield its address, and remove the server.

    One verification runs at a time; a server that a killed one left behind is removed first.
    """
    home = state_folder()
    home.create()
    folder, password = home.postgres / "scratch", token_urlsafe()
    with lock_folder(home.postgres / "trial"):
        cluster = Cluster(folder, home.port("scratch"))
        cluster.destroy()
        try:
            cluster.create(password)
            cluster.start()
            yield f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{cluster.port}/postgres?sslmode=disable"
        finally:
            cluster.destroy()


def list_servers() -> list[str]:
    """Return the ids of the backups that have a server on this machine."""
    return sorted(path.name.removeprefix(_PREFIX) for path in state_folder().postgres.glob(f"{_PREFIX}*"))


def remove_server(backup: str) -> None:
    """Remove the server of a backup, with everything in it."""
    home = state_folder()
    with lock_folder(home.postgres / _LOCK):
        _remove(home, backup)


def _remove(home: StateFolder, backup: str) -> None:
    _cluster(home, backup).destroy()
    _passwords(home, backup).unlink(missing_ok=True)


def _cluster(home: StateFolder, backup: str) -> Cluster:
    return Cluster(home.postgres / f"{_PREFIX}{backup}", home.port(f"{_PREFIX}{backup}"))


def _passwords(home: StateFolder, backup: str) -> Path:
    return home.run / f"{_PREFIX}{backup}.pgpass"


def discard(*backups: str) -> int:
    """
    Remove servers on this machine that `restore --to new` made, with everything in them.

    Args:
        backups: Ids of the backups that were restored there; without any, they are listed.

    Returns:
        0 when they are gone.
    """
    known = list_servers()
    if unknown := [backup for backup in backups if backup not in known]:
        raise Failure(
            f"No server on this machine holds {unknown[0]}.",
            f"choose one of these: {', '.join(known) or 'there is none'}.",
        )
    for backup in backups:
        remove_server(backup)
        sys.stdout.write(f"Removed {backup}.\n")
    if not backups:
        sys.stdout.write("".join(f"{backup}\n" for backup in known) or "There is no such server.\n")
    return 0

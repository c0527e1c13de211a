"""Servers on this machine that `restore --to new` makes."""

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
from engine import stack_target
from postgres_server.cluster import Cluster
from postgres_server.server import SUPERUSER
from twin.host.home import TwinHome

_PREFIX: Final = "restored-"
_LOCK: Final = "restored"
"""Of all of them; a cluster has a lock of its own by its folder's name."""


@dataclass(frozen=True)
class NewServer:
    """A server of its own for one restored backup."""

    url: str
    """Of its database, with the superuser's password."""

    told_url: str
    """The same for a person: the password is in a file that it names."""


@contextmanager
def new_server(backup: str, database: str) -> Generator[NewServer]:
    """
    Make a server with an empty database; if what is done with it fails, it is removed again.

    Raises:
        Failure: where this backup has one already.
    """
    home = stack_target.home()
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


def there() -> list[str]:
    """Return the backups that have a server on this machine."""
    return sorted(
        path.name.removeprefix(_PREFIX) for path in stack_target.home().postgres.glob(f"{_PREFIX}*")
    )


def remove(backup: str) -> None:
    """Remove the server of a backup, with all that is in it."""
    home = stack_target.home()
    with lock_folder(home.postgres / _LOCK):
        _remove(home, backup)


def _remove(home: TwinHome, backup: str) -> None:
    _cluster(home, backup).destroy()
    _passwords(home, backup).unlink(missing_ok=True)


def _cluster(home: TwinHome, backup: str) -> Cluster:
    return Cluster(home.postgres / f"{_PREFIX}{backup}", home.port(f"{_PREFIX}{backup}"))


def _passwords(home: TwinHome, backup: str) -> Path:
    return home.run / f"{_PREFIX}{backup}.pgpass"


def discard(*backups: str) -> int:
    """
    Remove servers on this machine that `restore --to new` made, with all that is in them.

    Args:
        backups: Ids of what was restored there; without any, they are listed.

    Returns:
        0 when they are gone.
    """
    known = there()
    if unknown := [backup for backup in backups if backup not in known]:
        raise Failure(
            f"No server on this machine holds {unknown[0]}.",
            f"choose one of these: {', '.join(known) or 'there is none'}.",
        )
    for backup in backups:
        remove(backup)
        sys.stdout.write(f"Removed {backup}.\n")
    if not backups:
        sys.stdout.write("".join(f"{backup}\n" for backup in known) or "There is no such server.\n")
    return 0

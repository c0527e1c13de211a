"""PostgreSQL servers on this machine, for `restore --to new` and for verifications."""

import re
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Final, Literal

from core.atomic_folder import is_locked, lock_folder
from core.failure import Failure
from core.sandbox import Isolation, require_isolation
from core.state_folder import StateFolder
from core.text import printable
from engine.targets import state_folder
from postgres_server.install import PostgresError
from postgres_server.restore_server import RestoreServer
from postgres_server.restored_database import DatabaseLocale, DatabaseSpec, RequiredExtension
from recovery.manifest import ServerInfo
from recovery.postgres.globals import Extension

_PREFIX: Final = "restored-"
_MARK: Final = "restored"
"""File in a server's folder. It is written when the load has ended; without it the server is a leftover."""

_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


ServerState = Literal["running", "stopped", "being restored", "leftover"]


@dataclass(frozen=True)
class ServerStatus:
    """A server that `restore --to new` made, or what a killed one left."""

    backup: str
    state: ServerState


@dataclass(frozen=True)
class LocalServer:
    """A server of this machine with an empty database for one dump."""

    url: str
    """Address of the database, as its owner, with the password."""

    shown_url: str
    """The same address for a person: it names a file that holds the password."""

    notes: tuple[str, ...]
    """How the server differs from the source's: locale, extensions."""


@contextmanager
def new_server(
    backup: str, server: ServerInfo, extensions: Iterable[Extension] = (), *, unsandboxed: bool = False
) -> Generator[LocalServer]:
    """
    Make a server with an empty database. It counts as restored when the block has ended without an error.

    What a killed call left of it is removed first; after an error nothing is left of it.

    Raises:
        Failure: this backup has a server already, or none can be made; or nothing would separate it from the
            caller, and it may not be `unsandboxed`.
    """
    if not _ID.fullmatch(backup):
        raise Failure(f"{backup} is no id of a backup.", "./bulwark backups lists all of them.")
    home = state_folder()
    home.create()
    restored, passwords = _restore_server(home, backup), _passwords(home, backup)
    with lock_folder(restored.directory):
        if _is_restored(restored):
            raise Failure(
                f"Backup {backup} is restored on this machine already.",
                f"use that one, or remove it first: ./bulwark discard {backup}",
            )
        _remove(home, backup)
        spec, password = _spec(server, extensions), token_urlsafe()
        isolation = _require_isolation(restored, unsandboxed=unsandboxed)
        process = None
        try:
            with _explain_errors():
                process = restored.create(isolation)
                notes = restored.set_up(spec, password)
            passwords.touch(mode=0o600)
            passwords.write_text(restored.passfile_line(password))
            yield LocalServer(
                restored.url(spec, password=password), restored.url(spec, passfile=passwords), tuple(notes)
            )
            process.let_go()
            _write_mark(restored)
        except BaseException:
            _remove(home, backup)
            if process:
                process.end()
            raise


@contextmanager
def scratch_server(
    server: ServerInfo, extensions: Iterable[Extension] = (), *, unsandboxed: bool = False
) -> Generator[LocalServer]:
    """
    Make a server with an empty database for one verification, and remove it at the end.

    One verification runs at a time; a server that a killed one left behind is removed first.

    Raises:
        Failure: none can be made, or nothing separates it from the caller.
    """
    home = state_folder()
    home.create()
    scratch = RestoreServer(home.postgres / "scratch", is_throw_away=True)
    with lock_folder(home.postgres / "trial"):
        scratch.destroy()
        spec, password = _spec(server, extensions), token_urlsafe()
        isolation = _require_isolation(scratch, unsandboxed=unsandboxed)
        process = None
        try:
            with _explain_errors():
                process = scratch.create(isolation)
                notes = scratch.set_up(spec, password)
            url = scratch.url(spec, password=password)
            yield LocalServer(url, url, tuple(notes))
        finally:
            scratch.destroy()
            if process:
                process.end()


def is_scratch_server_left() -> bool:
    """Return whether anything of a server for one verification is on this machine."""
    scratch = RestoreServer(state_folder().postgres / "scratch")
    return scratch.directory.exists() or scratch.is_running


def list_servers() -> list[ServerStatus]:
    """Return the servers of restored backups on this machine, by the backups' ids."""
    home = state_folder()
    backups = sorted(path.name.removeprefix(_PREFIX) for path in home.postgres.glob(f"{_PREFIX}*"))
    return [ServerStatus(backup, _state(_restore_server(home, backup))) for backup in backups]


def remove_server(backup: str) -> None:
    """Remove the server of a backup, with everything in it."""
    home = state_folder()
    with lock_folder(_restore_server(home, backup).directory) as lock:
        _remove(home, backup)
        lock.unlink()


def _state(server: RestoreServer) -> ServerState:
    if is_locked(server.directory):
        return "being restored"
    if not _is_restored(server):
        return "leftover"
    return "running" if server.is_running else "stopped"


def _write_mark(server: RestoreServer) -> None:
    """Say that the load has ended: the file is there whole, or not at all."""
    partial = server.directory / f".{_MARK}"
    partial.write_text("the load has ended\n")
    partial.rename(server.directory / _MARK)


def _is_restored(server: RestoreServer) -> bool:
    return (server.directory / _MARK).exists()


def _remove(home: StateFolder, backup: str) -> None:
    _restore_server(home, backup).destroy()
    _passwords(home, backup).unlink(missing_ok=True)


def _restore_server(home: StateFolder, backup: str) -> RestoreServer:
    return RestoreServer(home.postgres / f"{_PREFIX}{backup}")


def _passwords(home: StateFolder, backup: str) -> Path:
    return home.run / f"{_PREFIX}{backup}.pgpass"


def _spec(server: ServerInfo, extensions: Iterable[Extension]) -> DatabaseSpec:
    locale = DatabaseLocale(
        server.encoding,
        server.locale_provider,
        server.collation if server.locale_provider == "libc" else "",
        server.ctype,
        server.locale,
        server.icu_rules,
    )
    return DatabaseSpec(
        server.database,
        locale,
        [RequiredExtension(known.name, known.schema_name, known.version) for known in extensions],
    )


def _require_isolation(server: RestoreServer, *, unsandboxed: bool) -> Isolation:
    with _explain_errors():
        isolation = server.find_isolation()
    require_isolation(isolation, unsandboxed=unsandboxed)
    return isolation


@contextmanager
def _explain_errors() -> Generator[None]:
    try:
        yield
    except (PostgresError, OSError) as error:
        raise Failure(
            "No PostgreSQL server can be made on this machine to restore into.",
            "look at what it said, and run the command again.",
            str(error),
        ) from error


def discard(*backups: str) -> int:
    """
    Remove servers on this machine that `restore --to new` made, with everything in them.

    Args:
        backups: Ids of the backups that were restored there; without any, they are listed.

    Returns:
        0 when they are gone.
    """
    known = list_servers()
    names = [server.backup for server in known]
    if unknown := [backup for backup in backups if backup not in names]:
        raise Failure(
            f"No server on this machine holds {unknown[0]}.",
            f"choose one of these: {', '.join(names) or 'there is none'}.",
        )
    for backup in backups:
        remove_server(backup)
        sys.stdout.write(f"Removed {printable(backup)}.\n")
    if not backups:
        lines = (f"{printable(server.backup)}  {server.state}\n" for server in known)
        sys.stdout.write("".join(lines) or "There is no such server.\n")
    return 0

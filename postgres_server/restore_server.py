"""A PostgreSQL server for one restored dump, which may hold programs of whoever wrote it."""

import os
import pwd
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from core import atomic_folder
from core.sandbox import (
    SYSTEM_FILES,
    SYSTEM_FOLDERS,
    Isolation,
    Sandbox,
    SandboxedProcess,
    SystemUser,
    find_isolation,
    start,
)
from postgres_server.install import Installation, PostgresError, change_owner
from postgres_server.restored_database import (
    OWNER,
    DatabaseSpec,
    create_database,
    create_extensions,
    create_owner,
)
from postgres_server.server import Server, format_settings

_PORT: Final = 5432
"""The number in the socket's name. The server has no TCP port."""

_SETTINGS: Final = {
    "listen_addresses": "",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "1GB",
    # A statement that fails may hold a password.
    "log_min_error_statement": "panic",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_POLL_SECONDS: Final = 0.01
_LOG_CHARACTERS: Final = 2000
_THROW_AWAY_SETTINGS: Final = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}
"""For a server that is removed after the comparison: a crash loses nothing of value."""


@dataclass(frozen=True)
class RestoreServer(Server):
    """
    The server of one restored dump in `directory`. It is reached through a private socket alone.

    The superuser exists only for the set-up: it has no password, it is let in from the caller's account
    alone, and it can't log in any more before the first byte of a dump is loaded.
    """

    superuser: ClassVar[str] = "bulwark_superuser"

    port: int = field(default=_PORT, init=False)
    is_throw_away: bool = False

    def find_isolation(self) -> Isolation:
        """Return how the server can be separated from the caller on this machine."""
        account = self.find_installation().account
        return find_isolation(SystemUser(account.pw_uid, account.pw_gid) if account else None)

    def create(self, isolation: Isolation) -> SandboxedProcess:
        """
        Make the server and start it; it ends with this process, unless it is let go.

        Raises:
            PostgresError: it can't be made or started.
        """
        installation = self.find_installation()
        self.directory.mkdir(mode=0o700)
        change_owner(self.directory, installation.account)
        installation.run(
            "initdb",
            *("--username", self.superuser, "--auth-local", "peer", "--auth-host", "reject"),
            *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8", "--no-sync"),
            data=self.data,
        )
        (self.data / "postgresql.conf").write_text("include '../cluster.conf'\n")
        self.prepare_start(installation)
        process = self._start(installation, isolation)
        try:
            self._wait_until_ready(process)
        except BaseException:
            process.end()
            raise
        return process

    def set_up(self, spec: DatabaseSpec, password: str) -> list[str]:
        """
        Make the database and its owner; return notes for the user.

        Raises:
            PostgresError: they can't be made.
        """
        try:
            with self.connect("template1") as connection:
                create_owner(connection, password)
                notes = create_database(connection, spec)
            with self.connect(spec.database) as connection:
                notes += create_extensions(connection, spec)
                # From here on nobody can be the superuser, and nothing that the dump holds can become it.
                connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN").format(sql.Identifier(self.superuser)))
        except psycopg.Error as error:
            raise PostgresError(f"The database {spec.database} can't be made: {error}") from error
        return notes

    def _start(self, installation: Installation, isolation: Isolation) -> SandboxedProcess:
        sandbox = Sandbox(
            isolation,
            readable=(*SYSTEM_FOLDERS, *SYSTEM_FILES, *installation.folders),
            writable=(self.directory, self.socket_folder),
        )
        with self.log.open("ab") as log:
            return start(
                [installation.root / "bin" / "postgres", "-D", self.data, f"--cluster_name={self.name}"],
                sandbox,
                environment={"PATH": os.defpath, "LC_ALL": "C"},
                folder=self.directory,
                output=log,
            )

    def _wait_until_ready(self, process: SandboxedProcess) -> None:
        while True:
            try:
                self.connect("template1").close()
            except psycopg.OperationalError as error:
                if process.process.poll() is not None:
                    logged = self.log.read_text(errors="replace")[-_LOG_CHARACTERS:]
                    raise PostgresError(f"the server in {self.directory} does not start: {logged}") from error
            else:
                return
            time.sleep(_POLL_SECONDS)

    def url(self, spec: DatabaseSpec, *, password: str = "", passfile: Path | None = None) -> str:
        """Return the address of the database for its owner, with the password or the file that holds it."""
        secret = f":{quote(password, safe='')}" if password else ""
        file = f"&passfile={quote(str(passfile), safe='')}" if passfile else ""
        folder = quote(str(self.socket_folder), safe="")
        name = quote(spec.database, safe="")
        return f"postgresql://{OWNER}{secret}@/{name}?host={folder}&port={self.port}&sslmode=disable{file}"

    def passfile_line(self, password: str) -> str:
        """Return the line of libpq's password file for this server."""
        return f"{self.socket_folder}:{self.port}:*:{OWNER}:{password}\n"

    @property
    def is_running(self) -> bool:
        return self.find_postmaster() is not None

    def destroy(self) -> None:
        """Stop the server and remove it, whatever a killed run has left of it."""
        self.shut_down(signal.SIGQUIT)
        self.kill_orphans()
        if self.directory.exists():
            atomic_folder.remove_folder(self.directory)
        elif self.directory.parent.exists():
            atomic_folder.remove_leftovers(self.directory)
        shutil.rmtree(self.socket_folder, ignore_errors=True)

    def find_postmaster(self) -> psutil.Process | None:
        """
        Return the server's main process, by its title: its number is that of its own namespace.

        A process that it has just started has its title, too, until it sets its own.
        """
        titled = {process.pid: process for process in psutil.process_iter() if self._has_main_title(process)}
        for process in titled.values():
            with suppress(psutil.NoSuchProcess):
                if process.ppid() not in titled:
                    return process
        return None

    def _has_main_title(self, process: psutil.Process) -> bool:
        try:
            return self._is_ours(process) and process.cmdline()[0].endswith("/postgres")
        except (psutil.Error, IndexError):  # gone, or a zombie
            return False

    def _configuration_files(
        self,
        installation: Installation,  # noqa: ARG002 - the twin's servers allow one of its extensions
    ) -> dict[str, str]:
        settings = _SETTINGS | (_THROW_AWAY_SETTINGS if self.is_throw_away else {})
        caller = pwd.getpwuid(os.geteuid()).pw_name
        return {
            "cluster.conf": format_settings(
                unix_socket_directories=str(self.socket_folder),
                port=str(self.port),
                hba_file=str(self.directory / "pg_hba.conf"),
                ident_file=str(self.directory / "pg_ident.conf"),
                **settings,
            ),
            "pg_hba.conf": (f"local all {self.superuser} peer map=caller\nlocal all all scram-sha-256\n"),
            "pg_ident.conf": f'caller "{caller}" {self.superuser}\n',
        }

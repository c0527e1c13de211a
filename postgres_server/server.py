"""The server of a PostgreSQL instance: its settings, its processes and the superuser's connection."""

import hashlib
import os
import pwd
import shlex
import signal
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import psutil
import psycopg

from postgres_server.install import ACCOUNT, Installation, PostgresError, change_owner, find_closed_folder

SUPERUSER = "cloud_admin"
"""The name of Neon's superuser, which no customer can use."""

_SOCKETS = Path("/tmp")  # noqa: S108 - a socket's path may have 103 bytes on macOS, 107 on Linux
_SETTINGS = {
    "wal_level": "replica",
    "archive_mode": "on",
    "archive_timeout": "60s",
    # A segment that is complete is never written again, so the archive has a link to it instead of a copy.
    "wal_recycle": "off",
    # A branch must not be read before its recovery has reached its target time.
    "hot_standby": "off",
    # A statement that fails may hold a password.
    "log_min_error_statement": "panic",
    # A small database on a developer's machine.
    "shared_buffers": "32MB",
    "max_connections": "100",
    "max_wal_size": "512MB",
    "max_wal_senders": "4",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_START_SECONDS = 600
_STOP_SECONDS = 60
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Server:
    """The server of the data in `directory`. It listens on 127.0.0.1:`port` and requires a password there."""

    superuser: ClassVar[str] = SUPERUSER

    directory: Path
    port: int

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def archive(self) -> Path:
        """The archive of completed segments of the write-ahead log, which never change."""
        return self.directory / "archive"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def name(self) -> str:
        """A short name, unique on the machine, that the titles of the server's processes contain."""
        return f"bulwark-{hashlib.sha256(bytes(self.directory.absolute())).hexdigest()[:16]}"

    @property
    def socket_folder(self) -> Path:
        """A private folder with a short path; the path of a socket in `directory` could be too long."""
        return _SOCKETS / self.name

    def find_installation(self) -> Installation:
        """Return the programs. Raises PostgresError if the server's account can't enter the parent folder."""
        installation = Installation.find(self.directory.parent)
        closed = installation.account and find_closed_folder(self.directory.parent, installation.account)
        if closed:
            raise PostgresError(
                f"PostgreSQL runs as {ACCOUNT}, which may not enter {closed}: put the twin elsewhere "
                f"(BULWARK_TWIN), or allow it with: chmod o+x {closed}"
            )
        return installation

    def find_postmaster(self) -> psutil.Process | None:
        """
        Return the server's main process, None if it does not run.

        After a kill -9 the process id in `postmaster.pid` may belong to another program, so its title is
        checked.
        """
        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split("\n", 1)[0]))
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        return process if self._is_ours(process) else None

    def launch(self) -> None:
        """Start the server, after removing the processes and files that a killed server left."""
        installation = self.find_installation()
        self.prepare_start(installation)
        installation.run(
            "pg_ctl",
            *("start", "--silent", "--wait", "--timeout", str(_START_SECONDS)),
            *("--log", self.log.name, "--options", f"--cluster_name={self.name}"),
            data=self.data,
        )

    def prepare_start(self, installation: Installation) -> None:
        """Remove the processes and files that a killed server left, and write the configuration."""
        self.kill_orphans()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._make_socket_folder(installation)
        for name, text in self._configuration_files(installation).items():
            file = self.directory / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
            change_owner(self.directory / Path(name).parts[0], installation.account)

    def wait_until_ready(self) -> None:
        """Wait until recovery has ended and the server accepts sessions."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError as error:
                if self.find_postmaster() is None or time.monotonic() > deadline:
                    raise PostgresError(str(error)) from error
            else:
                return
            time.sleep(_POLL_SECONDS)

    def connect(self, database: str = "postgres", autocommit: bool = True) -> psycopg.Connection:
        """Connect as the superuser through the private socket."""
        return psycopg.connect(
            host=str(self.socket_folder),
            port=self.port,
            user=self.superuser,
            dbname=database,
            autocommit=autocommit,
            connect_timeout=10,
        )

    def shut_down(self, signal_: signal.Signals = signal.SIGINT) -> None:
        """
        End the sessions and wait until the server has ended.

        With SIGINT it flushes the data and archives the log, with SIGQUIT it does neither.
        """
        postmaster = self.find_postmaster()
        if postmaster is None:
            return
        with suppress(psutil.NoSuchProcess):  # it has ended since
            postmaster.send_signal(signal_)
        if not _wait_for(_STOP_SECONDS, lambda: self.find_postmaster() is None):
            raise PostgresError(f"The PostgreSQL server in {self.directory} does not stop: see {self.log}")

    def kill_orphans(self) -> None:
        """
        Kill server processes whose postmaster is gone.

        They hold the shared memory, so a new postmaster refuses to start. Without a postmaster they can't
        complete any work.
        """
        orphans = [process for process in psutil.process_iter() if self._is_ours(process)]
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
        _wait_for(_STOP_SECONDS, lambda: not any(self._is_ours(orphan) for orphan in orphans))

    def _is_ours(self, process: psutil.Process) -> bool:
        # By its title: in a container not even root can read the working folder of another account's process.
        try:
            return process.name() == "postgres" and self.name in " ".join(process.cmdline())
        except psutil.Error:  # gone, or a zombie
            return False

    def _make_socket_folder(self, installation: Installation) -> None:
        folder, account = self.socket_folder, installation.account
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and folder.lstat().st_uid == 0:
            change_owner(folder, account)
        status = folder.lstat()
        owner = account.pw_uid if account else os.geteuid()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
            raise PostgresError(f"{folder} is not a private folder of the server's account: remove it.")
        for stale in folder.iterdir():
            stale.unlink()

    def _configuration_files(self, installation: Installation) -> dict[str, str]:
        """Return the configuration files, written at each start so that no path or port in them is stale."""
        extensions = installation.root / "share" / "postgresql" / "extension"
        administrators = {
            pwd.getpwuid(os.geteuid()).pw_name,
            *([installation.account.pw_name] if installation.account else []),
        }
        return {
            "cluster.conf": format_settings(
                listen_addresses="127.0.0.1",
                port=str(self.port),
                unix_socket_directories=str(self.socket_folder),
                hba_file=str(self.directory / "pg_hba.conf"),
                ident_file=str(self.directory / "pg_ident.conf"),
                extension_control_path=f"{self.directory}:$system",
                archive_command=_archive_command(self.archive),
                **_SETTINGS,
            ),
            "pg_hba.conf": (
                f"local all {SUPERUSER} peer map=administrators\n"
                f"local replication {SUPERUSER} peer map=administrators\n"
                "host all all 127.0.0.1/32 scram-sha-256\n"
            ),
            "pg_ident.conf": "".join(
                f'administrators "{name}" {SUPERUSER}\n' for name in sorted(administrators)
            ),
            # At Neon any user can create pgvector's extension. Its own control file allows that to superusers
            # only; this one precedes it on the search path and declares the extension as trusted.
            "extension/vector.control": (extensions / "vector.control").read_text()
            + format_settings(trusted="true", directory=str(extensions)),
        }


def format_settings(**values: str) -> str:
    """Return settings in the format of PostgreSQL's configuration files."""
    quoted = {name: value.replace("'", "''") for name, value in values.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def _wait_for(seconds: float, condition: Callable[[], bool]) -> bool:
    """
    Poll the condition; return whether it held in time.

    To wait for a process itself would take until its parent reaps it.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def quote_path(path: Path) -> str:
    """Quote a path for a shell command in which PostgreSQL replaces %f and %p."""
    return shlex.quote(str(path)).replace("%", "%%")


def _archive_command(archive: Path) -> str:
    """
    Return the command: link the segment, which is atomic and doesn't replace a file.

    PostgreSQL archives a segment again if it was killed before it recorded the success; an equal file is
    success.
    """
    folder = quote_path(archive)
    return f"ln %p {folder}/%f || cmp -s %p {folder}/%f"

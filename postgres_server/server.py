"""The running half of a PostgreSQL instance: its settings, its processes and the superuser's way in."""

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

import psutil
import psycopg

from postgres_server.install import ACCOUNT, Installation, PostgresError, closed_folder, give

SUPERUSER = "cloud_admin"
"""The superuser's name at Neon; no customer ever is it."""

_SOCKETS = Path("/tmp")  # noqa: S108 - a socket's path may have 103 bytes on macOS, 107 on Linux
_SETTINGS = {
    "wal_level": "replica",
    "archive_mode": "on",
    "archive_timeout": "60s",
    # Nobody may read a branch before its recovery has arrived where it should.
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
    """The server of the data in `directory`; it listens on 127.0.0.1:`port`, where it asks for a password."""

    directory: Path
    port: int

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def archive(self) -> Path:
        """Completed segments of the write-ahead log, each under its own name, never changed."""
        return self.directory / "archive"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    @property
    def name(self) -> str:
        """A short name that no other cluster on the machine has; its processes carry it in their titles."""
        return f"bulwark-{hashlib.sha256(bytes(self.directory.absolute())).hexdigest()[:16]}"

    @property
    def socket_folder(self) -> Path:
        """A private folder with a short path, for a socket in a deep home would have too long a one."""
        return _SOCKETS / self.name

    def installation(self) -> Installation:
        """Find the programs, and make sure that the server's account can enter this cluster's parent."""
        installation = Installation.reachable_from(self.directory.parent)
        closed = installation.account and closed_folder(self.directory.parent, installation.account)
        if closed:
            raise PostgresError(
                f"PostgreSQL runs as {ACCOUNT}, which may not enter {closed}: put the twin elsewhere "
                f"(BULWARK_TWIN), or allow it with: chmod o+x {closed}"
            )
        return installation

    def postmaster(self) -> psutil.Process | None:
        """
        Return the server's main process, None if it does not run.

        The process id in `postmaster.pid` proves nothing after a kill -9: the system may have given it to
        another program.
        """
        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split("\n", 1)[0]))
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        return process if self._is_ours(process) else None

    def launch(self) -> None:
        """Start the server's processes; what an earlier one left behind after a kill -9 is cleared first."""
        installation = self.installation()
        self.end_orphans()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self._make_socket_folder(installation)
        for name, text in self._files(installation).items():
            file = self.directory / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
            give(self.directory / Path(name).parts[0], installation.account)
        installation.run(
            "pg_ctl",
            *("start", "--silent", "--wait", "--timeout", str(_START_SECONDS)),
            *("--log", self.log.name, "--options", f"--cluster_name={self.name}"),
            data=self.data,
        )

    def await_answer(self) -> None:
        """Wait until sessions are accepted, which is not before a recovery has come to its end."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError as error:
                if self.postmaster() is None or time.monotonic() > deadline:
                    raise PostgresError(str(error)) from error
            else:
                return
            time.sleep(_POLL_SECONDS)

    def connect(self, database: str = "postgres", autocommit: bool = True) -> psycopg.Connection:
        """Connect as the superuser through the private socket."""
        return psycopg.connect(
            host=str(self.socket_folder),
            port=self.port,
            user=SUPERUSER,
            dbname=database,
            autocommit=autocommit,
            connect_timeout=10,
        )

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        """
        End the sessions and wait until the server is gone.

        By SIGINT it flushes the data and archives the log; by SIGQUIT neither, as for data that goes, too.
        """
        postmaster = self.postmaster()
        if postmaster is None:
            return
        postmaster.send_signal(how)
        if not _within(_STOP_SECONDS, lambda: self.postmaster() is None):
            raise PostgresError(f"The PostgreSQL server in {self.directory} does not stop: see {self.log}")

    def end_orphans(self) -> None:
        """
        Kill server processes whose postmaster is gone.

        They hold the shared memory, and a new postmaster refuses to start beside them. Without a postmaster
        they could not complete anything.
        """
        orphans = [process for process in psutil.process_iter() if self._is_ours(process)]
        for orphan in orphans:
            with suppress(psutil.NoSuchProcess):
                orphan.kill()
        _within(_STOP_SECONDS, lambda: not any(self._is_ours(orphan) for orphan in orphans))

    def _is_ours(self, process: psutil.Process) -> bool:
        # By its title: in a container not even root may see in which folder another account's process works.
        try:
            return process.name() == "postgres" and self.name in " ".join(process.cmdline())
        except psutil.Error:  # gone, or a zombie
            return False

    def _make_socket_folder(self, installation: Installation) -> None:
        folder, account = self.socket_folder, installation.account
        folder.mkdir(mode=0o700, exist_ok=True)
        if os.geteuid() == 0 and folder.lstat().st_uid == 0:
            give(folder, account)
        found = folder.lstat()
        owner = account.pw_uid if account else os.geteuid()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or found.st_mode & 0o077:
            raise PostgresError(f"{folder} is not a private folder of the server's account: remove it.")
        for stale in folder.iterdir():
            stale.unlink()

    def _files(self, installation: Installation) -> dict[str, str]:
        """Compose every setting anew for each start, so that no path or port in them can be stale."""
        extensions = installation.root / "share" / "postgresql" / "extension"
        insiders = {
            pwd.getpwuid(os.geteuid()).pw_name,
            *([installation.account.pw_name] if installation.account else []),
        }
        return {
            "cluster.conf": settings(
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
                f"local all {SUPERUSER} peer map=insiders\n"
                f"local replication {SUPERUSER} peer map=insiders\n"
                "host all all 127.0.0.1/32 scram-sha-256\n"
            ),
            "pg_ident.conf": "".join(f'insiders "{name}" {SUPERUSER}\n' for name in sorted(insiders)),
            # Neon lets its customers create the extensions on a list; pgvector's own control file leaves that
            # to superusers. This one stands before it on the search path and says that it is trusted.
            "extension/vector.control": (extensions / "vector.control").read_text()
            + settings(trusted="true", directory=str(extensions)),
        }


def settings(**values: str) -> str:
    """Write settings as PostgreSQL's configuration files have them."""
    quoted = {name: value.replace("'", "''") for name, value in values.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Poll: a process that has ended but is not yet reaped by its parent would keep a wait for it busy."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def shell_path(path: Path) -> str:
    """Quote a path for a command in which PostgreSQL replaces %f and %p."""
    return shlex.quote(str(path)).replace("%", "%%")


def _archive_command(archive: Path) -> str:
    """
    Copy aside, then name the copy by a link, which is atomic and refuses to replace a file.

    A segment is offered again if the server was killed before it took note: then equal contents are success.
    """
    folder = shell_path(archive)
    return f"cmp -s %p {folder}/%f || (cp %p {folder}/.%f && ln {folder}/.%f {folder}/%f && rm {folder}/.%f)"

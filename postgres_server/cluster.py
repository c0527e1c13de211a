"""A PostgreSQL instance that can be created, started, backed up and branched at a point in time."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import psycopg

from core import atomic_folder
from postgres_server.install import Installation, PostgresError, change_owner
from postgres_server.server import SUPERUSER, Server, format_settings, quote_path

_MARKER = "bulwark-cluster"
_BACKUP_NAME_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_ARCHIVE_SECONDS = 60
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Cluster(Server):
    """
    One PostgreSQL instance: its data, its write-ahead log archive, its base backups and its own TCP port.

    `directory` holds `data`, `archive`, `log` and `base`, in which each base backup is named after the UTC
    time at which it was complete. Operations hold a lock, so several processes may use a cluster.
    """

    @property
    def is_running(self) -> bool:
        return self.find_postmaster() is not None

    @property
    def system_identifier(self) -> int:
        """The identifier in `pg_control`. A branch has that of its source, because it is a physical copy."""
        # The first field of ControlFileData; the file can be read while the server is stopped, too.
        with (self.data / "global" / "pg_control").open("rb") as control:
            return int.from_bytes(control.read(8), sys.byteorder)

    def create(self, superuser_password: str) -> None:
        """
        Create an empty cluster with its first base backup, without starting it.

        Raises:
            PostgresError: the directory exists already, or it can't be written.
        """
        with self._build() as (folder, installation):
            password = folder / "password"
            password.touch(mode=0o600)
            password.write_text(superuser_password)
            change_owner(folder, installation.account)
            installation.run(
                "initdb",
                *("--username", SUPERUSER, "--pwfile", password),
                *("--auth-local", "peer", "--auth-host", "scram-sha-256", "--data-checksums"),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8"),
                # Small segments, in megabytes: a branch waits for the current one, and the archive keeps all.
                *("--wal-segsize", "1"),
                # Saves half of the time. A power cut can damage only a cluster that was never used.
                "--no-sync",
                data=folder / "data",
            )
            password.unlink()
            (folder / "data" / "postgresql.conf").write_text("include '../cluster.conf'\n")
            (folder / "archive").mkdir()
            # The files of a cluster that never ran are consistent, so their copy is a base backup.
            shutil.copytree(
                folder / "data", folder / "base" / datetime.now(UTC).strftime(_BACKUP_NAME_FORMAT)
            )

    def start(self) -> None:
        """
        Start the server unless it is running, and wait until recovery has ended and it accepts sessions.

        Raises:
            PostgresError: the server does not start; the message names the port if that is taken.
        """
        if not self._exists():
            raise PostgresError(f"There is no PostgreSQL cluster in {self.directory}.")
        with atomic_folder.lock_folder(self.directory):
            log_start = self.log.stat().st_size if self.log.exists() else 0
            try:
                if not self.is_running:
                    self.launch()
                self.wait_until_ready()
            except (PostgresError, OSError) as error:
                raise PostgresError(self._explain_failure(error, log_start)) from error

    def stop(self) -> None:
        """Stop the server if it is running: end the sessions and flush the data."""
        if self._exists():
            with atomic_folder.lock_folder(self.directory):
                self.shut_down()
                shutil.rmtree(self.socket_folder, ignore_errors=True)  # each start makes it

    def destroy(self) -> None:
        """
        Stop the server and remove the cluster, if it exists.

        Raises:
            PostgresError: the directory is not a cluster of the twin.
        """
        if not self.directory.parent.exists():
            return
        with atomic_folder.lock_folder(self.directory) as lock:
            if self.directory.exists():
                if not self._exists():
                    raise PostgresError(f"{self.directory} is not a cluster of the twin: nothing is removed.")
                self.shut_down(signal.SIGQUIT)
                self.kill_orphans()
                atomic_folder.remove_folder(self.directory)
            atomic_folder.remove_leftovers(self.directory)
            shutil.rmtree(self.socket_folder, ignore_errors=True)
            lock.unlink()

    def move(self, directory: Path) -> None:
        """
        Stop the server and give the cluster another directory beside its own, which must not exist.

        Its history goes with it: no path in the cluster's own files is used before the next start writes it.
        """
        with atomic_folder.lock_folder(self.directory) as lock:
            self.shut_down()
            self.kill_orphans()
            self.directory.rename(directory)
            shutil.rmtree(self.socket_folder, ignore_errors=True)
            lock.unlink()

    def take_base_backup(self) -> None:
        """Take a base backup of the running server, so that a later branch has less log to replay."""
        with atomic_folder.lock_folder(self.directory), self.connect() as connection:
            base = self.directory / "base"
            for interrupted in base.glob(".*"):
                shutil.rmtree(interrupted, ignore_errors=True)
            partial = base / f".{os.getpid()}-{time.monotonic_ns()}"
            self.find_installation().run(
                "pg_basebackup",
                *("--pgdata", partial, "--checkpoint", "fast", "--no-password", "--no-sync"),
                *("--host", self.socket_folder, "--port", str(self.port), "--username", SUPERUSER),
                data=self.data,
            )
            # Recovery can't stop before the end of the backup, so the backup is named after that time.
            partial.rename(base / _server_time(connection).strftime(_BACKUP_NAME_FORMAT))

    def branch(self, target: "Cluster", at: datetime | None = None) -> None:
        """
        Create and start `target`, an independent cluster with all transactions up to `at`, inclusive.

        Without `at` these are the transactions that were acknowledged before the call. The source keeps
        running. The target inherits the history since the base backup that it is created from, so it can be
        branched, too.

        Raises:
            PostgresError: the source is stopped, the target exists, or `at` lies before the first base backup
                or in the future.
        """
        at, base = self._choose_recovery_point(at)
        with target._build() as (folder, _):  # noqa: SLF001 - the same class
            # The log to replay comes from the archive; segments of the base backup would be archived again.
            shutil.copytree(base, folder / "data", ignore=_ignore_wal)
            # Base backups and archived segments never change, so the two clusters share the files.
            shutil.copytree(base, folder / "base" / base.name, copy_function=os.link)
            shutil.copytree(self.archive, folder / "archive", copy_function=os.link)
            with (folder / "data" / "postgresql.auto.conf").open("a") as configuration:
                configuration.write(
                    format_settings(
                        restore_command=f"cp {quote_path(target.archive)}/%f %p",
                        recovery_target_time=at.isoformat(),
                        recovery_target_action="promote",
                    )
                )
            (folder / "data" / "recovery.signal").touch()
        try:
            target.start()
        except PostgresError:
            target.destroy()
            raise

    def _explain_failure(self, error: Exception, log_start: int) -> str:
        """Return why the server does not start, from the log after `log_start`."""
        logged = self.log.read_bytes()[log_start:].decode(errors="replace") if self.log.exists() else ""
        if "could not create any TCP/IP sockets" in logged:
            return (
                f"Port {self.port} of the PostgreSQL cluster in {self.directory} is taken: "
                "stop the program that listens there and try again."
            )
        fatal = [line.split("FATAL:", 1)[1].strip() for line in logged.splitlines() if "FATAL:" in line]
        # These lines answer sessions that came too early, also those of this class.
        reason = next((line for line in fatal if not line.startswith("the database system is")), str(error))
        return f"The PostgreSQL cluster in {self.directory} does not start: {reason} (its log: {self.log})"

    def _choose_recovery_point(self, at: datetime | None) -> tuple[datetime, Path]:
        """Return the time and the base backup of a branch, once the archive reaches beyond that time."""
        if not self.is_running:
            raise PostgresError(
                f"The PostgreSQL cluster in {self.directory} is stopped: start it to branch it."
            )
        with self.connect() as connection:
            now = _server_time(connection)
            at = at or now
            if at > now:
                raise PostgresError(f"Cannot branch at {at.isoformat()}: it is only {now.isoformat()}.")
            bases = sorted(path for path in (self.directory / "base").glob("[!.]*"))
            usable = [base for base in bases if _backup_time(base) <= at]
            if not usable:
                begin = _backup_time(bases[0]).isoformat()
                raise PostgresError(f"Cannot branch at {at.isoformat()}: the history begins at {begin}.")
            # Recovery stops at `at` when it finds a later commit, so there must be one.
            connection.execute("SELECT pg_current_xact_id()")
            row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        self._wait_until_archived(cast("tuple[str]", row)[0])
        return at, usable[-1]

    def _wait_until_archived(self, segment: str) -> None:
        deadline = time.monotonic() + _ARCHIVE_SECONDS
        while not (self.archive / segment).exists():
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"The log segment {segment} is not archived: see {self.log}; is the disk full?"
                )
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _build(self) -> Generator[tuple[Path, Installation]]:
        """Yield a folder for the new cluster, which is renamed to `directory` when the block ends."""
        self.directory.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        installation = self.find_installation()
        with atomic_folder.lock_folder(self.directory):
            if self.directory.exists():
                raise PostgresError(f"{self.directory} exists already.")
            try:
                with atomic_folder.build_folder(self.directory) as building:
                    (building / _MARKER).touch()
                    yield building, installation
                    change_owner(building, installation.account)
            except OSError as error:
                raise PostgresError(
                    f"The PostgreSQL cluster in {self.directory} cannot be created: {error}"
                ) from error

    def _exists(self) -> bool:
        return (self.directory / _MARKER).exists()


def _ignore_wal(folder: str, names: list[str]) -> list[str]:
    return names if Path(folder).name == "pg_wal" else []


def _server_time(connection: psycopg.Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    return cast("tuple[datetime]", row)[0].astimezone(UTC)


def _backup_time(base: Path) -> datetime:
    return datetime.strptime(base.name, _BACKUP_NAME_FORMAT).replace(tzinfo=UTC)

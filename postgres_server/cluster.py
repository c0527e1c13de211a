"""One PostgreSQL instance of the twin: created, started, backed up, and branched at a point in time."""

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
from postgres_server.install import Installation, PostgresError, give
from postgres_server.server import SUPERUSER, Server, settings, shell_path

_MARKER = "bulwark-cluster"
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_ARCHIVE_SECONDS = 60
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Cluster(Server):
    """
    One PostgreSQL instance: its data, its write-ahead log archive, its base backups and its own TCP port.

    Everything lies below `directory`: `data`, `archive`, `log`, and `base`, where each base backup is named
    after the UTC time at which it was complete. Operations hold a lock, so processes may share a cluster.
    """

    @property
    def running(self) -> bool:
        return self.postmaster() is not None

    @property
    def system_identifier(self) -> int:
        """Name the cluster's origin. A branch keeps that of its source, being a physical copy of it."""
        # The first field of ControlFileData; read here it is known while the server is stopped, too.
        with (self.data / "global" / "pg_control").open("rb") as control:
            return int.from_bytes(control.read(8), sys.byteorder)

    def create(self, superuser_password: str) -> None:
        """
        Make an empty cluster with its first base backup; it is not started.

        Raises:
            PostgresError: something is there already, or it cannot be written.
        """
        with self._building() as (folder, installation):
            password = folder / "password"
            password.touch(mode=0o600)
            password.write_text(superuser_password)
            give(folder, installation.account)
            installation.run(
                "initdb",
                *("--username", SUPERUSER, "--pwfile", password),
                *("--auth-local", "peer", "--auth-host", "scram-sha-256", "--data-checksums"),
                *("--encoding", "UTF8", "--locale-provider", "builtin", "--locale", "C.UTF-8"),
                # Small segments, in megabytes: a branch waits for the current one, and the archive keeps all.
                *("--wal-segsize", "1"),
                # Half of the time; what a power cut then leaves is no cluster that anyone has used.
                "--no-sync",
                data=folder / "data",
            )
            password.unlink()
            (folder / "data" / "postgresql.conf").write_text("include '../cluster.conf'\n")
            (folder / "archive").mkdir()
            # A cluster that never ran is consistent as it lies, so a copy of it is a base backup.
            shutil.copytree(folder / "data", folder / "base" / datetime.now(UTC).strftime(_STAMP))

    def start(self) -> None:
        """
        Start the server if it is not running, and wait until it answers, a pending recovery included.

        Raises:
            PostgresError: it does not come up; the message names the port if that is occupied.
        """
        if not self._exists():
            raise PostgresError(f"There is no PostgreSQL cluster in {self.directory}.")
        with atomic_folder.lock_folder(self.directory):
            log_start = self.log.stat().st_size if self.log.exists() else 0
            try:
                if not self.running:
                    self.launch()
                self.await_answer()
            except (PostgresError, OSError) as error:
                raise PostgresError(self._explain(error, log_start)) from error

    def stop(self) -> None:
        """Stop the server: sessions are ended and the data is flushed. Does nothing if it is stopped."""
        if self._exists():
            with atomic_folder.lock_folder(self.directory):
                self.end()

    def destroy(self) -> None:
        """
        Stop the server and remove everything; does nothing if nothing is there.

        Raises:
            PostgresError: the directory is not a cluster of the twin.
        """
        if not self.directory.parent.exists():
            return
        with atomic_folder.lock_folder(self.directory) as lock:
            if self.directory.exists():
                if not self._exists():
                    raise PostgresError(f"{self.directory} is not a cluster of the twin: nothing is removed.")
                self.end(signal.SIGQUIT)
                self.end_orphans()
                atomic_folder.remove_folder(self.directory)
            atomic_folder.clear(self.directory)
            shutil.rmtree(self.socket_folder, ignore_errors=True)
            lock.unlink()

    def base_backup(self) -> None:
        """Take a base backup of the running server: a later branch starts from it and has less to replay."""
        with atomic_folder.lock_folder(self.directory), self.connect() as connection:
            base = self.directory / "base"
            for interrupted in base.glob(".*"):
                shutil.rmtree(interrupted, ignore_errors=True)
            partial = base / f".{os.getpid()}-{time.monotonic_ns()}"
            self.installation().run(
                "pg_basebackup",
                *("--pgdata", partial, "--checkpoint", "fast", "--no-password", "--no-sync"),
                *("--host", self.socket_folder, "--port", str(self.port), "--username", SUPERUSER),
                data=self.data,
            )
            # Recovery can stop no earlier than where the backup ended, so that is the time it is named after.
            partial.rename(base / _clock(connection).strftime(_STAMP))

    def branch(self, target: "Cluster", at: datetime | None = None) -> None:
        """
        Make and start `target`: an independent cluster with all that was committed up to `at`, inclusive.

        None is now: everything acknowledged before the call. The source goes on undisturbed. The target
        inherits the history since the base backup it comes from, so it can be branched in its turn.

        Raises:
            PostgresError: the source is stopped, the target exists, or `at` lies before the first base backup
                or in the future.
        """
        at, base = self._recovery_point(at)
        with target._building() as (folder, _):  # noqa: SLF001 - the same class
            # The log to replay comes from the archive; what a base backup holds would be archived again.
            shutil.copytree(base, folder / "data", ignore=_write_ahead_log)
            # Base backups and archived segments never change, so the two clusters share the files.
            shutil.copytree(base, folder / "base" / base.name, copy_function=os.link)
            unfinished = shutil.ignore_patterns(".*")
            shutil.copytree(self.archive, folder / "archive", copy_function=os.link, ignore=unfinished)
            with (folder / "data" / "postgresql.auto.conf").open("a") as configuration:
                configuration.write(
                    settings(
                        restore_command=f"cp {shell_path(target.archive)}/%f %p",
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

    def _explain(self, error: Exception, log_start: int) -> str:
        """Say why the server does not start, from what it has logged since."""
        logged = self.log.read_bytes()[log_start:].decode(errors="replace") if self.log.exists() else ""
        if "could not create any TCP/IP sockets" in logged:
            return (
                f"Port {self.port} of the PostgreSQL cluster in {self.directory} is taken: "
                "stop the program that listens there and try again."
            )
        fatal = [line.split("FATAL:", 1)[1].strip() for line in logged.splitlines() if "FATAL:" in line]
        # Answers to those who came too early, this class among them, are no reasons.
        reason = next((line for line in fatal if not line.startswith("the database system is")), str(error))
        return f"The PostgreSQL cluster in {self.directory} does not start: {reason} (its log: {self.log})"

    def _recovery_point(self, at: datetime | None) -> tuple[datetime, Path]:
        """Choose the base backup for `at`, and see to it that the archive reaches beyond that time."""
        if not self.running:
            raise PostgresError(
                f"The PostgreSQL cluster in {self.directory} is stopped: start it to branch it."
            )
        with self.connect() as connection:
            now = _clock(connection)
            at = at or now
            if at > now:
                raise PostgresError(f"Cannot branch at {at.isoformat()}: it is only {now.isoformat()}.")
            bases = sorted(path for path in (self.directory / "base").glob("[!.]*"))
            usable = [base for base in bases if _stamp(base) <= at]
            if not usable:
                begin = _stamp(bases[0]).isoformat()
                raise PostgresError(f"Cannot branch at {at.isoformat()}: the history begins at {begin}.")
            # Recovery knows that it has passed `at` when it meets a later commit, so there has to be one.
            connection.execute("SELECT pg_current_xact_id()")
            row = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        self._await_archived(cast("tuple[str]", row)[0])
        return at, usable[-1]

    def _await_archived(self, segment: str) -> None:
        deadline = time.monotonic() + _ARCHIVE_SECONDS
        while not (self.archive / segment).exists():
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"The log segment {segment} is not archived: see {self.log}; is the disk full?"
                )
            time.sleep(_POLL_SECONDS)

    @contextmanager
    def _building(self) -> Generator[tuple[Path, Installation]]:
        """Give a folder to build the cluster in; it takes its place when all of it is there."""
        self.directory.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        installation = self.installation()
        with atomic_folder.lock_folder(self.directory):
            if self.directory.exists():
                raise PostgresError(f"{self.directory} exists already.")
            try:
                with atomic_folder.build_folder(self.directory) as building:
                    (building / _MARKER).touch()
                    yield building, installation
                    give(building, installation.account)
            except OSError as error:
                raise PostgresError(
                    f"The PostgreSQL cluster in {self.directory} cannot be made: {error}"
                ) from error

    def _exists(self) -> bool:
        return (self.directory / _MARKER).exists()


def _write_ahead_log(folder: str, names: list[str]) -> list[str]:
    return names if Path(folder).name == "pg_wal" else []


def _clock(connection: psycopg.Connection) -> datetime:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    return cast("tuple[datetime]", row)[0].astimezone(UTC)


def _stamp(base: Path) -> datetime:
    return datetime.strptime(base.name, _STAMP).replace(tzinfo=UTC)

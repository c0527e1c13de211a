"""A session of drills: its lock, files, identity and clean-up, for a stack or a recovery file."""

import fcntl
import getpass
import os
import platform
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final

from core import vault_layout
from core.failure import Failure
from core.lock_file import open_lock_file
from core.processes import terminate
from engine.stack_file import CHECKOUT
from engine.targets import state_folder
from recovery.context import RecoveryContext
from recovery.drill import smoke_tests
from recovery.drill.environment import DrillEnvironment
from recovery.drill.evidence import DrillIdentity, Scenario, StackLocation
from recovery.drill.scenario_run import OnProgress
from recovery.drill.spec import DrillSpec
from recovery.drill.validation import DrillContext
from recovery.postgres.client_programs import find_client_programs
from recovery.postgres.connection import connect
from recovery.store import Store

_END_SECONDS: Final = 5.0


@dataclass(frozen=True)
class DrilledStore:
    """A store that is drilled, with what its scenarios need."""

    store: Store
    spec: DrillSpec
    environment: DrillEnvironment
    database_url: str = field(default="", repr=False)
    """Of the platform's database: the store itself or, for files, the one whose rows refer to them."""

    history: timedelta = timedelta()
    """How far the history of the database's vendor reaches back."""


@dataclass(frozen=True)
class DrillSession(ABC):
    """What is drilled, and its throw-away environment. One session at a time is open on this machine."""

    context: RecoveryContext
    """Vaults and monitors."""

    environment: DrillEnvironment
    stores: tuple[DrilledStore, ...]
    """What is drilled, in this order."""

    @property
    @abstractmethod
    def place(self) -> StackLocation:
        """Where the platform is."""

    @property
    @abstractmethod
    def platform_environment(self) -> str:
        """The environment that the evidence names."""

    @property
    @abstractmethod
    def takes_first_backups(self) -> bool:
        """Whether a drill takes a backup that is missing, because no job does so on schedule."""

    @property
    def secrets(self) -> set[str]:
        """Secrets that the evidence must not show, beside the databases' passwords."""
        return set()

    @property
    def engine_version(self) -> str:
        """Version of Pulumi's engine; empty where none takes part."""
        return ""

    @abstractmethod
    def drill_state(self, context: DrillContext, backup: str | None) -> Scenario:
        """Rebuild the stack from its backed-up state. Raises Failure where there is no stack."""

    @abstractmethod
    def drill_credentials(self, context: DrillContext, *, unsandboxed: bool) -> Scenario:
        """Try what a thief of each credential can destroy. Raises Failure where there is no stack."""

    @abstractmethod
    def drill_services(self, on_progress: OnProgress, *, service: str, deployment: str) -> Iterator[Scenario]:
        """Take services down by a bad deployment. Raises Failure where there is none that may be."""

    def remove_leftovers(self, *, everything: bool) -> tuple[str, ...]:
        """
        Remove what interrupted drills have left, and return a description of each part.

        Where another machine's drill may be at work, what is younger than the longest drill stays, unless
        `everything` is to be removed.

        Raises:
            Failure: something can't be removed.
        """
        return tuple(self._remove_leftovers(everything=everything))

    def _remove_leftovers(self, *, everything: bool) -> Iterator[str]:
        for process in smoke_tests.find_leftover_processes(self.environment.scope):
            yield f"process {process.pid}"
            terminate(process, _END_SECONDS)
        yield from self._remove_elsewhere(everything=everything)
        if files := list_files(self.environment.folder):
            yield f"{len(files)} files"
        shutil.rmtree(self.environment.folder)
        self.environment.folder.mkdir(mode=0o700)

    @abstractmethod
    def _remove_elsewhere(self, *, everything: bool) -> Iterator[str]:
        """Remove what is neither a process nor a file of this machine."""


@contextmanager
def open_drill_folder(name: str, *, is_on_twin: bool = False) -> Generator[Path]:
    """
    Give the folder of the drills of one stack or recovery file, which no other drill uses meanwhile.

    A twin has one drill at a time, of whatever stack: each removes what interrupted ones have left there.

    Raises:
        Failure: another drill is at work on this machine.
    """
    home = state_folder()
    home.create()
    folder = home.root / "drill" / name
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    with _lock(folder.with_name(".twin.lock" if is_on_twin else f".{name}.lock")):
        yield folder


@contextmanager
def _lock(file: Path) -> Generator[None]:
    """Hold the lock; the kernel frees it when the process dies."""
    with open_lock_file(file) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("Another drill is at work on this machine.", "wait for its end.") from None
        yield


@contextmanager
def temporary_files_in(folder: Path) -> Generator[None]:
    """Make temporary files in a folder that the next drill cleans: dumps are personal data."""
    before, variable_before = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir, os.environ["TMPDIR"] = str(folder), str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        if variable_before is None:
            os.environ.pop("TMPDIR")
        else:
            os.environ["TMPDIR"] = variable_before


def list_files(folder: Path) -> list[Path]:
    """Return the files in a drill's folder: dumps, and what was restored from them."""
    return [path for path in folder.rglob("*") if not path.is_dir()]


def drill_identity(session: DrillSession, started: datetime) -> DrillIdentity:
    """
    Return who drills with which code.

    What is not known is left out, so that a failed drill has evidence too.
    """
    commit = _git("rev-parse", "HEAD")
    return DrillIdentity.model_validate(
        {
            "id": vault_layout.new_id(started),
            "stack": session.context.stack,
            "environment": session.platform_environment,
            "place": session.place,
            "commit": commit or None,
            "changed": bool(commit and _git("status", "--porcelain")),
            "versions": _versions(session),
            "trigger": "schedule" if os.environ.get("GITHUB_EVENT_NAME") == "schedule" else "manual",
            "actor": os.environ.get("GITHUB_ACTOR") or getpass.getuser(),
            "run_url": _run_url(),
        }
    )


def _git(*arguments: str) -> str:
    try:
        ended = subprocess.run(
            ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def _versions(session: DrillSession) -> dict[str, str]:
    versions = {"bulwark": metadata.version("bulwark"), "python": platform.python_version()}
    if session.engine_version:
        versions["pulumi"] = session.engine_version
    known = {drilled.store: drilled.database_url for drilled in session.stores if drilled.database_url}
    databases = [(store, url) for store, url in known.items() if store.kind == "database"]
    for store, url in databases:
        try:
            with connect(url) as connection:
                major = connection.info.server_version // 10_000
                server = connection.info.parameter_status("server_version") or str(major)
            clients = find_client_programs(url, major=major)
        except Failure:
            continue
        versions[f"server of {store}" if len(databases) > 1 else "server"] = server
        versions |= {"pg_dump": clients.version, "pg_restore": clients.version}
    return versions


def _run_url() -> str | None:
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None

"""A session of drills of one stack: its lock, credentials, specification, identity and clean-up."""

import fcntl
import getpass
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Final

import psutil

from cli.drill_facts import drill_objectives
from cli.recovery_context import export_state, open_context
from components.secrets import variable
from components.settings import PROJECT as PLATFORM
from components.settings import Settings
from core import vault_layout
from core.failure import Failure
from engine import session
from engine.drill_stack import PROJECT, PulumiEnvironment
from engine.role_credentials import require_role
from engine.stack_file import CHECKOUT
from engine.stack_target import StackTarget
from engine.targets import state_folder
from recovery.context import RecoveryContext
from recovery.drill import smoke_tests
from recovery.drill.evidence import DrillIdentity
from recovery.drill.neon_account import NeonAccount
from recovery.drill.safety import age_of
from recovery.drill.spec import Application, Assertion, DrillSpec
from recovery.postgres.client_programs import find_client_programs
from recovery.postgres.connection import connect
from recovery.state import read_deployment_time
from toolchain.engine import VERSION

_KEY: Final = "neon_api_key"
_END_SECONDS: Final = 5.0


@dataclass(frozen=True)
class DrillSession:
    """A stack and the throw-away environment of its drills. One session at a time is open on this machine."""

    target: StackTarget
    context: RecoveryContext
    environment: PulumiEnvironment

    def last_deployment(self) -> datetime | None:
        """
        Return when the stack was deployed last, from its own backend.

        None where the backend does not say.
        """
        return read_deployment_time(export_state(self.target).state)

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
            _end(process)
        for name in self.environment.list_stacks():
            if self._is_over(name, everything=everything):
                yield f"stack {name}"
                self.environment.take_down(name)
        self.target.remove_traces(PROJECT)
        # A vendor would finish what it was still creating for an engine that is gone.
        self.target.remove_unfinished()
        for found in self.environment.account.list_objects():
            if self._is_over(found.name, everything=everything):
                yield f"{found.kind} {found.name}"
                self.environment.account.remove(found)
        if files := self.environment.list_files():
            yield f"{len(files)} files"
        shutil.rmtree(self.environment.folder)
        self.environment.folder.mkdir(mode=0o700)

    def _is_over(self, name: str, *, everything: bool) -> bool:
        longest = timedelta(minutes=self.target.settings.backups.drill.longest_run_minutes)
        return everything or not self.target.is_shared or age_of(name, datetime.now(UTC)) > longest


@contextmanager
def open_session(target: StackTarget) -> Generator[DrillSession]:
    """
    Open a stack for drilling.

    Raises:
        Failure: another drill is at work on this machine, the stack is not deployed, or the credentials at
            AWS are of another role than the one that only reads.
    """
    home = state_folder()
    home.create()
    folder = home.root / "drill" / target.name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _lock(folder):
        context = open_context(target)
        # Whatever goes wrong in a drill, it then can neither write to a vault nor delete from it.
        require_role(target, "restorer")
        key, project = _neon_key(target), context.database_project
        account = NeonAccount(key, target.settings.database.organization, project, url=target.api_url("neon"))
        environment = PulumiEnvironment(target, folder, project=project, key=key, account=account)
        with _temporary_files_in(environment.folder):
            yield DrillSession(target, context, environment)


@contextmanager
def _lock(folder: Path) -> Generator[None]:
    """Hold the lock beside the folder; the kernel frees it when the process dies."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                "Another drill of this stack is at work on this machine.", "wait for its end."
            ) from None
        yield


@contextmanager
def _temporary_files_in(folder: Path) -> Generator[None]:
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


def _neon_key(target: StackTarget) -> str:
    """Return the key of Neon's API that the stack is deployed with."""
    if key := os.environ.get(variable(_KEY)):
        return key
    with session.explain_errors():
        return session.select(target, runs_program=False).get_config(f"{PLATFORM}:{_KEY}").value


def _end(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        deadline = time.monotonic() + _END_SECONDS
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                process.kill()
                return
            time.sleep(0.05)


def drill_spec(settings: Settings, *, unsandboxed: bool) -> DrillSpec:
    """Return the specification of a stack's drills from its settings."""
    drill = settings.drill
    return DrillSpec(
        objectives=drill_objectives(settings),
        application_role=settings.database.application_role,
        newest_change=drill.newest_change,
        assertions=tuple(
            Assertion(assertion.name, assertion.sql, _text(assertion.expected))
            for assertion in drill.assertions
        ),
        write=drill.write,
        application=Application(
            command=drill.application.command,
            health=drill.application.health,
            database_variable=drill.application.database_variable,
            ready_within_seconds=drill.application.ready_within_seconds,
            is_unsandboxed=unsandboxed,
        ),
        files=drill.files.sql,
    )


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def drill_identity(session_: DrillSession, started: datetime) -> DrillIdentity:
    """
    Return who drills with which code.

    What is not known is left out, so that a failed drill has evidence too.
    """
    commit = _git("rev-parse", "HEAD")
    return DrillIdentity(
        id=vault_layout.new_id(started),
        stack=session_.target.name,
        environment=session_.target.settings.platform.environment,
        place=session_.target.location,
        commit=commit or None,
        changed=bool(commit and _git("status", "--porcelain")),
        versions=_versions(session_.context.database_url),
        trigger="schedule" if os.environ.get("GITHUB_EVENT_NAME") == "schedule" else "manual",
        actor=os.environ.get("GITHUB_ACTOR") or getpass.getuser(),
        run_url=_run_url(),
    )


def _git(*arguments: str) -> str:
    try:
        ended = subprocess.run(
            ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def _versions(database_url: str) -> dict[str, str]:
    versions = {
        "bulwark": metadata.version("bulwark"),
        "python": platform.python_version(),
        "pulumi": VERSION,
    }
    try:
        with connect(database_url) as connection:
            major = connection.info.server_version // 10_000
            versions["server"] = connection.info.parameter_status("server_version") or str(major)
        clients = find_client_programs(database_url, major=major)
    except Failure:
        return versions
    return versions | {"pg_dump": clients.version, "pg_restore": clients.version}


def _run_url() -> str | None:
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None

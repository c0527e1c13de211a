"""Where drills of a stack take place: one at a time, after what an interrupted one has left is removed."""

import fcntl
import getpass
import json
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

from cli import role_credentials
from cli.recovery_context import exported, open_context
from components.secrets import variable
from components.settings import PROJECT as PLATFORM
from components.settings import Settings
from core import vault_layout
from core.failure import Failure
from engine import session, stack_target
from engine.drill_stack import PROJECT, PulumiEnvironment
from engine.stack_target import CHECKOUT, StackTarget
from recovery.context import RecoveryContext
from recovery.drill import smoke_tests
from recovery.drill.evidence import DrillIdentity
from recovery.drill.neon_account import URL, NeonAccount
from recovery.drill.safety import age
from recovery.drill.terms import Application, Assertion, DrillObjectives, DrillSpec
from recovery.postgres.client_programs import find
from recovery.postgres.connection import connected
from toolchain.engine import VERSION
from twin.host.home import TwinHome
from twin.neon.model import Neon

_KEY: Final = "neon_api_key"
_END_SECONDS: Final = 5.0


@dataclass(frozen=True)
class DrillSession:
    """A stack and its throw-away place; held by one drill at a time on this machine."""

    space: StackTarget
    site: RecoveryContext
    place: PulumiEnvironment

    def deployed_at(self) -> datetime | None:
        """Return when the stack last changed, as its own backend says; None where it doesn't."""
        state = json.loads(exported(self.space.name, on_twin=self.space.twin is not None).state)
        told = (state["deployment"].get("manifest") or {}).get("time")
        return datetime.fromisoformat(told) if told else None

    def cleaned(self, *, everything: bool) -> tuple[str, ...]:
        """
        Remove what interrupted drills have left, and return it in words.

        On the twin nothing else can be at work now. At the vendors another machine's drill may be, so what is
        younger than the longest drill is left alone, unless `everything` is to go.

        Raises:
            Failure: something can't be removed.
        """
        return tuple(self._cleaned(everything=everything))

    def _cleaned(self, *, everything: bool) -> Iterator[str]:
        for process in smoke_tests.leftovers(self.place.scope):
            yield f"process {process.pid}"
            _end(process)
        for name in self.place.stacks():
            if self._is_over(name, everything=everything):
                yield f"stack {name}"
                self.place.take_down(name)
        if self.space.twin:
            for kept in list((self.space.twin.state / ".pulumi").rglob(PROJECT)):
                shutil.rmtree(kept)
            # What the vendor's machine was making for an engine that is gone would come to its end by itself.
            Neon(self.space.twin).sweep()
        for thing in self.place.account.things():
            if self._is_over(thing.name, everything=everything):
                yield f"{thing.kind} {thing.name}"
                self.place.account.remove(thing)
        if files := self.place.files():
            yield f"{len(files)} files"
        shutil.rmtree(self.place.folder)
        self.place.folder.mkdir(mode=0o700)

    def _is_over(self, name: str, *, everything: bool) -> bool:
        longest = timedelta(minutes=self.space.settings.backups.drill.longest_run_minutes)
        return everything or self.space.twin is not None or age(name, datetime.now(UTC)) > longest


@contextmanager
def open_session(stack: str, *, on_twin: bool) -> Generator[DrillSession]:
    """
    Open a stack for drilling.

    Raises:
        Failure: another drill is at work on this machine, the stack is not deployed, or the credentials at
            AWS are of another role than the one that only reads.
    """
    space = stack_target.find(stack, on_twin=on_twin)
    home = stack_target.home()
    home.create()
    folder = home.root / "drill" / stack
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        site = open_context(stack, on_twin=on_twin)
        # Whatever goes wrong in a drill, it then can neither write to a vault nor delete from it.
        role_credentials.require(space, "restorer")
        key = _neon_key(space)
        account = NeonAccount(
            key, space.settings.database.organization, site.database_project, url=_neon_url(space.twin)
        )
        place = PulumiEnvironment(space, folder, project=site.database_project, key=key, account=account)
        with _temporary_files_in(place.folder):
            yield DrillSession(space, site, place)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Hold the lock beside the folder; a process that dies lets go of it."""
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
    """Let temporary files be made where the next drill looks for what is left: dumps are personal data."""
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


def _neon_key(space: StackTarget) -> str:
    """Return the key that the stack itself is deployed with."""
    if key := os.environ.get(variable(_KEY)):
        return key
    with session.failing_plainly():
        return session.select(space, runs_program=False).get_config(f"{PLATFORM}:{_KEY}").value


def _neon_url(twin: TwinHome | None) -> str:
    return f"http://127.0.0.1:{twin.port('vendors')}/neon/api/v2" if twin else URL


def _end(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.terminate()
        deadline = time.monotonic() + _END_SECONDS
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                process.kill()
                return
            time.sleep(0.05)


def terms(settings: Settings) -> DrillSpec:
    objectives, drill = settings.platform.objectives, settings.drill
    return DrillSpec(
        objectives=DrillObjectives(
            recovery=objectives.recovery_time_minutes * 60,
            critical=objectives.critical_recovery_time_minutes * 60,
            history_loss=objectives.recovery_point_minutes * 60,
            vault_loss=objectives.independent_recovery_point_hours * 3600,
        ),
        application_role=settings.database.application_role,
        newest_change=drill.newest_change,
        assertions=tuple(Assertion(one.name, one.sql, _text(one.expected)) for one in drill.assertions),
        write=drill.write,
        application=Application(
            command=drill.application.command,
            health=drill.application.health,
            database_variable=drill.application.database_variable,
            ready_within_seconds=drill.application.ready_within_seconds,
        ),
        files=drill.files.sql,
    )


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def identity(yard: DrillSession, started: datetime) -> DrillIdentity:
    """Return it; what can't be found out is left out, for evidence of a failed drill is needed most."""
    commit = _git("rev-parse", "HEAD")
    return DrillIdentity(
        id=vault_layout.new_id(started),
        stack=yard.space.name,
        environment=yard.space.settings.platform.environment,
        place=yard.space.place,
        commit=commit or None,
        changed=bool(commit and _git("status", "--porcelain")),
        versions=_versions(yard.site.database_url),
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
    found = {
        "bulwark": metadata.version("bulwark"),
        "python": platform.python_version(),
        "pulumi": VERSION,
    }
    try:
        with connected(database_url) as connection:
            major = connection.info.server_version // 10_000
            found["server"] = connection.info.parameter_status("server_version") or str(major)
        clients = find(database_url, major=major)
    except Failure:
        return found
    return found | {"pg_dump": clients.version, "pg_restore": clients.version}


def _run_url() -> str | None:
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None

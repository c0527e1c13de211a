"""Where drills of a stack take place: one at a time, after what an interrupted one has left is removed."""

import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil

from cli import engine, role_keys, stack_file
from cli.drill_place import PROJECT, EnginePlace
from cli.recovery_site import exported, opened
from cli.stack_file import Space
from components.secrets import variable
from components.settings import PROJECT as PLATFORM
from local.home import TwinHome
from local.vendors.neon import Neon
from recovery.drill import application
from recovery.drill.name import age
from recovery.drill.neon_account import URL, NeonAccount
from recovery.site import Site
from toolchain.failure import Failure

_KEY: Final = "neon_api_key"
_END_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Yard:
    """A stack and its throw-away place; held by one drill at a time on this machine."""

    space: Space
    site: Site
    place: EnginePlace

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
        for process in application.leftovers(self.place.scope):
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
def entered(stack: str, *, on_twin: bool) -> Generator[Yard]:
    """
    Open a stack for drilling.

    Raises:
        Failure: another drill is at work on this machine, the stack is not deployed, or the credentials at
            AWS are of another role than the one that only reads.
    """
    space = stack_file.find(stack, on_twin=on_twin)
    home = stack_file.home()
    home.create()
    folder = home.root / "drill" / stack
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(folder):
        site = opened(stack, on_twin=on_twin)
        # Whatever goes wrong in a drill, it then can neither write to a vault nor delete from it.
        role_keys.require(space, "restorer")
        key = _neon_key(space)
        account = NeonAccount(
            key, space.settings.database.organization, site.database_project, url=_neon_url(space.twin)
        )
        place = EnginePlace(space, folder, project=site.database_project, key=key, account=account)
        with _temporary_files_in(place.folder):
            yield Yard(space, site, place)


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


def _neon_key(space: Space) -> str:
    """Return the key that the stack itself is deployed with."""
    if key := os.environ.get(variable(_KEY)):
        return key
    with engine.failing_plainly():
        return engine.select(space, runs_program=False).get_config(f"{PLATFORM}:{_KEY}").value


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

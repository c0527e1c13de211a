"""Throw-away stacks for drills: the platform's own components on the engine, each with a state of its own."""

import shutil
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Final

import pulumi.automation as auto
from rich.console import Console

from core.failure import Failure
from engine import packages, pending_operations, session, twin
from engine.automation import AutomationStack, AutomationWorkspace, StackInitMode
from engine.event_log import EventLog
from engine.stack_target import StackTarget, state_file
from recovery.drill import smoke_tests
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import Removed
from recovery.drill.neon_account import NeonAccount
from recovery.drill.safety import is_a_drills

PROJECT: Final = "bulwark-drill"
"""A project of its own: no command for the platform's stacks ever sees a drill's, nor the other way round."""

_SIGNALLED: Final = 128
"""Exit codes above it are a signal's: someone wants the whole drill to end, and not this step."""

OnOutputs = Callable[[dict[str, str]], None]
DrillProgram = Callable[[OnOutputs], None]
"""Declares a drill's stack, and tells its outputs as soon as all are known."""


class _ThrowAway(AutomationStack):
    """The CLI is not asked for its outputs: the program that made them is of this process."""

    def outputs(self) -> auto.OutputMap:
        return {}


class PulumiEnvironment:
    """Implements `recovery.drill.environment.Place`."""

    def __init__(
        self, space: StackTarget, folder: Path, *, project: str, key: str, account: NeonAccount
    ) -> None:
        """
        Nothing is made yet.

        Args:
            space: The platform's stack; its settings are the drill's too.
            folder: Private; whatever lies there goes with the drill.
            project: Id of the platform's project at Neon, whose history is branched.
            key: Of Neon's API.
            account: The same at Neon, to look for what is left.
        """
        self.folder = folder / "files"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.scope = str(folder)
        self._own = folder
        self.account = account
        self._space = space
        self._project = project
        self.key = key

    @contextmanager
    def branching(self, name: str) -> Generator[Callable[[datetime], RecoveredDatabase]]:
        """Start the engine, which waits with everything declared for the instant."""
        instant: Future[datetime] = Future()
        ready = threading.Event()

        def program(told: OnOutputs) -> None:
            from components.drill_targets import declare_branch  # noqa: PLC0415 - pulumi's SDKs take a second

            declare_branch(
                name,
                self._space.settings.database,
                project=self._project,
                at=instant,
                ready=ready.set,
                key=self.key,
                told=told,
            )

        with self._deploying(name, program, ended=ready.set) as deployed:
            try:
                ready.wait()

                def branched(at: datetime) -> RecoveredDatabase:
                    instant.set_result(at)
                    return deployed()

                yield branched
            finally:
                if not instant.done():
                    instant.set_exception(RuntimeError("The drill was given up."))

    @contextmanager
    def empty(self, name: str) -> Generator[RecoveredDatabase]:
        def program(told: OnOutputs) -> None:
            from components.drill_targets import declare_database  # noqa: PLC0415 - as above

            declare_database(name, self._space.settings.database, key=self.key, told=told)

        with self._deploying(name, program) as deployed:
            copy = deployed()
            if copy.project == self._project:
                raise Failure("The drill was given the platform's own project.", "nothing was changed.")
            yield copy

    def remains(self, name: str) -> tuple[Removed, ...]:
        left = [f"{thing.kind} {thing.id}" for thing in self.account.things() if thing.name == name]
        running = smoke_tests.leftovers(self.scope)
        files = self.files()
        kept = name in self.stacks()
        looks = (
            ("database", left, f"Neon's API lists {', '.join(left) or 'nothing of that name'}"),
            (
                "stack",
                [name] if kept else [],
                f"the backend {'has it still' if kept else 'has no such stack'}",
            ),
            ("platform's process", running, f"{len(running)} processes of the drill run"),
            ("restored files", files, f"{len(files)} files are in the drill's folder"),
        )
        return tuple(
            Removed(name=name, kind=kind, gone=not found, proof=proof) for kind, found, proof in looks
        )

    def files(self) -> list[Path]:
        """Return what lies in the drill's folder: dumps and whatever was restored from them."""
        return [path for path in self.folder.rglob("*") if not path.is_dir()]

    def stacks(self) -> list[str]:
        """Return the drills' stacks that the backend has."""
        if twin := self._space.twin:
            folder = state_file(twin, "any", PROJECT).parent
            return sorted(path.stem for path in folder.glob("*.json") if is_a_drills(path.stem))
        with session.failing_plainly():
            found = self._workspace(None).list_stacks()
        return sorted(one.name for one in found if is_a_drills(one.name))

    def take_down(self, name: str) -> None:
        """
        Destroy a drill's stack and forget it, whatever state an interrupted run has left it in.

        Raises:
            Failure: for another name than a drill's, or where the engine fails.
        """
        if not is_a_drills(name):
            raise Failure(f"{name} is no drill's stack.", "nothing was destroyed.")
        with session.failing_plainly():
            stack = AutomationStack(name, self._workspace(None), StackInitMode.SELECT)
        pending_operations.settle(stack, self._space, Console(stderr=True), project=PROJECT, forget=True)
        _, code = session.run(lambda: stack.destroy(remove=True, on_output=_nothing, suppress_outputs=True))
        if code:
            raise Failure(f"The drill's stack {name} could not be destroyed.", "./bulwark drill --clean.")
        if twin := self._space.twin:
            # The backend of files keeps what a stack was, after the stack.
            for kept in list((twin.state / ".pulumi").rglob(f"{name}*")):
                shutil.rmtree(kept) if kept.is_dir() else kept.unlink(missing_ok=True)
        (self._own / "workspace" / f"Pulumi.{name}.yaml").unlink(missing_ok=True)

    @contextmanager
    def _deploying(
        self, name: str, program: DrillProgram, *, ended: Callable[[], None] = lambda: None
    ) -> Generator[Callable[[], RecoveredDatabase]]:
        """
        Let the engine work while the block runs.

        What this gives waits until the copy can be used, while the engine may still write down what it made.
        `ended` is called at the engine's end.
        """
        if not is_a_drills(name):
            raise Failure(f"{name} is no drill's name.", "nothing was made.")
        outputs: Future[dict[str, str]] = Future()

        def over(going: Future[auto.UpResult]) -> None:
            if not outputs.done():
                outputs.set_exception(going.exception() or RuntimeError("The stack has no outputs."))
            ended()

        # While the CLI makes the stack and the engine starts.
        threading.Thread(target=import_module, args=["components.drill_targets"], daemon=True).start()
        try:
            with session.failing_plainly():
                stack = _ThrowAway(
                    name, self._workspace(lambda: program(outputs.set_result)), StackInitMode.CREATE
                )
            seen = EventLog("Update", quiet=True, as_json=True)

            def deployed() -> RecoveredDatabase:
                told, code = session.run(outputs.result)
                if code > _SIGNALLED:
                    sys.exit(code)
                if code:
                    raise Failure(
                        f"The throw-away stack could not be made: {seen.cause()}",
                        "correct that and drill again; what was made is removed.",
                    )
                urls = (told["owner"], told["application"])
                return RecoveredDatabase(
                    name, told["project"], *(map(twin.reached, urls) if self._space.twin else urls)
                )

            with ThreadPoolExecutor(1, "engine") as aside:
                going = aside.submit(stack.up, on_output=_nothing, on_event=seen.see, suppress_outputs=True)
                going.add_done_callback(over)
                yield deployed
        finally:
            if name in self.stacks():
                self.take_down(name)

    def _workspace(self, program: Callable[[], None] | None) -> AutomationWorkspace:
        folder = self._own / "workspace"
        folder.mkdir(exist_ok=True)
        packages.declare()
        return AutomationWorkspace(
            program=program,
            work_dir=str(folder),
            project_settings=auto.ProjectSettings(name=PROJECT, runtime="python"),
            secrets_provider="passphrase" if self._space.twin else None,
        )


def _nothing(_line: str) -> None:
    """Swallow the engine's text: a drill tells of its phases."""

"""Throw-away stacks for drills: the platform's own components on the engine, each with a state of its own."""

import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from secrets import token_urlsafe
from typing import Final

import pulumi.automation as auto

from components.settings import NeonSettings
from core.console import PrintableConsole
from core.failure import Failure
from engine import packages, pending_operations, session
from engine.automation import AutomationStack, AutomationWorkspace, StackInitMode
from engine.event_log import EventLog
from engine.stack_target import StackTarget
from recovery.drill import smoke_tests
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import TeardownResult
from recovery.drill.neon_account import NeonAccount, NeonKeys
from recovery.drill.safety import is_drill_name
from recovery.manifest import ServerInfo
from recovery.postgres.globals import Globals


def drill_organization(database: NeonSettings) -> str:
    """Return the organization at Neon that drills of a database make their projects in."""
    return (database.drill and database.drill.organization) or database.organization


PROJECT: Final = "bulwark-drill"
"""A project of its own: no command for the platform's stacks ever sees a drill's, nor the other way round."""

_SIGNALLED: Final = 128
"""Exit codes above it are a signal's: someone wants the whole drill to end, and not this step."""

OnDrillOutputs = Callable[[dict[str, str]], None]
DrillProgram = Callable[[OnDrillOutputs], None]
"""Declares a drill's stack, and calls its argument with the outputs as soon as all are known."""


class _ThrowAway(AutomationStack):
    """Does not ask the CLI for outputs: the program that made them runs in this process."""

    def outputs(self) -> auto.OutputMap:
        return {}


class PulumiEnvironment:
    """Implements `recovery.drill.environment.DrillEnvironment` with stacks of the engine."""

    def __init__(
        self,
        target: StackTarget,
        folder: Path,
        *,
        database: NeonSettings,
        project: str,
        keys: NeonKeys,
        account: NeonAccount,
        has_own_backend: bool,
    ) -> None:
        """
        Make the folder of the drill's files, and nothing else.

        Args:
            target: The platform's stack.
            database: The settings of the database, which are the drill's too.
            folder: Private; everything in it is removed with the drill.
            project: Id of the platform's project at Neon, whose history is branched.
            keys: Keys of Neon's API.
            account: Client of Neon's API, to look for what is left.
            has_own_backend: Whether the drills' stacks have a backend in the folder, so that they need not be
                let into the platform's. What a drill that was killed on another machine has made is found by
                its name at Neon.
        """
        self.keys = keys
        self._backend = folder / "backend" if has_own_backend else None
        self._environment = session.set_environment(target)
        if self._backend:
            self._backend.mkdir(mode=0o700, exist_ok=True)
            self._environment |= {
                "PULUMI_BACKEND_URL": f"{self._backend.as_uri()}?metadata=skip",
                "PULUMI_CONFIG_PASSPHRASE": _passphrase(folder / "passphrase"),
            }
        self.folder = folder / "files"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.scope = str(folder)
        self._folder = folder
        self.account = account
        self._target = target
        self._project = project
        self._database = database

    @contextmanager
    def prepare_branch(self, name: str) -> Generator[Callable[[datetime], RecoveredDatabase]]:
        """Start the engine, which declares everything and waits for the instant."""
        instant: Future[datetime] = Future()
        ready = threading.Event()

        def program(on_outputs: OnDrillOutputs) -> None:
            from components.drill_targets import declare_branch  # noqa: PLC0415 - pulumi's SDKs take a second

            declare_branch(
                name,
                self._database,
                project=self._project,
                at=instant,
                ready=ready.set,
                key=self.keys.branches,
                on_outputs=on_outputs,
            )

        with self._deploy(name, program, on_end=ready.set) as wait_for_database:
            try:
                ready.wait()

                def branch(at: datetime) -> RecoveredDatabase:
                    instant.set_result(at)
                    return replace(
                        wait_for_database(),
                        restore_in_place=lambda: self.account.restore_branch(name, at),
                    )

                yield branch
            finally:
                if not instant.done():
                    instant.set_exception(RuntimeError("The drill was given up."))

    @contextmanager
    def create_database(
        self,
        name: str,
        server: ServerInfo,  # noqa: ARG002 - the settings declare the database
        source_globals: Globals,  # noqa: ARG002
    ) -> Generator[RecoveredDatabase]:
        def program(on_outputs: OnDrillOutputs) -> None:
            from components.drill_targets import declare_database  # noqa: PLC0415 - as above

            declare_database(
                name,
                self._database,
                organization=drill_organization(self._database),
                key=self.keys.projects,
                on_outputs=on_outputs,
            )

        with self._deploy(name, program) as wait_for_database:
            database = wait_for_database()
            if database.project == self._project:
                raise Failure("The drill was given the platform's own project.", "nothing was changed.")
            yield database

    def check_removed(self, name: str) -> tuple[TeardownResult, ...]:
        left = [f"{found.kind} {found.id}" for found in self.account.list_objects() if found.name == name]
        running = smoke_tests.find_leftover_processes(self.scope)
        files = self.list_files()
        kept = name in self.list_stacks()
        checks = (
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
            TeardownResult(name=name, kind=kind, gone=not found, proof=proof) for kind, found, proof in checks
        )

    def list_files(self) -> list[Path]:
        """Return the files in the drill's folder: dumps, and what was restored from them."""
        return [path for path in self.folder.rglob("*") if not path.is_dir()]

    def list_stacks(self) -> list[str]:
        """Return the drills' stacks that the backend has."""
        names = (
            [path.stem for path in self._backend.glob(f".pulumi/stacks/{PROJECT}/*.json")]
            if self._backend
            else self._target.list_stacks(PROJECT)
        )
        if names is None:
            with session.explain_errors():
                names = [summary.name for summary in self._workspace(None).list_stacks()]
        return sorted(filter(is_drill_name, names))

    def take_down(self, name: str) -> None:
        """
        Destroy a drill's stack and forget it, in whatever state an interrupted run has left it.

        Raises:
            Failure: the name is not a drill's, or the engine fails.
        """
        if not is_drill_name(name):
            raise Failure(f"{name} is no drill's stack.", "nothing was destroyed.")
        with session.explain_errors():
            stack = AutomationStack(name, self._workspace(None), StackInitMode.SELECT)
        pending_operations.settle(
            stack, self._target, PrintableConsole(stderr=True), project=PROJECT, forget=True
        )
        _, code = session.run(lambda: stack.destroy(remove=True, on_output=_ignore, suppress_outputs=True))
        if code:
            raise Failure(f"The drill's stack {name} could not be destroyed.", "./bulwark drill --clean.")
        # The backend of files keeps a stack's history after the stack.
        self._target.remove_traces(f"{name}*")
        (self._folder / "workspace" / f"Pulumi.{name}.yaml").unlink(missing_ok=True)

    @contextmanager
    def _deploy(
        self, name: str, program: DrillProgram, *, on_end: Callable[[], None] = lambda: None
    ) -> Generator[Callable[[], RecoveredDatabase]]:
        """
        Deploy a drill's stack while the block runs, and take it down after it.

        Yields a function that waits until the database can be used; the engine may still write its state
        then. `on_end` is called at the engine's end.
        """
        if not is_drill_name(name):
            raise Failure(f"{name} is no drill's name.", "nothing was made.")
        outputs: Future[dict[str, str]] = Future()

        def end(update: Future[auto.UpResult]) -> None:
            if not outputs.done():
                outputs.set_exception(update.exception() or RuntimeError("The stack has no outputs."))
            on_end()

        # While the CLI makes the stack and the engine starts.
        threading.Thread(target=import_module, args=["components.drill_targets"], daemon=True).start()
        try:
            with session.explain_errors():
                stack = _ThrowAway(
                    name, self._workspace(lambda: program(outputs.set_result)), StackInitMode.CREATE
                )
            log = EventLog("Update", quiet=True, as_json=True)

            def wait_for_database() -> RecoveredDatabase:
                result, code = session.run(outputs.result)
                if code > _SIGNALLED:
                    sys.exit(code)
                if code:
                    raise Failure(
                        f"The throw-away stack could not be made: {log.cause()}",
                        "correct that and drill again; what was made is removed.",
                    )
                owner, application = map(
                    self._target.reach_database, (result["owner"], result["application"])
                )
                return RecoveredDatabase(name, result["project"], owner, application)

            with ThreadPoolExecutor(1, "engine") as pool:
                update = pool.submit(
                    stack.up, on_output=_ignore, on_event=log.on_event, suppress_outputs=True
                )
                update.add_done_callback(end)
                yield wait_for_database
        finally:
            if name in self.list_stacks():
                self.take_down(name)

    def _workspace(self, program: Callable[[], None] | None) -> AutomationWorkspace:
        folder = self._folder / "workspace"
        folder.mkdir(exist_ok=True)
        packages.declare()
        return AutomationWorkspace(
            program=program,
            work_dir=str(folder),
            env_vars=self._environment,
            # Resources that are programmed in Python run by the interpreter of this virtualenv.
            project_settings=auto.ProjectSettings(
                name=PROJECT, runtime=auto.ProjectRuntimeInfo("python", {"virtualenv": sys.prefix})
            ),
            secrets_provider="passphrase" if self._backend else self._target.secrets_provider,
        )


def _passphrase(file: Path) -> str:
    """Return the passphrase of the drills' own backend, which a file beside it keeps for the next drill."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(token_urlsafe())
    return file.read_text()


def _ignore(_line: str) -> None:
    """Drop a line of the engine's text: a drill shows its phases instead."""

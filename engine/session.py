"""The engine, driven through the Automation API with the program inline."""

import os
import re
import runpy
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil
import pulumi.automation as auto

from core.failure import Failure
from engine import orphaned_plugins, packages, policy_gate
from engine.automation import AutomationStack, AutomationWorkspace, StackInitMode
from engine.plan_file import without_values
from engine.program import PLATFORM, Program
from engine.stack_target import StackTarget

if TYPE_CHECKING:
    from components.arming import ArmingGate

SIGNAL_CODE: Final = 128
"""An exit code above it is that of a signal which ended the engine or this process, as in a shell."""

_IMPORTING: Final = threading.Lock()
"""
Held by whoever may load a module of a vendor's SDK.

Those load lazily, and two threads that make one load at once fail (python/cpython#114763).
"""

_RESULT: Final = re.compile(r"\s*code: (-?\d+)\n stdout: .*\n stderr: (.*)", re.DOTALL)


def select(
    target: StackTarget,
    program: Program = PLATFORM,
    *,
    runs_program: bool = True,
    ignores_existing: bool = False,
    gate: "ArmingGate | None" = None,
) -> auto.Stack:
    """
    Create or select the stack.

    `runs_program` says whether it will be run: without it, the program's packages are of no use, and the
    engine would hold the bridge's version against a provider's and warn of an older one. With
    `ignores_existing` the program declares as new what its settings take over or read. A `gate` decides which
    monitors it arms; without one, all.
    """
    run = program_of(program, ignores_existing=ignores_existing, gate=gate)
    environment = set_environment(target, runs_program=runs_program)
    if runs_program:
        # The program's imports take a second; the engine takes longer until it asks for the program.
        threading.Thread(target=_import, args=[program.module], daemon=True).start()
        packages.declare(run, program.packages)
    with explain_errors():
        workspace = AutomationWorkspace(
            program=run,
            work_dir=str(target.workspace(program)),
            env_vars=environment,
            secrets_provider=target.secrets_provider,
        )
        workspace.is_known = target.name in (target.list_stacks(program.project) or ())
        return AutomationStack(target.name, workspace, StackInitMode.CREATE_OR_SELECT)


def find_stack(target: StackTarget, program: Program = PLATFORM) -> auto.Stack | None:
    """
    Return a stack, for what only reads it; None if there is none. `set_environment` was called before.

    Raises:
        Failure: the backend can't be read.
    """
    with explain_errors():
        workspace = AutomationWorkspace(
            work_dir=str(target.workspace(program)),
            env_vars={"PULUMI_SKIP_UPDATE_CHECK": "true", **target.engine_environment()},
        )
        workspace.is_known = target.name in (target.list_stacks(program.project) or ())
        try:
            return AutomationStack(target.name, workspace, StackInitMode.SELECT)
        except auto.StackNotFoundError:
            return None


def read_state(target: StackTarget, program: Program = PLATFORM) -> bytes | None:
    """
    Return a stack's state as the engine exports it, its secrets encrypted; None if there is no stack.

    Raises:
        Failure: the backend can't be read.
    """
    stack = find_stack(target, program)
    if not stack:
        return None
    workspace = stack.workspace
    # The Automation API's export_stack would ask for the secrets in clear.
    with explain_errors():
        return workspace.pulumi_command.run(
            ["stack", "export", "--stack", target.name], workspace.work_dir, dict(workspace.env_vars)
        ).stdout.encode()


def set_environment(target: StackTarget, *, runs_program: bool = True) -> dict[str, str]:
    """Put what the engine's commands need into this process's environment, and return it."""
    plugins = target.plugin_environment() if runs_program else {}
    environment = {"PULUMI_SKIP_UPDATE_CHECK": "true", **plugins, **target.engine_environment()}
    orphaned_plugins.end_with_this_process()
    # The program runs in this process, and the Automation API looks for the CLI on this process's PATH.
    os.environ.update(environment)
    return environment


def outputs(target: StackTarget) -> dict[str, Any]:
    """Return the outputs of a deployed stack, secret ones in clear."""
    stack = select(target, runs_program=False)
    with explain_errors():
        return {name: output.value for name, output in stack.outputs().items()}


def program_of(
    program: Program, *, ignores_existing: bool = False, gate: "ArmingGate | None" = None
) -> Callable[[], None]:
    """Return a function that runs a program, as `pulumi` does."""

    def run_program() -> None:
        policy_gate.in_force.set(True)
        if ignores_existing:
            from components.existing import IGNORED  # noqa: PLC0415 - the program imports pulumi's SDK as well

            IGNORED.set(True)
        if gate:
            from components.arming import GATE  # noqa: PLC0415 - as above

            GATE.set(gate)
        with _IMPORTING:
            runpy.run_path(str(program.folder / "__main__.py"), run_name="__main__")

    return run_program


def _import(module: str) -> None:
    with _IMPORTING:
        import_module(module)


def _write_error(message: str) -> None:
    sys.stderr.write(f"{message}\n")


def run(
    operation: Callable[[], Any],
    *,
    on_failure: Callable[[str], object] = _write_error,
    forwarded: list[int] | None = None,
) -> tuple[Any, int]:
    """
    Run one engine operation and return its result and the engine's exit code.

    The code is above SIGNAL_CODE where a signal ended it. `on_failure` gets what the engine then wrote to its
    standard error, if it did. Operations that run at once, in threads, share the signals that the main thread
    has `forwarded`.
    """
    with forward_signals() if forwarded is None else nullcontext(forwarded) as signals:
        try:
            return operation(), 0
        except auto.CommandError as error:
            code, message = _parse_error(error)
            if message:
                on_failure(message)
            if signals:
                return None, SIGNAL_CODE + signals[0]
            if code >= 0:
                return None, code
            return None, SIGNAL_CODE - code


@contextmanager
def explain_errors() -> Generator[None]:
    """Raise Failure with the engine's own message where one of its commands fails."""
    try:
        yield
    except auto.CommandError as error:
        _, message = _parse_error(error)
        raise Failure(
            f"The engine failed: {message.removeprefix('error: ')}", "correct that and run this again."
        ) from error


def _parse_error(error: auto.CommandError) -> tuple[int, str]:
    """Return the exit code (negative: a signal's number) and what the engine wrote to standard error."""
    match = _RESULT.fullmatch(str(error))
    code, message = (int(match[1]), match[2].strip()) if match else (1, str(error))
    return code, without_values(message)[0]


@contextmanager
def forward_signals() -> Generator[list[int]]:
    """
    Pass SIGINT and SIGTERM on to the engine, so that it ends in order; yield the numbers of those that came.

    A terminal's Ctrl-C is not passed on: it reaches the engine by itself, and a second one would make it drop
    everything.
    """
    signals: list[int] = []

    def forward(number: int, _frame: object) -> None:
        signals.append(number)
        if number == signal.SIGINT and _in_foreground():
            return
        for child in psutil.Process().children():
            if child.name() == "pulumi":
                child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Tell whether a terminal's Ctrl-C goes to this process's group."""
    try:
        with Path("/dev/tty").open() as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False

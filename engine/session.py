"""The engine, driven through the Automation API with the program inline."""

import os
import re
import runpy
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import psutil
import pulumi.automation as auto
import yaml

from components import policy_gate
from core.failure import Failure
from engine import orphaned_plugins, packages, twin
from engine.automation import AutomationStack, AutomationWorkspace, StackInitMode
from engine.plan_file import without_values
from engine.stack_target import CHECKOUT, StackTarget, content, state_file
from toolchain.engine import search_path

_RESULT: Final = re.compile(r"\s*code: (-?\d+)\n stdout: .*\n stderr: (.*)", re.DOTALL)


def select(space: StackTarget, *, runs_program: bool = True) -> auto.Stack:
    """
    Create or select the stack.

    `runs_program` says whether it will be run: without it, the program's packages are of no use, and the
    engine would hold the bridge's version against a provider's and warn of an older one.
    """
    environment = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PATH": search_path(policy_host=space.twin is None)}
    if space.twin:
        environment |= twin.engine_environment(space.twin, space.settings, real=space.providers == "real")
    if runs_program:
        # The program's imports take a second; the engine takes longer until it asks for the program.
        threading.Thread(target=import_module, args=["components.platform"], daemon=True).start()
        packages.declare()
    orphaned_plugins.end_with_this_process()
    # The program runs in this process, and the Automation API looks for the CLI on this process's PATH.
    os.environ.update(environment)
    with failing_plainly():
        workspace = AutomationWorkspace(
            program=program,
            work_dir=str(_folder(space)),
            env_vars=environment,
            secrets_provider="passphrase" if space.twin else None,
        )
        workspace.is_known = space.twin is not None and state_file(space.twin, space.name).exists()
        return AutomationStack(space.name, workspace, StackInitMode.CREATE_OR_SELECT)


def outputs(space: StackTarget) -> dict[str, Any]:
    """Return the outputs of a deployed stack, secret ones in clear."""
    stack = select(space, runs_program=False)
    with failing_plainly():
        return {name: output.value for name, output in stack.outputs().items()}


def _folder(space: StackTarget) -> Path:
    """
    Return the folder with the project's and the stack's file.

    On the twin it is a copy: the engine writes the salt of the twin's passphrase into the stack's file,
    which must not change the checkout.
    """
    if not space.twin:
        return CHECKOUT
    folder = space.twin.root / "workspace"
    folder.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(CHECKOUT / "Pulumi.yaml", folder / "Pulumi.yaml")
    copy = folder / f"Pulumi.{space.name}.yaml"
    wanted = content(space.name)
    if copy.exists():
        before = yaml.safe_load(copy.read_text()) or {}
        wanted |= {key: before[key] for key in ("encryptionsalt", "secretsprovider") if key in before}
    partial = copy.with_suffix(".partial")
    partial.write_text(yaml.safe_dump(wanted))
    partial.replace(copy)
    return folder


def program() -> None:
    """Run the checkout's own program, as `pulumi` does."""
    policy_gate.in_force.set(True)
    runpy.run_path(str(CHECKOUT / "__main__.py"), run_name="__main__")


def run(operation: Callable[[], Any]) -> tuple[Any, int]:
    """Run one engine operation and return (result, exit code of the engine)."""
    with _interruptible() as asked:
        try:
            return operation(), 0
        except auto.CommandError as error:
            code, said = _result(error)
            sys.stderr.write(f"{said}\n" if said else "")
            if asked:
                return None, 128 + asked[0]
            if code >= 0:
                return None, code
            sys.stderr.write(
                f"bulwark: The engine was ended by signal {-code}.\n"
                "  Next: run the same command again; it goes on from there.\n"
            )
            return None, 128 - code


@contextmanager
def failing_plainly() -> Generator[None]:
    """Show what the engine says instead of a traceback, where it is asked for something small."""
    try:
        yield
    except auto.CommandError as error:
        _, said = _result(error)
        raise Failure(
            f"The engine failed: {said.removeprefix('error: ')}", "correct that and run this again."
        ) from error


def _result(error: auto.CommandError) -> tuple[int, str]:
    """Return the exit code (negative: a signal's number) and what was written to standard error."""
    found = _RESULT.fullmatch(str(error))
    code, said = (int(found[1]), found[2].strip()) if found else (1, str(error))
    return code, without_values(said)[0]


@contextmanager
def _interruptible() -> Generator[list[int]]:
    """
    Let the engine end in order when this process is asked to: the request is passed on, and its number kept.

    But not Ctrl-C, which reaches the engine by itself; a second one would make it drop everything.
    """
    asked: list[int] = []

    def forward(number: int, _frame: object) -> None:
        asked.append(number)
        if number == signal.SIGINT and _in_foreground():
            return
        for child in psutil.Process().children():
            if child.name() == "pulumi":
                child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Say whether a terminal's Ctrl-C goes to this process's group."""
    try:
        with Path("/dev/tty").open() as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False

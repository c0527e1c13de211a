"""The engine, driven through the Automation API with the program inline."""

import os
import re
import runpy
import shutil
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import pulumi.automation as auto
import yaml

from cli import twin
from cli.stack_file import CHECKOUT, Space, content
from components import policy_gate
from components.settings import PROJECT
from toolchain.engine import search_path

_CODE: Final = re.compile(r"^\s*code: (\d+)", re.MULTILINE)


def select(space: Space) -> auto.Stack:
    """Create or select the stack."""
    environment = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PATH": search_path()}
    if space.twin:
        environment |= twin.engine_environment(space.twin, space.settings)
    # The program runs in this process, and the Automation API looks for the CLI on this process's PATH.
    os.environ.update(environment)
    options = auto.LocalWorkspaceOptions(
        work_dir=str(_folder(space)),
        env_vars=environment,
        secrets_provider="passphrase" if space.twin else None,
    )
    return auto.create_or_select_stack(space.name, project_name=PROJECT, program=_program, opts=options)


def _folder(space: Space) -> Path:
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


def _program() -> None:
    policy_gate.in_force.set(True)
    runpy.run_path(str(CHECKOUT / "__main__.py"), run_name="__main__")


def run(operation: Callable[[], Any]) -> tuple[Any, int]:
    """
    Run one engine operation and return (result, exit code of the engine).

    Only one per process: the generated SDKs keep the package reference of the first engine that they met.
    """
    with _interruptible():
        try:
            return operation(), 0
        except auto.CommandError as error:
            found = _CODE.search(str(error))
            return None, int(found.group(1)) if found else 1


@contextmanager
def _interruptible() -> Generator[None]:
    """
    Let the engine end in order when this process is asked to.

    Ctrl-C in a terminal reaches the engine by itself and must not end us before it; SIGTERM is passed on.
    """

    def forward(_signal: int, _frame: object) -> None:
        for child in psutil.Process().children():
            if child.name() == "pulumi":
                child.send_signal(signal.SIGINT)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda _signal, _frame: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, forward),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""A stack and the engine that works on it, driven through the Automation API with the program inline."""

import os
import re
import runpy
import shutil
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
import pulumi.automation as auto
import yaml

from cli import twin as twins
from components import policy_gate
from components.settings import PROJECT, Settings, SettingsError, load
from local.home import TwinHome
from toolchain.engine import search_path
from toolchain.failure import Failure

_CODE: Final = re.compile(r"^\s*code: (\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Workspace:
    """One stack of this project; `twin` is where it lives if it doesn't live at the vendors."""

    name: str
    settings: Settings
    twin: TwinHome | None

    def stack(self) -> auto.Stack:
        """Create or select the stack."""
        environment = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PATH": search_path()}
        if self.twin:
            environment |= twins.engine_environment(self.twin, self.settings)
            os.environ.update(environment)  # the program runs in this process
        options = auto.LocalWorkspaceOptions(
            work_dir=str(self._folder()),
            env_vars=environment,
            secrets_provider="passphrase" if self.twin else None,
        )
        return auto.create_or_select_stack(self.name, project_name=PROJECT, program=_program, opts=options)

    def _folder(self) -> Path:
        """
        Return the folder with the project's and the stack's file.

        On the twin it is a copy: the engine writes the salt of the twin's passphrase into the stack's file,
        which must not change the checkout.
        """
        if not self.twin:
            return twins.CHECKOUT
        folder = self.twin.root / "workspace"
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(twins.CHECKOUT / "Pulumi.yaml", folder / "Pulumi.yaml")
        copy = folder / f"Pulumi.{self.name}.yaml"
        content = _stack_file(self.name)
        if copy.exists():
            before = yaml.safe_load(copy.read_text()) or {}
            content |= {key: before[key] for key in ("encryptionsalt", "secretsprovider") if key in before}
        partial = copy.with_suffix(".partial")
        partial.write_text(yaml.safe_dump(content))
        partial.replace(copy)
        return folder


def find(stack: str, *, on_twin: bool) -> Workspace:
    """
    Read a stack's settings and say where it lives.

    Raises:
        Failure: for a stack without a file, or whose settings are wrong; all problems are in it.
    """
    blocks = {
        key.removeprefix(f"{PROJECT}:"): value
        for key, value in _stack_file(stack).get("config", {}).items()
        if key.startswith(f"{PROJECT}:") and not (isinstance(value, dict) and "secure" in value)
    }
    try:
        settings = load(blocks)
    except SettingsError as error:
        raise Failure(
            f"Pulumi.{stack}.yaml: {error}", "correct the file; settings.schema.json knows every key."
        ) from None
    return Workspace(
        stack, settings, twins.home() if on_twin or settings.platform.environment == "local" else None
    )


def _stack_file(stack: str) -> dict[str, Any]:
    path = twins.CHECKOUT / f"Pulumi.{stack}.yaml"
    try:
        content = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        known = sorted(file.name.split(".")[1] for file in twins.CHECKOUT.glob("Pulumi.*.yaml"))
        raise Failure(
            f"There is no {path.name}.", f"choose one of these stacks: {', '.join(known)}."
        ) from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise Failure(
            f"{path.name}{line} is no YAML: {getattr(error, 'problem', error)}.", "correct the file."
        ) from None
    if not isinstance(content, dict):
        raise Failure(f"{path.name} has no settings.", "start from Pulumi.prod.yaml.")
    return content


def _program() -> None:
    policy_gate.in_force.set(True)
    runpy.run_path(str(twins.CHECKOUT / "__main__.py"), run_name="__main__")


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

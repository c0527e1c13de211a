"""A stack rebuilt from its backed-up state, on a backend that a drill throws away."""

import json
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pulumi.automation as auto

from core.failure import Failure
from engine import packages, session
from engine.automation import AutomationStack, AutomationWorkspace, StackInitMode
from engine.event_log import EventLog
from engine.first_answers import ArmedAsBefore
from engine.program import ADMINISTRATOR, PLATFORM, Program
from engine.stack_file import CHECKOUT
from engine.stack_target import StackTarget
from recovery.state import ADMINISTRATOR_FILE


@dataclass(frozen=True)
class FileBackend:
    """Implements `recovery.drill.state.StackRebuilder` with a backend of files."""

    target: StackTarget

    @contextmanager
    def rebuild(self, folder: Path, state: Path) -> Generator["RebuiltStack"]:
        backend = folder / "backend"
        backend.mkdir(mode=0o700)
        stacks: list[auto.Stack] = []
        with session.explain_errors():
            for program, file in ((ADMINISTRATOR, folder / ADMINISTRATOR_FILE), (PLATFORM, state)):
                if file.exists():
                    stacks.append(self._import(program, folder, backend, file))
        yield RebuiltStack(stacks[-1], tuple(stacks))

    def _import(self, program: Program, folder: Path, backend: Path, state: Path) -> auto.Stack:
        """Import a state into the backend; the project's file of the administrator's leads to the stack's."""
        project = folder / program.folder.relative_to(CHECKOUT)
        if not project.exists():
            project.mkdir(mode=0o700)
            shutil.copyfile(program.folder / "Pulumi.yaml", project / "Pulumi.yaml")
        resources = json.loads(state.read_bytes())["deployment"].get("resources") or ()
        run = session.program_of(program, gate=ArmedAsBefore(resources))
        packages.declare(run, program.packages)
        workspace = AutomationWorkspace(
            program=run,
            work_dir=str(project),
            env_vars={"PULUMI_BACKEND_URL": f"{backend.as_uri()}?metadata=skip"},
            secrets_provider=self.target.secrets_provider,
        )
        stack = AutomationStack(self.target.name, workspace, StackInitMode.CREATE)
        _run_cli(stack, "stack", "import", "--file", str(state))
        return stack


@dataclass(frozen=True)
class RebuiltStack:
    """Implements `recovery.drill.state.RestoredStack`."""

    platform: auto.Stack

    stacks: tuple[auto.Stack, ...]
    """Those of both programs, in the order in which they are deployed; one if the backup has one."""

    def preview_changes(self) -> list[str]:
        return [change for stack in self.stacks for change in _preview_changes(stack)]

    def forget_resource(self) -> str:
        with session.explain_errors():
            export = _run_cli(self.platform, "stack", "export")
            resources = json.loads(export)["deployment"]["resources"]
        needed = {
            urn
            for resource in resources
            for urn in (resource.get("parent"), *(resource.get("dependencies") or ()), _provider(resource))
            if urn
        }
        leaf = next(
            str(resource["urn"])
            for resource in reversed(resources)
            if resource.get("custom") and resource["urn"] not in needed
        )
        with session.explain_errors():
            _run_cli(self.platform, "state", "delete", leaf, "--yes", "--force")
        return leaf.rsplit("::", 1)[-1]


def _preview_changes(stack: auto.Stack) -> list[str]:
    log = EventLog("Preview", quiet=True, as_json=True)
    _, code = session.run(lambda: stack.preview(on_output=lambda _: None, on_event=log.on_event))
    if code:
        raise Failure(
            f"The rebuilt stack could not be previewed: {log.cause()}", "correct that and drill again."
        )
    return [f"{step['op']} {step['urn'].rsplit('::', 1)[-1]}" for step in log.steps]


def _run_cli(stack: auto.Stack, *arguments: str) -> str:
    """
    Run a command of the CLI on a stack and return its output.

    The Automation API's export and import have the state's secrets in clear.
    """
    workspace = stack.workspace
    command = [*arguments, "--stack", stack.name]
    return workspace.pulumi_command.run(command, workspace.work_dir, dict(workspace.env_vars)).stdout


def _provider(resource: dict[str, object]) -> str:
    """Return the URN of a resource's provider; its reference ends with the provider's id."""
    return str(resource.get("provider") or "").rsplit("::", 1)[0]

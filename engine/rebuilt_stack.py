"""A stack rebuilt from its backed-up state, on a backend that a drill throws away."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pulumi.automation as auto

from core.failure import Failure
from engine import packages, session
from engine.automation import AutomationStack, AutomationWorkspace, StackInitMode
from engine.event_log import EventLog
from engine.stack_target import StackTarget


@dataclass(frozen=True)
class FileBackend:
    """Implements `recovery.drill.state.Engine` with a backend of files."""

    space: StackTarget

    @contextmanager
    def rebuilt(self, folder: Path, state: Path) -> Generator["RebuiltStack"]:
        backend = folder / "backend"
        backend.mkdir(mode=0o700)
        packages.declare()
        workspace = AutomationWorkspace(
            program=session.program,
            work_dir=str(folder),
            env_vars={"PULUMI_BACKEND_URL": f"{backend.as_uri()}?metadata=skip"},
            secrets_provider="passphrase" if self.space.twin else None,
        )
        with session.failing_plainly():
            stack = AutomationStack(self.space.name, workspace, StackInitMode.CREATE)
            rebuilt = RebuiltStack(stack)
            rebuilt.asked("import", "--file", str(state))
        yield rebuilt


@dataclass(frozen=True)
class RebuiltStack:
    """Implements `recovery.drill.state.Rebuilt`."""

    stack: auto.Stack

    def changes(self) -> list[str]:
        seen = EventLog("Preview", quiet=True, as_json=True)
        _, code = session.run(lambda: self.stack.preview(on_output=lambda _: None, on_event=seen.see))
        if code:
            raise Failure(
                f"The rebuilt stack could not be previewed: {seen.cause()}", "correct that and drill again."
            )
        return [f"{step['op']} {step['urn'].rsplit('::', 1)[-1]}" for step in seen.steps]

    def forget_one(self) -> str:
        with session.failing_plainly():
            resources = json.loads(self.asked("export"))["deployment"]["resources"]
        needed = {
            urn
            for one in resources
            for urn in (one.get("parent"), *(one.get("dependencies") or ()), _provider(one))
            if urn
        }
        leaf = next(
            str(one["urn"]) for one in reversed(resources) if one.get("custom") and one["urn"] not in needed
        )
        with session.failing_plainly():
            self._cli("state", "delete", leaf, "--yes", "--force")
        return leaf.rsplit("::", 1)[-1]

    def asked(self, what: str, *arguments: str) -> str:
        """
        Ask the CLI about the stack and return what it says.

        Not the Automation API, whose export and import have the state's secrets in clear.
        """
        return self._cli("stack", what, *arguments)

    def _cli(self, *arguments: str) -> str:
        workspace = self.stack.workspace
        command = [*arguments, "--stack", self.stack.name]
        return workspace.pulumi_command.run(command, workspace.work_dir, dict(workspace.env_vars)).stdout


def _provider(resource: dict[str, object]) -> str:
    """Return the URN of a resource's provider; its reference ends with the provider's id."""
    return str(resource.get("provider") or "").rsplit("::", 1)[0]

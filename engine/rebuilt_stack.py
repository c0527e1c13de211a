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
    """Implements `recovery.drill.state.StackRebuilder` with a backend of files."""

    target: StackTarget

    @contextmanager
    def rebuild(self, folder: Path, state: Path) -> Generator["RebuiltStack"]:
        backend = folder / "backend"
        backend.mkdir(mode=0o700)
        packages.declare()
        workspace = AutomationWorkspace(
            program=session.program,
            work_dir=str(folder),
            env_vars={"PULUMI_BACKEND_URL": f"{backend.as_uri()}?metadata=skip"},
            secrets_provider=self.target.secrets_provider,
        )
        with session.explain_errors():
            stack = AutomationStack(self.target.name, workspace, StackInitMode.CREATE)
            rebuilt = RebuiltStack(stack)
            rebuilt.run_command("import", "--file", str(state))
        yield rebuilt


@dataclass(frozen=True)
class RebuiltStack:
    """Implements `recovery.drill.state.RestoredStack`."""

    stack: auto.Stack

    def preview_changes(self) -> list[str]:
        log = EventLog("Preview", quiet=True, as_json=True)
        _, code = session.run(lambda: self.stack.preview(on_output=lambda _: None, on_event=log.on_event))
        if code:
            raise Failure(
                f"The rebuilt stack could not be previewed: {log.cause()}", "correct that and drill again."
            )
        return [f"{step['op']} {step['urn'].rsplit('::', 1)[-1]}" for step in log.steps]

    def forget_resource(self) -> str:
        with session.explain_errors():
            resources = json.loads(self.run_command("export"))["deployment"]["resources"]
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
            self._cli("state", "delete", leaf, "--yes", "--force")
        return leaf.rsplit("::", 1)[-1]

    def run_command(self, command: str, *arguments: str) -> str:
        """
        Run `pulumi stack <command>` and return its output.

        The Automation API's export and import have the state's secrets in clear.
        """
        return self._cli("stack", command, *arguments)

    def _cli(self, *arguments: str) -> str:
        workspace = self.stack.workspace
        command = [*arguments, "--stack", self.stack.name]
        return workspace.pulumi_command.run(command, workspace.work_dir, dict(workspace.env_vars)).stdout


def _provider(resource: dict[str, object]) -> str:
    """Return the URN of a resource's provider; its reference ends with the provider's id."""
    return str(resource.get("provider") or "").rsplit("::", 1)[0]

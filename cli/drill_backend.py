"""A stack rebuilt from its backed-up state, on a backend that a drill throws away."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pulumi.automation as auto

from cli import engine
from cli.stack_file import Space
from cli.watched import Watched
from toolchain.failure import Failure


@dataclass(frozen=True)
class FileBackend:
    """Implements `recovery.drill.state.Engine` with a backend of files."""

    space: Space

    @contextmanager
    def rebuilt(self, folder: Path, state: Path) -> Generator["RebuiltStack"]:
        backend = folder / "backend"
        backend.mkdir(mode=0o700)
        workspace = auto.LocalWorkspace(
            program=engine.program,
            work_dir=str(folder),
            env_vars={"PULUMI_BACKEND_URL": f"{backend.as_uri()}?metadata=skip"},
            secrets_provider="passphrase" if self.space.twin else None,
        )
        with engine.failing_plainly():
            stack = auto.Stack.create_or_select(self.space.name, workspace)
            # As a person types it: the Automation API's import wants the state's secrets decrypted first.
            workspace.pulumi_command.run(
                ["stack", "import", "--stack", self.space.name, "--file", str(state)],
                workspace.work_dir,
                dict(workspace.env_vars),
            )
        yield RebuiltStack(stack)


@dataclass(frozen=True)
class RebuiltStack:
    """Implements `recovery.drill.state.Rebuilt`."""

    stack: auto.Stack

    def changes(self) -> list[str]:
        seen = Watched("Preview", quiet=True, as_json=True)
        lines: list[str] = []
        _, code = engine.run(lambda: self.stack.preview(on_output=lines.append, on_event=seen.see))
        if code:
            raise Failure(
                "The rebuilt stack could not be previewed.",
                "look at what the engine said.",
                "\n".join(line for line in lines if "error" in line),
            )
        return [f"{step['op']} {step['urn'].rsplit('::', 1)[-1]}" for step in seen.steps]

    def forget_one(self) -> str:
        with engine.failing_plainly():
            exported = self.stack.export_stack()
        deployment = dict(exported.deployment or {})
        resources = deployment["resources"]
        needed = {
            urn
            for one in resources
            for urn in (one.get("parent"), *(one.get("dependencies") or ()), _provider(one))
            if urn
        }
        leaf = next(one for one in reversed(resources) if one.get("custom") and one["urn"] not in needed)
        deployment["resources"] = [one for one in resources if one is not leaf]
        with engine.failing_plainly():
            self.stack.import_stack(auto.Deployment(version=exported.version, deployment=deployment))
        return str(leaf["urn"]).rsplit("::", 1)[-1]


def _provider(resource: dict[str, object]) -> str:
    """Return the URN of a resource's provider; its reference ends with the provider's id."""
    return str(resource.get("provider") or "").rsplit("::", 1)[0]

"""A stack's two programs, ready for the engine."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi.automation as auto

from cli import drill_facts
from core.arming import UNARMED_VARIABLE
from core.console import PrintableConsole
from engine import pending_operations, session
from engine.first_answers import FirstAnswers
from engine.program import ADMINISTRATOR, BOTH, PLATFORM, Program
from engine.stack_target import ProviderKind, StackTarget
from engine.targets import find_target
from policies.framework import judged_before


@dataclass(frozen=True)
class OpenStack:
    """A stack, with what the engine holds of each of its programs."""

    target: StackTarget
    administrator: auto.Stack
    platform: auto.Stack | None
    """None where the administrator's is meant alone."""

    judged: Path
    """Where the policies write what they have judged of the administrator's program."""

    first_answers: FirstAnswers | None = None
    """Which monitors are armed; None where no platform will answer, or nothing is run."""

    @property
    def stacks(self) -> list[auto.Stack]:
        """Those that are open, in the order in which they are deployed."""
        return [self.administrator, *([self.platform] if self.platform else [])]

    def read_resources(self) -> list[dict[str, Any]]:
        """Return the resources in the states of those that are open. Raises Failure."""
        with session.explain_errors():
            return [
                resource
                for program, engine in zip(BOTH, self.stacks, strict=False)
                for resource in _read_resources(self.target, engine, program)
            ]


@contextmanager
def open_stack(
    stack: str,
    *,
    on_twin: bool,
    providers: ProviderKind | None = None,
    administrator_only: bool = False,
    runs_program: bool = True,
) -> Generator[OpenStack]:
    """
    Make a stack ready for an operation: its services run, and an interrupted run is settled.

    `runs_program` says whether the operation runs the programs; the platform's needs all of the stack's
    secrets.
    """
    console = PrintableConsole(stderr=True)
    target = find_target(stack, on_twin=on_twin, providers=providers)
    target.prepare(console, runs_program=runs_program and not administrator_only)

    def open_program(program: Program, gate: FirstAnswers | None = None) -> auto.Stack:
        engine = session.select(target, program, runs_program=runs_program, gate=gate)
        pending_operations.settle(engine, target, console, project=program.project)
        return engine

    # One after the other: the engine writes a new stack's salt into the settings' file, which both have.
    administrator = open_program(ADMINISTRATOR)
    with tempfile.TemporaryDirectory(prefix="bulwark-unarmed-") as folder:
        file = Path(folder) / "unarmed.json"
        waits = runs_program and not administrator_only and target.runs_platform
        first_answers = FirstAnswers(target, file) if waits else None
        platform = None if administrator_only else open_program(PLATFORM, first_answers)
        if platform and runs_program:
            drill_facts.pass_to_policies(target, platform)
            _set_variable(platform, UNARMED_VARIABLE, str(file) if first_answers else "")
        if platform and first_answers:
            first_answers.remember(_read_resources(target, platform, PLATFORM))
        with judge_together(administrator, platform) as judged:
            yield OpenStack(target, administrator, platform, judged, first_answers)


def _read_resources(target: StackTarget, engine: auto.Stack, program: Program) -> list[dict[str, Any]]:
    """Return the resources in the state of a program's stack."""
    state = target.read_checkpoint(project=program.project)
    if state is None:
        state = engine.export_stack().deployment or {}
    return state.get("resources") or []


@contextmanager
def judge_together(administrator: auto.Stack, platform: auto.Stack | None) -> Generator[Path]:
    """
    Let the policies judge the platform's resources together with the administrator's, judged before.

    Yields the file between them.
    """
    with tempfile.TemporaryDirectory(prefix="bulwark-judged-") as folder:
        path = Path(folder) / "administrator.json"
        _set_variable(administrator, judged_before.WRITE_VARIABLE, str(path))
        if platform:
            _set_variable(platform, judged_before.READ_VARIABLE, str(path))
        yield path


def _set_variable(engine: auto.Stack, name: str, value: Any) -> None:
    engine.workspace.env_vars = {**engine.workspace.env_vars, name: value}

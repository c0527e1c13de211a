"""A stack's two programs, ready for the engine."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi.automation as auto

from cli import drill_facts
from core.console import PrintableConsole
from engine import pending_operations, session
from engine.program import ADMINISTRATOR, PLATFORM, Program
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

    @property
    def stacks(self) -> list[auto.Stack]:
        """Those that are open, in the order in which they are deployed."""
        return [self.administrator, *([self.platform] if self.platform else [])]


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

    def open_program(program: Program) -> auto.Stack:
        engine = session.select(target, program, runs_program=runs_program)
        pending_operations.settle(engine, target, console, project=program.project)
        return engine

    administrator = open_program(ADMINISTRATOR)
    platform = None if administrator_only else open_program(PLATFORM)
    if platform and runs_program:
        drill_facts.pass_to_policies(target, platform)
    with judge_together(administrator, platform):
        yield OpenStack(target, administrator, platform)


@contextmanager
def judge_together(administrator: auto.Stack, platform: auto.Stack | None) -> Generator[None]:
    """Let the policies judge the platform's resources together with the administrator's, judged before."""
    with tempfile.TemporaryDirectory(prefix="bulwark-judged-") as folder:
        path = str(Path(folder) / "administrator.json")
        _set_variable(administrator, judged_before.WRITE_VARIABLE, path)
        if platform:
            _set_variable(platform, judged_before.READ_VARIABLE, path)
        yield


def _set_variable(engine: auto.Stack, name: str, value: Any) -> None:
    engine.workspace.env_vars = {**engine.workspace.env_vars, name: value}

"""Runs the policies over a stack's state, without its program."""

from collections.abc import Callable
from typing import Any

import pulumi.automation as auto

from cli.review import run_with_report, stop_reason
from core.console import PrintableConsole
from core.failure import Failure
from engine import session
from engine.policy_gate import PACK
from policies.framework import configuration
from review.review import Judged, Review, build


def analyze(engine: auto.Stack, judged: Judged) -> tuple[Review, int]:
    """
    Run the policies over a stack's state; return their verdicts and the engine's exit code.

    `judged` says whose state it is: the engine's notes, or a copy that the vendors have refreshed.

    Raises:
        Failure: the state has no resources.
    """
    arguments = ["policy", "analyze", "--stack", engine.name, "--policy-pack", str(PACK)]
    if settings := configuration.find_file(engine.name):
        arguments += ["--policy-pack-config", str(settings)]
    lines: list[str] = []

    def run() -> int:
        with PrintableConsole(stderr=True).status(f"Audit of {engine.name}"):
            return session.run(lambda: _command(engine, arguments, lines.append))[1]

    code, report = run_with_report(engine, run)
    if not report and not code:
        raise Failure(
            f"There is nothing to audit: {engine.name} has no resources.", "run ./bulwark up first."
        )
    return build(engine.name, "audit", judged=judged, report=report, stopped=stop_reason(report, lines)), code


def _command(engine: auto.Stack, arguments: list[str], on_output: Callable[[str], Any]) -> Any:
    workspace = engine.workspace
    return workspace.pulumi_command.run(
        [*arguments, "--color", "never"],
        str(workspace.work_dir),
        dict(workspace.env_vars),
        on_output,
    )

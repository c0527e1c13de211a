"""Runs the policies over a stack's state, without its program."""

from collections.abc import Callable
from typing import Any

import pulumi.automation as auto

from cli.engine_runs import run_with_report
from cli.open_stack import judge_together
from cli.review import stop_reason
from core.console import PrintableConsole
from core.failure import Failure
from engine import session
from engine.policy_gate import PACK
from policies.framework import configuration
from review.review import Judged, Review, build


def analyze(administrator: auto.Stack, platform: auto.Stack, judged: Judged) -> tuple[Review, int]:
    """
    Run the policies over the states of both programs; return their verdicts and the engine's exit code.

    `judged` says whose states they are: the engine's notes, or copies that the vendors have refreshed.

    Raises:
        Failure: a state has no resources.
    """
    name = platform.name
    arguments = ["policy", "analyze", "--stack", name, "--policy-pack", str(PACK)]
    if settings := configuration.find_file(name):
        arguments += ["--policy-pack-config", str(settings)]
    lines: list[str] = []
    code, report = 0, None
    with judge_together(administrator, platform), PrintableConsole(stderr=True).status(f"Audit of {name}"):
        for engine in (administrator, platform):
            lines.clear()
            code, report = run_with_report(
                engine,
                lambda engine=engine: session.run(lambda: _command(engine, arguments, lines.append))[1],
            )
            if not report:
                break
    if not report and not code:
        raise Failure(f"There is nothing to audit: {name} is not deployed.", "run ./bulwark up first.")
    return build(name, "audit", judged=judged, report=report, stopped=stop_reason(report, lines)), code


def _command(engine: auto.Stack, arguments: list[str], on_output: Callable[[str], Any]) -> Any:
    workspace = engine.workspace
    return workspace.pulumi_command.run(
        [*arguments, "--color", "never"],
        workspace.work_dir,
        dict(workspace.env_vars),
        on_output,
    )

"""`./bulwark audit`: the policies' verdicts on the stack's state, or on what the vendors really have."""

from typing import Annotated

from cyclopts import Parameter

from cli import drill_facts
from cli.options import JsonOption, StackOption, TwinOption
from cli.policy_analysis import analyze
from cli.review import WriteOption, print_review
from engine import session
from engine.program import BOTH
from engine.targets import find_target

LiveOption = Annotated[bool, Parameter(name="--live", negative=())]


def audit(
    *,
    stack: StackOption = "local",
    on_twin: TwinOption = False,
    live: LiveOption = False,
    as_json: JsonOption = False,
    write: WriteOption = None,
) -> int:
    """
    Ask the policies about what is deployed: about the stack's state or, with --live, about what is there.

    The state is what the engine noted at the last deployment. With --live a copy of it is refreshed and
    judged, and the vendors are asked for what nobody declared: policies of roles, grants of keys, databases,
    branches, buckets, monitors, projects. Neither changes anything.

    Args:
        stack: The stack; `local` is the twin on this machine.
        on_twin: Look at what a stack made on the twin.
        live: Judge what the vendors have, instead of the state.
        as_json: Print one JSON document instead of text.
        write: A folder to write audit.md, audit.json and audit.sarif into; with --live also live.json, and
            drift.md if anything is not as declared or could not be looked at.

    Returns:
        0 when every policy is satisfied and, with --live, everything could be looked at and is as declared.
    """
    target = find_target(stack, on_twin=on_twin)
    if live:
        from cli.live_audit import audit_live  # noqa: PLC0415 - boto3 and httpx take a second

        return audit_live(target, as_json=as_json, write=write)
    administrator, platform = (session.select(target, program) for program in BOTH)
    drill_facts.pass_to_policies(target, platform)
    verdicts, code = analyze(administrator, platform, "state")
    return print_review(verdicts, code, as_json=as_json, write=write)

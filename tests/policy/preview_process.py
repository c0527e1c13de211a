"""
Previews of the production program on a first deploy, each with some things changed; a process that stays.

`python -P preview_process.py`, in an installation: reads one JSON line per preview,
`{"mutations": [NUMBER, ...], "pack": FOLDER}`, and answers with one,
`{"code": ..., "violations": [...], "output": "..."}`.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import mutated_program
from mutations import DRILLS, MUTATIONS, Mutation, tell
from rich.console import Console

from engine import session
from engine.event_log import EventLog
from engine.program import BOTH
from engine.targets import find_target
from policies.framework.drill_history import VARIABLE

_DATABASE = "bulwark:index:Platform$bulwark:index:Database"
_PROJECT = f"urn:pulumi:prod::bulwark::{_DATABASE}$neon:index/project:Project::database-project"


def main() -> None:
    """Answer until the input ends."""
    # What the program or the engine prints must not be taken for a response.
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    target = find_target("prod", on_twin=True)
    target.prepare(Console(stderr=True))
    stack = session.select(target)
    # Both programs in one run: the policies judge together what they declare.
    programs = [session.program_of(program) for program in BOTH]
    for line in sys.stdin:
        request = json.loads(line)
        mutations = [MUTATIONS[number] for number in request["mutations"]]
        # On a first deploy no store is known yet.
        drills = next((one.value for one in mutations if one.resource == DRILLS), tell())
        drills = drills.replace("%s", _PROJECT)
        stack.workspace.env_vars = {**stack.workspace.env_vars, VARIABLE: drills}
        stack.workspace.program = lambda mutations=mutations: _run(mutations, programs)
        responses.write(json.dumps(_preview(stack, request["pack"])) + "\n")
        responses.flush()


def _run(mutations: Sequence[Mutation], programs: Sequence[Callable[[], None]]) -> None:
    mutated_program.apply(mutations)
    for program in programs:
        program()


def _preview(stack: Any, pack: str) -> dict[str, Any]:
    watched = EventLog("Preview", quiet=True, as_json=True)
    lines: list[str] = []
    _, code = session.run(
        lambda: stack.preview(
            on_output=lambda line: lines.append(f"{line}\n"),
            on_event=watched.on_event,
            color="never",
            policy_packs=[str(Path(pack).resolve())],
        )
    )
    return {"code": code, "violations": watched.violations, "output": "".join(lines)}


if __name__ == "__main__":
    main()

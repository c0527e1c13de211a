"""
Previews of the production program on a first deploy, each with one thing changed; a process that stays.

`python -P preview_process.py`, in an installation: reads one JSON line per preview,
`{"mutation": NUMBER or null, "pack": FOLDER}`, and answers with one,
`{"code": ..., "violations": [...], "said": "..."}`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import mutated_program
from mutations import DRILLS, MUTATIONS
from rich.console import Console

from engine import session, stack_target, twin
from engine.event_log import EventLog
from policies.framework.drill_history import VARIABLE

_DATABASE = "bulwark:index:Platform$bulwark:index:Database"
_PROJECT = f"urn:pulumi:prod::bulwark::{_DATABASE}$neon:index/project:Project::database-project"


def main() -> None:
    """Answer until the input ends."""
    # What the program or the engine prints must not be taken for an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    space = stack_target.find("prod", on_twin=True)
    assert space.twin
    twin.make_ready(space.twin, space.settings, Console(stderr=True))
    stack = session.select(space)
    program = stack.workspace.program
    assert program
    for line in sys.stdin:
        wanted = json.loads(line)
        mutation = None if wanted["mutation"] is None else MUTATIONS[wanted["mutation"]]
        # On a first deploy no store is known yet.
        handed = mutation.value if mutation and mutation.resource == DRILLS else '{"stores": {}}'
        handed = handed.replace("%s", _PROJECT)
        stack.workspace.env_vars = {**stack.workspace.env_vars, VARIABLE: handed}
        stack.workspace.program = lambda mutation=mutation: (mutated_program.apply(mutation), program())[1]
        answers.write(json.dumps(_preview(stack, wanted["pack"])) + "\n")
        answers.flush()


def _preview(stack: Any, pack: str) -> dict[str, Any]:
    watched = EventLog("Preview", quiet=True, as_json=True)
    lines: list[str] = []
    _, code = session.run(
        lambda: stack.preview(
            on_output=lambda line: lines.append(f"{line}\n"),
            on_event=watched.see,
            color="never",
            policy_packs=[str(Path(pack).resolve())],
        )
    )
    return {"code": code, "violations": watched.violations, "said": "".join(lines)}


if __name__ == "__main__":
    main()

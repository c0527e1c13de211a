"""An update that does what was reviewed, and nothing else."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from toolchain.failure import Failure

Planned = Mapping[str, frozenset[str]]
"""URN -> the engine's operations on it."""


def read(plan: Path) -> Planned:
    """
    Read a plan that `./bulwark review --save-plan` wrote.

    Raises:
        Failure: for a file that is none.
    """
    try:
        resources = json.loads(plan.read_text())["resourcePlans"]
        return {urn: frozenset(found["steps"] or ()) for urn, found in resources.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(
            f"{plan} is no plan ({type(error).__name__}).",
            "make one: ./bulwark review --save-plan FILE.",
        ) from None


def refuse_others(planned: Planned, steps: Iterable[Mapping[str, Any]], *, stack: str) -> None:
    """
    Compare what an update would do now with what was reviewed; the engine itself holds it to the values.

    Raises:
        Failure: naming each resource that would be treated otherwise.
    """
    others = {
        f"{step['urn'].rpartition('::')[2]} ({step['op']})"
        for step in steps
        if step["op"] not in planned.get(step["urn"], ())
    }
    if others:
        raise Failure(
            f"{stack} would change otherwise than it was reviewed: {', '.join(sorted(others))}. "
            "Nothing was changed.",
            f"review it again: ./bulwark review --stack {stack} --save-plan FILE.",
        )

"""An update that does what was reviewed, and nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from core.failure import Failure

_ENCRYPTED: Final = "4dabf18193072939515e22adb298388d"
"""Key that marks a secret (sdk/go/common/resource: SigKey); the same one is never encrypted alike."""

_STOPPED: Final = "violates plan"


@dataclass(frozen=True)
class Planned:
    """What a plan says of one resource."""

    operations: frozenset[str]
    inputs: Mapping[str, Any]
    """Each input that is added, changed or taken away, with its value; without what is secret in it."""


ReviewedPlan = Mapping[str, Planned]
"""URN -> what is planned."""


def read(file: Path) -> ReviewedPlan:
    """
    Read a plan that `./bulwark review --save-plan` wrote.

    Raises:
        Failure: for a file that is none.
    """
    try:
        resources = json.loads(file.read_text())["resourcePlans"]
        return {urn: _planned(found) for urn, found in resources.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(
            f"{file} is no plan ({type(error).__name__}).",
            "make one: ./bulwark review --save-plan FILE.",
        ) from None


def refuse_others(reviewed: ReviewedPlan, now: ReviewedPlan, *, stack: str) -> None:
    """
    Compare what an update would do now with what was reviewed.

    Raises:
        Failure: naming each resource that would be treated otherwise, and its inputs; no value.
    """
    others = {
        urn.rpartition("::")[2]: _differences(reviewed.get(urn), now.get(urn)) for urn in {*reviewed, *now}
    }
    told = [f"{name} ({', '.join(what)})" for name, what in sorted(others.items()) if what]
    if told:
        raise Failure(
            f"{stack} would change otherwise than it was reviewed: {', '.join(told)}. Nothing was changed.",
            f"review it again: ./bulwark review --stack {stack} --save-plan FILE.",
        )


def without_values(text: str) -> tuple[str, bool]:
    """
    Cut what the engine says where it stops for the plan, and tell whether it did.

    It shows the values that differ, secrets in clear (pulumi 3.259.0, pkg/resource/deploy/plan.go), perhaps
    over several lines.
    """
    before, stopped, _ = text.partition(_STOPPED)
    if not stopped:
        return text, False
    return f"{before}{stopped}; the values are not shown, secrets could be among them\n", True


def _planned(found: Mapping[str, Any]) -> Planned:
    goal = found.get("goal") or {}
    difference = goal.get("inputDiff") or {}
    inputs = {**(difference.get("adds") or {}), **(difference.get("updates") or {})}
    inputs |= dict.fromkeys(difference.get("deletes") or ())
    inputs["the option protect"] = bool(goal.get("protect"))
    return Planned(
        frozenset(found["steps"] or ()), {name: _without_secrets(value) for name, value in inputs.items()}
    )


def _without_secrets(value: Any) -> Any:
    match value:
        case dict() if _ENCRYPTED in value:
            return _ENCRYPTED
        case dict():
            entries = cast("dict[str, Any]", value)
            return {name: _without_secrets(entry) for name, entry in entries.items()}
        case list():
            return [_without_secrets(entry) for entry in cast("list[Any]", value)]
        case _:
            return value


def _differences(reviewed: Planned | None, now: Planned | None) -> list[str]:
    if reviewed is None or now is None:
        return sorted(now.operations) if now else ["no longer there"]
    if reviewed.operations != now.operations:
        return sorted(now.operations) or ["left as it is"]
    names = {*reviewed.inputs, *now.inputs}
    absent = object()
    return sorted(name for name in names if reviewed.inputs.get(name, absent) != now.inputs.get(name, absent))

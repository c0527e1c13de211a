"""The file of a reviewed plan: an update does what is in it, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel

from core.documents import DocumentError, read_file, read_json
from core.failure import Failure

_MAX_BYTES: Final = 64 << 20

_ENCRYPTED: Final = "4dabf18193072939515e22adb298388d"
"""Key that marks a secret (sdk/go/common/resource: SigKey); the same value is never encrypted to the same
text."""

_STOPPED: Final = "violates plan"


@dataclass(frozen=True)
class ResourcePlan:
    """What a plan does to one resource."""

    operations: frozenset[str]
    inputs: Mapping[str, Any]
    """Each input that is added, changed or removed, with its value; secrets are left out."""


class _InputDifference(BaseModel, defer_build=True):
    """Inputs by name; the fields are the engine's (pulumi 3.259.0, sdk/go/common/apitype/plan.go)."""

    adds: dict[str, Any] | None = None
    updates: dict[str, Any] | None = None
    deletes: tuple[str, ...] | None = None


class _Goal(BaseModel, defer_build=True):
    protect: bool | None = None
    inputDiff: _InputDifference | None = None  # noqa: N815 - the engine's name


class _PlannedResource(BaseModel, defer_build=True):
    steps: tuple[str, ...] | None
    goal: _Goal | None = None


class _Plan(BaseModel, defer_build=True):
    resourcePlans: dict[str, _PlannedResource]  # noqa: N815 - the engine's name


ReviewedPlan = Mapping[str, ResourcePlan]
"""URN of a resource -> what is planned for it."""


def read(file: Path) -> ReviewedPlan:
    """
    Read a plan that `./bulwark review --save-plan` wrote.

    Raises:
        Failure: the file holds no plan.
    """
    try:
        plan = read_json(read_file(file, max_bytes=_MAX_BYTES), _Plan, max_bytes=_MAX_BYTES)
    except (OSError, DocumentError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise Failure(f"{file} is no plan: {why}.", "make one: ./bulwark review --save-plan FILE.") from None
    return {urn: _summarize(resource) for urn, resource in plan.resourcePlans.items()}


def require_same(reviewed: ReviewedPlan, now: ReviewedPlan, *, stack: str) -> None:
    """
    Compare what an update would do now with what was reviewed.

    Raises:
        Failure: they differ; names each resource and its inputs, but no value.
    """
    others = {
        urn.rpartition("::")[2]: _differences(reviewed.get(urn), now.get(urn)) for urn in {*reviewed, *now}
    }
    differing = [f"{name} ({', '.join(what)})" for name, what in sorted(others.items()) if what]
    if differing:
        raise Failure(
            f"{stack} would change otherwise than it was reviewed: {', '.join(differing)}. "
            "Nothing was changed.",
            f"review it again: ./bulwark review --stack {stack} --save-plan FILE.",
        )


def without_values(text: str) -> tuple[str, bool]:
    """
    Cut the engine's text off where it stops because of the plan, and tell whether it was cut.

    The engine shows the values that differ, secrets in clear, perhaps over several lines (pulumi 3.259.0,
    pkg/resource/deploy/plan.go).
    """
    before, stopped, _ = text.partition(_STOPPED)
    if not stopped:
        return text, False
    return f"{before}{stopped}; the values are not shown, secrets could be among them\n", True


def _summarize(resource: _PlannedResource) -> ResourcePlan:
    goal = resource.goal or _Goal()
    difference = goal.inputDiff or _InputDifference()
    inputs: dict[str, Any] = {**(difference.adds or {}), **(difference.updates or {})}
    inputs |= dict.fromkeys(difference.deletes or ())
    inputs["the option protect"] = bool(goal.protect)
    return ResourcePlan(
        frozenset(resource.steps or ()), {name: _without_secrets(value) for name, value in inputs.items()}
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


def _differences(reviewed: ResourcePlan | None, now: ResourcePlan | None) -> list[str]:
    if reviewed is None or now is None:
        return sorted(now.operations) if now else ["no longer there"]
    if reviewed.operations != now.operations:
        return sorted(now.operations) or ["left as it is"]
    names = {*reviewed.inputs, *now.inputs}
    absent = object()
    return sorted(name for name in names if reviewed.inputs.get(name, absent) != now.inputs.get(name, absent))

"""Actions of AWS that know no resource, so that a policy can only allow them on `*`."""

import json
from functools import cache
from pathlib import Path
from typing import Final

from policies.facts.iam_documents import matches

TABLE: Final = Path(__file__).parents[1] / "aws_actions.json"
"""Made by `python -m policies.action_table` from AWS's Service Authorization Reference."""

_BESIDES: Final = (
    # The one resource that they know is a billing view, which most accounts have none of.
    "ce:GetCostAndUsage",
    "ce:GetCostForecast",
    "ce:GetDimensionValues",
    "ce:GetTags",
    "ce:GetUsageForecast",
    # Each describes what it is asked for, and almost none knows a resource.
    "ec2:Describe*",
)


def knows_no_resource(action: str) -> bool:
    """Tell whether an action can only be allowed on `*`. A pattern must stand for such actions alone."""
    if any(matches(free, action, fold=True) for free in _BESIDES):
        return True
    prefix, _, name = action.lower().partition(":")
    free = _read_table().get(prefix, frozenset())
    return name in free or "*" in free


@cache
def _read_table() -> dict[str, frozenset[str]]:
    actions: dict[str, str] = json.loads(TABLE.read_text())["actions"]
    return {prefix.lower(): frozenset(names.lower().split()) for prefix, names in actions.items()}

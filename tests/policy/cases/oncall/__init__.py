"""What the cases of on-call share: production's names."""

from collections.abc import Sequence
from typing import Any, Final

from policy_harness import Toy, alter, find_toy

COMPONENT: Final = "oncall"
POLICY: Final = "oncall-urgent-policy"
SCHEDULE: Final = "oncall-primary-schedule"
SERVICE: Final = "oncall-oncall-service"


def rules_of(stack: Sequence[Toy]) -> list[Any]:
    return find_toy(stack, POLICY).inputs["rules"]


def person_of(stack: Sequence[Toy]) -> str:
    """Return somebody who is on call by the schedule of the first level."""
    return find_toy(stack, SCHEDULE).inputs["layers"][0]["users"][0]


def calmer(stack: Sequence[Toy]) -> list[Toy]:
    """Return the stack with a policy that the first incident level does not reach."""
    name = find_toy(stack, POLICY).inputs["name"]
    return alter(stack, COMPONENT, severities={name: ["sev3"]})

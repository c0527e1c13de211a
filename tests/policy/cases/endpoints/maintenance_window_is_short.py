from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, Toy, alter, find_toy, secret

from cases.endpoints import HEALTH

WINDOW = "uptime-maintenance"


def more(count: int, **inputs: Any) -> Change:
    """Let more windows like the first mute the same monitor."""

    def change(stack: Sequence[Toy]) -> Sequence[Toy]:
        first, monitor = find_toy(stack, WINDOW), find_toy(stack, HEALTH)
        windows = [
            replace(first, name=f"more-{number}", inputs={**first.inputs, **inputs})
            for number in range(count)
        ]
        named = [WINDOW, *(window.name for window in windows)]
        muted = replace(
            monitor,
            inputs={**monitor.inputs, "maintenanceWindowIds": [UNKNOWN] * len(named)},
            made_from={**monitor.made_from, "maintenanceWindowIds": named},
        )
        return [*(muted if toy == monitor else toy for toy in stack), *windows]

    return change


CASE = Case(
    rule="maintenance-window-is-short",
    at=WINDOW,
    weak=(
        lambda s: alter(s, WINDOW, duration=61),
        lambda s: alter(s, WINDOW, autoAddMonitors=True),
        # An hour a day is the most for all of them: 420 minutes a week.
        more(8, interval="daily"),
        more(2, interval="daily", duration=31),
        more(7, days=[1.0, 4.0], duration=30),
    ),
    absent=(
        lambda s: alter(s, WINDOW, duration=ABSENT),
        lambda s: alter(s, WINDOW, autoAddMonitors=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, WINDOW, duration=UNKNOWN),
        lambda s: alter(s, WINDOW, autoAddMonitors=UNKNOWN),
    ),
    secret=(lambda s: alter(s, WINDOW, duration=secret(30)),),
    fine=(
        lambda s: alter(s, WINDOW, duration=60),
        more(6, days=[1.0, 4.0], duration=30),
        more(9, interval="once"),
    ),
)

from collections.abc import Sequence
from dataclasses import replace

from case import Case, Change
from policy_harness import Toy

from cases.identity import extra


def _made_with(provider: str) -> Change:
    def change(stack: Sequence[Toy]) -> list[Toy]:
        return [
            replace(toy, provider=provider) if toy.name == "uptime-backend-health" else toy for toy in stack
        ]

    return change


CASE = Case(
    rule="provider-is-explicit",
    at="uptime-backend-health",
    weak=(_made_with("default"), _made_with("default_1_10_0")),
    absent=(),
    unknown=(),
    fine=(
        _made_with("default-europe"),
        extra("random:index/randomId:RandomId", "default_4_18_2", byteLength=4),
    ),
)

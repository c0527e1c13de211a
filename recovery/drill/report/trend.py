"""How a scenario's numbers went from drill to drill."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from recovery.drill.evidence import Drill, Kind, Verdict
from recovery.drill.report.wording import measures

_MOST: Final = 26
"""Half a year of weekly drills."""


@dataclass(frozen=True)
class Point:
    """One drill's number; None: it was not measured."""

    drill: str
    seconds: float | None
    verdict: Verdict


@dataclass(frozen=True)
class Trend:
    """One number over drills, the oldest first; the objective is the newest drill's."""

    what: str
    objective_seconds: float
    points: tuple[Point, ...]

    @property
    def scale_seconds(self) -> float:
        """What fills the chart: the objective too where it would not flatten everything."""
        highest = max((point.seconds or 0 for point in self.points), default=0)
        return max(highest, self.objective_seconds) if self.shows_objective else highest or 1

    @property
    def shows_objective(self) -> bool:
        highest = max((point.seconds or 0 for point in self.points), default=0)
        return highest >= self.objective_seconds / 4


def trends(drill: Drill, earlier: Iterable[Drill]) -> dict[Kind, list[Trend]]:
    """Return the numbers of each scenario of a drill, with those of earlier drills of the same stack."""
    before = [
        one
        for one in earlier
        if one.identity.stack == drill.identity.stack
        and one.identity.place == drill.identity.place
        and one.identity.id < drill.identity.id
    ]
    history = [*sorted(before, key=lambda one: one.identity.id)[1 - _MOST :], drill]
    return {
        scenario.kind: [
            Trend(what, measured.objective_seconds, _points(history, scenario.kind, what))
            for what, measured in measures(scenario).items()
        ]
        for scenario in drill.scenarios
    }


def _points(history: list[Drill], kind: Kind, what: str) -> tuple[Point, ...]:
    return tuple(
        Point(one.identity.id, found[what].seconds if what in found else None, scenario.verdict)
        for one in history
        for scenario in one.scenarios
        if scenario.kind == kind
        for found in [measures(scenario)]
    )

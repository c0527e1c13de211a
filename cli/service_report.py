"""What a terminal shows of services that a drill took down."""

from collections.abc import Iterable
from typing import Final

from rich.console import Console
from rich.table import Table

from core.console import plain
from recovery.drill.evidence import REQUIRED_MILESTONES, Milestone, Scenario
from recovery.drill.reports import format_seconds

_COLUMNS: Final[dict[Milestone, str]] = {
    "detected": "detected",
    "paged": "paged",
    "rolled_back": "rolled back",
    "health": "healthy",
    "verified": "seen healthy",
}


def print_outages(console: Console, scenarios: Iterable[Scenario]) -> None:
    """Print one line for each service: the times from the bad deployment, against the objective."""
    # A terminal of 80 columns has no room for lines between these.
    table = Table("service", *_COLUMNS.values(), "objective", "verdict", box=None, padding=(0, 1, 0, 0))
    for scenario in scenarios:
        colour = "green" if scenario.verdict == "passed" else "red"
        objective = next((one.objective_seconds for one in scenario.times.values()), None)
        table.add_row(
            plain(scenario.service),
            *(_format(scenario, name) for name in REQUIRED_MILESTONES["service"]),
            format_seconds(objective) if objective else "",
            f"[{colour}]{scenario.verdict}[/{colour}]",
        )
    console.print(table)


def _format(scenario: Scenario, milestone: Milestone) -> str:
    measured = scenario.times.get(milestone)
    if not measured or measured.seconds is None:
        return "unknown" if milestone in scenario.not_measured else "[red]unknown[/red]"
    shown = format_seconds(measured.seconds)
    return shown if measured.met else f"[red]{shown}[/red]"

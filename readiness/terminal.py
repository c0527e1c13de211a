"""The readiness of a platform on a terminal of 80 columns."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.console import plain
from core.text import printable
from readiness.check import AREA_TITLES, ReadinessCheck
from readiness.results import CheckOutcome, CheckResult, Readiness, ReadinessVerdict
from readiness.trend import ReadinessTrend, describe_age, describe_trend

_MARKS: Final[dict[CheckOutcome, tuple[str, str]]] = {
    "passed": ("passed", "green"),
    "failed": ("failed", "red"),
    "not_looked_at": ("not looked at", "yellow"),
}
_COLOURS: Final[dict[ReadinessVerdict, str]] = {"ready": "green", "not_ready": "red", "unknown": "magenta"}


def show(readiness: Readiness, trend: ReadinessTrend | None, console: Console) -> None:
    """Print what every check saw, the scores and what moved; the verdict and what to do come last."""
    for area in readiness.areas:
        score = f"{area.score} %" if area.score is not None else "no score"
        console.print(f"[bold]{area.title}[/bold]: {score}", highlight=False)
        for check in readiness.checks:
            if check.area == area.area:
                _show_check(check, console)
    table = Table("area", "score", "explained", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for area in readiness.areas:
        table.add_row(area.title, "-" if area.score is None else f"{area.score} %", plain(area.explanation))
    console.print()
    console.print(table)
    for check in readiness.findings:
        since = describe_age(trend, check.id, readiness)
        console.print(f"\n[red]{check.priority}[/red] [bold]{check.id}[/bold]{since}: {plain(check.title)}")
        for problem in check.problems:
            console.print(f"  {plain(problem)}", highlight=False)
        console.print(f"  Risk: {plain(check.risk)}\n  Fix: {plain(check.fix)}", highlight=False)
    if trend:
        console.print(f"\n{plain(describe_trend(trend, readiness))}", highlight=False)
    total = f"score {readiness.score} %, " if readiness.score is not None else ""
    console.print(
        f"{total}{readiness.requests} requests in {readiness.seconds:.0f} s", style="dim", highlight=False
    )
    console.print(
        printable(readiness.sentence),
        style=f"bold {_COLOURS[readiness.verdict]}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if readiness.next_step:
        console.print(
            printable(f"  Next: {readiness.next_step}"), markup=False, highlight=False, soft_wrap=True
        )


def _show_check(check: CheckResult, console: Console) -> None:
    mark, colour = _MARKS[check.outcome]
    text = check.title if check.outcome == "passed" else check.problems[0] if check.problems else check.reason
    line = Text(f"  {mark:<13} ", style=colour) + Text(f"{check.id}: ", style="bold") + Text(printable(text))
    console.print(line, highlight=False, no_wrap=console.is_terminal, overflow="ellipsis")


def _name_kind(check: ReadinessCheck) -> str:
    return "on request" if check.is_on_request else "active" if check.is_active else ""


def show_checks(checks: Sequence[ReadinessCheck], console: Console) -> None:
    """Print the checks that there are, by area."""
    for area, title in AREA_TITLES.items():
        table = Table(
            "check", "priority", "kind", "what holds", box=None, padding=(0, 2, 0, 0), pad_edge=False
        )
        for check in checks:
            if check.area == area:
                table.add_row(check.id, check.priority, _name_kind(check), check.title)
        if table.row_count:
            console.print(f"[bold]{title}[/bold]")
            console.print(table)

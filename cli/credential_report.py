"""What a terminal shows of a drill of credentials, in 80 columns."""

from rich.console import Console
from rich.table import Table

from core.console import plain
from recovery.drill.evidence import Drill, Scenario
from recovery.drill.reports import StolenCredential, group_by_credential


def print_all_calls(console: Console, drill: Drill) -> None:
    """Print what the drill's evidence has of stolen credentials, call by call."""
    for scenario in drill.scenarios:
        if scenario.kind == "credentials":
            print_stolen_credentials(console, scenario)
            for stolen in group_by_credential(scenario):
                _print_calls(console, stolen)


def print_stolen_credentials(console: Console, scenario: Scenario) -> None:
    """Print one line for each credential: the answers to its calls, and which copies restore after them."""
    table = Table("credential", "refused", "allowed", "unknown", "left", box=None, padding=(0, 1, 0, 0))
    stolen = group_by_credential(scenario)
    for credential in stolen:
        outcomes = [attempt.outcome for attempt in credential.attempts]
        name = plain(credential.name)
        table.add_row(
            f"[red]{name}[/red]" if credential.faults else name,
            *(str(outcomes.count(outcome)) for outcome in ("refused", "allowed", "unknown")),
            plain(credential.sources),
        )
    console.print(table)


def _print_calls(console: Console, stolen: StolenCredential) -> None:
    """Print every call: the answer, the call and its target, and below it what was answered."""
    console.print(f"\n{stolen.name}", markup=False, style="bold")
    for attempt, count in stolen.shown_attempts:
        times = f" ({count} times)" if count > 1 else ""
        style = "red" if attempt.fault else None
        line = f"{attempt.outcome:<8} {attempt.call}{times}, {attempt.target}"
        console.print(line, style=style, markup=False, highlight=False)
        detail = attempt.answer + (f"; left: {attempt.left}" if attempt.left else "")
        console.print(
            f"         {detail}",
            style="dim",
            markup=False,
            highlight=False,
            no_wrap=True,
            overflow="ellipsis",
        )

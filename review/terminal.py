"""A review for a person at a terminal."""

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from review.review import Review, kind_of, name_of


def show(review: Review, console: Console) -> None:
    """Print it, the most important last."""
    if review.occasion == "review" and not review.stopped:
        _plan(review, console)
    _recovery(review, console)
    _controls(review, console)
    _waived(review, console)
    if review.off:
        console.print(f"switched off  {', '.join(review.off)}", style="yellow")
    for title, outcome in (("Could not be decided", "undecided"), ("Violations", "violated")):
        _findings(title, review, outcome, console)
    for step in review.losses:
        what = f"{name_of(step.urn)} ({kind_of(step.urn)}) would be {step.change}"
        console.print(f"[bold white on red] {escape(what)}, and the data that it holds with it. [/]")
    _verdict(review, console)


def _plan(review: Review, console: Console) -> None:
    counts = ", ".join(f"{count} {change}" for change, count in sorted(review.counts().items()))
    console.print(f"Plan: {counts or 'nothing changes'}", style="bold")
    changed = [step for step in review.steps if step.change not in {"created", "adopted"}]
    if changed:
        table = Table("", "resource", "type", "inputs that differ", box=None)
        for step in changed:
            table.add_row(step.change, name_of(step.urn), kind_of(step.urn), ", ".join(step.properties))
        console.print(table)


def _recovery(review: Review, console: Console) -> None:
    table = Table("store", "by", "lost at worst", "kept", title="If the store's own vendor is gone")
    for store in review.stores:
        for path in store["paths"]:
            kept = "?" if path["retention_days"] is None else f"{path['retention_days']:g} d"
            table.add_row(name_of(store["urn"]), path["by"], path["lacking"] or path["arithmetic"], kept)
    if table.row_count:
        console.print(table)


def _controls(review: Review, console: Console) -> None:
    if not review.verdicts:
        return
    table = Table("framework", "controls", "not met", title="Compliance; every rule and resource with --json")
    for framework, controls, unmet in review.by_framework():
        table.add_row(str(framework), f"{controls}", ", ".join(unmet))
    console.print(table)


def _waived(review: Review, console: Console) -> None:
    for verdict in review.of("waived"):
        console.print(f"waived  {escape(verdict.message)}", style="yellow")


def _findings(title: str, review: Review, outcome: str, console: Console) -> None:
    found = review.by_rule(outcome)
    if found:
        console.print(f"\n{title}", style="bold red")
    for rule, verdicts in found.items():
        head = f"{rule.id} ({verdicts[0].weight}): {rule.title}"
        console.print(escape(head), style="bold", highlight=False)
        for verdict in verdicts:
            console.print(Padding(f"- {escape(verdict.what)}", (0, 0, 0, 2)), highlight=False)
        console.print(
            Padding(f"Risk: {escape(rule.risk)}\nFix:  {escape(rule.fix)}", (0, 0, 0, 4)), style="dim"
        )


def _verdict(review: Review, console: Console) -> None:
    if review.stopped:
        console.print("The policies could not be asked; the engine stopped before.", style="bold red")
    elif review.passes:
        console.print(f"{review.stack} passes {len(review.heard)} policies.", style="bold green")
    else:
        console.print(f"{review.stack} is refused: {len(review.refusals)} violations.", style="bold red")

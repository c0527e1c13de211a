"""Terminal output of a review."""

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from review.comparison import BaseComparison
from review.markdown import describe_lost
from review.review import Review, kind_of, name_of


def show(review: Review, console: Console) -> None:
    """Print a review, with the most important part last."""
    if review.occasion == "review" and not review.stopped:
        _show_plan(review, console)
    _show_recovery(review, console)
    _show_losses(review, console)
    _show_controls(review, console)
    _show_waived(review, console)
    if review.disabled:
        console.print(f"switched off  {', '.join(review.disabled)}", style="yellow")
    if review.loosened:
        console.print(f"demand less than the defaults  {escape(', '.join(review.loosened))}", style="yellow")
    if review.expendable:
        names = ", ".join(map(name_of, review.expendable))
        console.print(f"hold nothing of value, as declared  {escape(names)}", style="yellow")
    for title, outcome in (("Could not be decided", "undecided"), ("Violations", "violated")):
        _show_findings(title, review, outcome, console)
    for step in review.losses:
        what = f"{name_of(step.urn)} ({kind_of(step.urn)}) would be {step.change}"
        console.print(f"[bold white on red] {escape(what)}, and the data that it holds with it. [/]")
    if review.comparison:
        _show_comparison(review.comparison, console)
    _show_verdict(review, console)


def _show_comparison(comparison: BaseComparison, console: Console) -> None:
    if comparison.differences:
        title = "Verdicts that differ from the base"
        table = Table("rule", "resource", "by the base's policies", "by these", title=title)
        for difference in comparison.differences:
            cells = (difference.rule, name_of(difference.urn), difference.at_base, difference.here)
            table.add_row(*map(escape, cells))
        console.print(table)
    if comparison.refusals:
        console.print("\nRefused by the base's policies, and not by these", style="bold red")
    for verdict in comparison.refusals:
        line = f"- {escape(verdict.rule)}: {escape(verdict.finding)}"
        console.print(Padding(line, (0, 0, 0, 2)), highlight=False)
    for guard, files in comparison.files_by_guard().items():
        names = ", ".join(f"{file.path} {file.change}" for file in files)
        console.print(f"changes what judges it  {escape(f'{guard}: {names}')}", style="bold yellow")
    for lost in comparison.lost:
        console.print(f"[bold white on red] {escape(describe_lost(lost))}. [/]")
    if comparison.skipped:
        console.print("Nothing was compared with a base (--base none).", style="bold yellow")
    elif comparison.unknown:
        console.print(f"The base's policies did not judge: {escape(comparison.unknown)}.", style="bold red")


def _show_plan(review: Review, console: Console) -> None:
    counts = ", ".join(f"{count} {change}" for change, count in sorted(review.counts().items()))
    console.print(f"Plan: {counts or 'nothing changes'}", style="bold")
    changed = [step for step in review.steps if step.change not in {"created", "adopted"}]
    if changed:
        table = Table("", "resource", "type", "inputs that differ", box=None)
        for step in changed:
            table.add_row(step.change, name_of(step.urn), kind_of(step.urn), ", ".join(step.properties))
        console.print(table)


def _show_recovery(review: Review, console: Console) -> None:
    table = Table("store", "by", "lost at worst", "kept", title="If the store's own vendor is gone")
    for store in review.stores:
        for path in store["paths"]:
            kept = "?" if path["retention_days"] is None else f"{path['retention_days']:g} d"
            table.add_row(name_of(store["urn"]), path["by"], path["lacking"] or path["arithmetic"], kept)
    if table.row_count:
        console.print(table)


def _show_losses(review: Review, console: Console) -> None:
    table = Table("lost or hostile", "store", "left", title="If one of them is lost, or turns hostile")
    for loss in review.losses_of_stores():
        left = escape(loss.left) if loss.left else "[bold red]nothing[/]"
        table.add_row(escape(loss.thing), escape(loss.store), left)
    if table.row_count:
        console.print(table)


def _show_controls(review: Review, console: Console) -> None:
    if not review.verdicts:
        return
    heads = ("framework", "controls", "not met", "waived")
    table = Table(*heads, title="Compliance; every rule and resource with --json")
    for row in review.by_framework():
        cells = (str(row.framework), f"{row.controls}", ", ".join(row.unmet), ", ".join(row.waived))
        table.add_row(*cells)
    console.print(table)


def _show_waived(review: Review, console: Console) -> None:
    for verdict in review.with_outcome("waived"):
        console.print(f"waived  {escape(verdict.message)}", style="yellow")


def _show_findings(title: str, review: Review, outcome: str, console: Console) -> None:
    findings = review.by_rule(outcome)
    if findings:
        console.print(f"\n{title}", style="bold red")
    for rule, verdicts in findings.items():
        head = f"{rule.id} ({verdicts[0].severity_label}): {rule.title}"
        console.print(escape(head), style="bold", highlight=False)
        for verdict in verdicts:
            console.print(Padding(f"- {escape(verdict.finding)}", (0, 0, 0, 2)), highlight=False)
        console.print(
            Padding(f"Risk: {escape(rule.risk)}\nFix:  {escape(rule.fix)}", (0, 0, 0, 4)), style="dim"
        )


def _show_verdict(review: Review, console: Console) -> None:
    if not review.stopped:
        console.print(review.judged_sentence, style="dim", highlight=False)
    if review.stopped:
        console.print("The policies could not be asked; the engine stopped before.", style="bold red")
        console.print(f"  Next: correct this and review again: {escape(review.stop_cause)}", highlight=False)
    elif review.refusals:
        names = ", ".join(dict.fromkeys(verdict.rule for verdict in review.refusals))
        console.print(
            f"{review.stack} is refused: {len(review.refusals)} violations of {names}.", style="bold red"
        )
        console.print("  Next: do what each fix says, or waive it in policies/waivers.yaml.", highlight=False)
    elif review.comparison and review.comparison.refusals:
        count = len(review.comparison.refusals)
        console.print(
            f"{review.stack} is refused by the policies of its base: {count} violations. A change of "
            "policies is merged alone, and what needs it after it.",
            style="bold red",
        )
    elif review.passes:
        console.print(f"{review.stack} passes {len(review.evaluated)} policies.", style="bold green")
    else:
        console.print(
            f"{review.stack} is not compared with its base, so it does not pass. Name the base with --base.",
            style="bold red",
        )

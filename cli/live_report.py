"""The result of `./bulwark audit --live`: as text, as JSON, and as files."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.output import write_files
from cli.review import write_reports
from live.finding import BlindSpot, LiveFinding
from live.reviewed_entries import UndeclaredEntry
from review import drift, terminal
from review.review import Review, name_of


@dataclass(frozen=True)
class LiveAudit:
    """All that a look at the vendors has shown."""

    stack: str
    drift: list[dict[str, Any]]
    """Each resource of the state that the vendors have otherwise, or no more: operation, URN, properties."""

    findings: list[LiveFinding]
    of_others: dict[str, int]
    """Stack beside this one -> how many things have its names, which its own audit judges."""

    reviewed: list[UndeclaredEntry]
    problems: list[str]
    """What is wrong with entries of policies/undeclared.yaml."""

    unknown: list[BlindSpot]
    looked_at: list[str]
    verdicts: Review | None
    """The policies' verdicts on the refreshed copy; None if it could not be made."""

    @property
    def passes(self) -> bool:
        found = self.drift or self.findings or self.problems or self.unknown
        return not found and self.verdicts is not None and self.verdicts.passes

    def document(self) -> dict[str, Any]:
        return {
            "schema": "bulwark-live-audit-1",
            "stack": self.stack,
            "judged": "live",
            "passes": self.passes,
            "drift": self.drift,
            "undeclared": [
                {"thing": one.thing, "what": one.what, "next_step": one.next_step} for one in self.findings
            ],
            "of_other_stacks": self.of_others,
            "reviewed": [entry.model_dump(mode="json") for entry in self.reviewed],
            "problems": self.problems,
            "unknown": [{"what": gap.what, "reason": gap.reason} for gap in self.unknown],
            "looked_at": self.looked_at,
            "policies": self.verdicts.document() if self.verdicts else None,
        }


def write_audit(audit: LiveAudit, folder: Path) -> None:
    """Write the verdicts, live.json and, unless all is as declared, drift.md into a folder."""
    if audit.verdicts:
        write_reports(audit.verdicts, folder)
    reports = {"live.json": json.dumps(audit.document(), indent=2) + "\n"}
    if audit.passes:
        (folder / "drift.md").unlink(missing_ok=True)
    else:
        reports["drift.md"] = drift.render(
            audit.stack,
            audit.drift,
            undeclared=[
                *((one.thing, one.what) for one in audit.findings),
                *(("policies/undeclared.yaml", problem) for problem in audit.problems),
            ],
            violations=[
                (one.rule, one.finding) for one in (audit.verdicts.refusals if audit.verdicts else ())
            ],
            unknown=[(gap.what, gap.reason) for gap in audit.unknown],
        )
    write_files(folder, reports, what="The audit", option="--write")


def show(audit: LiveAudit, console: Console, *, option: str) -> None:
    """
    Print the audit, with the verdict and the next step last.

    `option` is what a command for this stack has to be given beside `--stack`.
    """
    if audit.verdicts:
        terminal.show(audit.verdicts, console)
    _show_table(
        console,
        ("not as declared", "what happened to it"),
        ((name_of(step["urn"]), drift.describe(step)) for step in audit.drift),
    )
    _show_table(
        console,
        ("not declared", "what is wrong"),
        ((one.thing, f"{one.what}. Next: {one.next_step}") for one in audit.findings),
    )
    for entry in audit.reviewed:
        terms = f"until {entry.expires} ({entry.ticket}, {entry.owner}): {entry.reason}"
        console.print(escape(f"reviewed  {entry.thing} {terms}"), style="yellow", highlight=False)
    for stack, count in audit.of_others.items():
        whose = f"{count} thing{'s have names' if count > 1 else ' has a name'} of the stack {stack}"
        console.print(f"{whose}, whose own `audit --live` judges that.", highlight=False)
    _show_table(console, ("policies/undeclared.yaml", ""), ((problem, "") for problem in audit.problems))
    _show_table(console, ("not looked at", "because"), ((gap.what, gap.reason) for gap in audit.unknown))
    if audit.passes:
        console.print(
            f"{audit.stack} is as declared: {len(audit.looked_at)} lookups found nothing else.",
            style="bold green",
        )
        return
    console.print(f"{audit.stack} is not proven to be as declared: {_count(audit)}.", style="bold red")
    for step in _next_steps(audit, f"--stack {audit.stack}{option}"):
        console.print(f"  Next: {step}", highlight=False)


def _next_steps(audit: LiveAudit, stack: str) -> Iterator[str]:
    if audit.unknown:
        yield f"see why it could not be looked at, and `./bulwark audit --live {stack}` again."
    if audit.findings or audit.problems:
        yield (
            "declare what is to stay, remove what is not, or say in policies/undeclared.yaml why it needs no "
            "declaration."
        )
    if audit.drift:
        yield (
            "see who changed it; declare what is wanted, else "
            f"`./bulwark refresh --accept {stack}` and `./bulwark up {stack}` put it right."
        )
    elif audit.verdicts and audit.verdicts.refusals:
        yield "correct what the policies refuse, by a pull request."


def _count(audit: LiveAudit) -> str:
    counts = (
        (len(audit.drift), "not as declared"),
        (len(audit.findings), "not declared"),
        (len(audit.problems), "bad entries of policies/undeclared.yaml"),
        (len(audit.verdicts.refusals) if audit.verdicts else 0, "violations of policies"),
        (len(audit.unknown), "not looked at"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def _show_table(console: Console, headings: tuple[str, str], rows: Iterable[tuple[str, str]]) -> None:
    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    if table.row_count:
        console.print(table)

"""Reviewed entries for what exists and is not declared: `policies/undeclared.yaml`. They expire."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final

from pydantic import StringConstraints

from core.text import printable
from engine.stack_file import CHECKOUT
from live.finding import BlindSpot, LiveFinding
from policies.framework.waiver_entry import ReviewedException, parse_entries, parse_entry

FILE: Final = CHECKOUT / "policies" / "undeclared.yaml"
_LONGEST: Final = timedelta(days=366)
"""A waiver lets a weakness be; an entry here says that something is another's, which is true for longer."""


class UndeclaredEntry(ReviewedException):
    """Why one thing at a vendor needs no declaration in one stack."""

    stack: str
    thing: Annotated[str, StringConstraints(pattern=r"^[^*]+$")]
    """The name that `./bulwark audit --live` prints, whole."""


@dataclass(frozen=True)
class ReviewedEntries:
    """The entries of one stack that are in force, by thing, and the problems of all others."""

    in_force: Mapping[str, UndeclaredEntry]
    problems: tuple[str, ...]


def read(path: Path, *, stack: str, today: date) -> ReviewedEntries:
    """Read the file. An entry with a problem excuses nothing."""
    entries = parse_entries(path.read_bytes() if path.exists() else b"")
    if entries is None:
        return ReviewedEntries({}, (f"{path.name} is no list of entries, so none of them counts",))
    in_force: dict[str, UndeclaredEntry] = {}
    problems: list[str] = []
    for number, content in enumerate(entries, 1):
        entry, complaints = parse_entry(content, UndeclaredEntry)
        if entry:
            complaints += entry.check_term(today, _LONGEST)
        if entry and entry.stack == stack and entry.thing in in_force:
            complaints.append("is there twice")
        if entry and entry.stack == stack and not complaints:
            in_force[entry.thing] = entry
        problems += [f"entry {number} of {path.name} {complaint}" for complaint in complaints]
    return ReviewedEntries(in_force, tuple(problems))


def sort_out(
    findings: Iterable[LiveFinding], entries: ReviewedEntries, unknown: Iterable[BlindSpot]
) -> tuple[list[LiveFinding], list[UndeclaredEntry], list[str]]:
    """
    Return the findings that no entry excuses, the entries that excuse one, and what is wrong with others.

    An entry for something that is not there any more is a problem, unless it could not be looked for.
    """
    rest: list[LiveFinding] = []
    used: dict[str, UndeclaredEntry] = {}
    for finding in findings:
        entry = entries.in_force.get(finding.thing)
        if entry and finding.can_be_reviewed:
            used[finding.thing] = entry
        else:
            rest.append(finding)
    unseen = tuple(gap.prefix for gap in unknown if gap.prefix)
    problems = [
        f"the entry for {printable(thing)} matches nothing that is there; remove it"
        for thing in sorted(set(entries.in_force) - set(used))
        if not thing.startswith(unseen)
    ]
    return rest, list(used.values()), problems

"""Waivers: reviewed exceptions of one rule for one resource, which expire."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policies.framework.messages import Message, message

if TYPE_CHECKING:
    from policies.framework.waiver_entry import WaivedFinding, Waiver

NAME: Final = "waivers.yaml"
FILE: Final = Path(__file__).parents[1] / NAME
_LONGEST: Final = timedelta(days=90)


@dataclass(frozen=True)
class Waivers:
    """The waivers that are in force on a day, and the problems of the others."""

    in_force: "dict[WaivedFinding, Waiver]"

    problems: tuple[Message, ...]
    """Each names its entry by number."""


NONE: Final = Waivers({}, ())


def read(path: Path, *, today: date, rules: dict[str, bool]) -> Waivers:
    """
    Read the file. An entry with a problem waives nothing, and the problem is reported.

    Args:
        path: The file. Without it, nothing is waived.
        today: The day, in UTC.
        rules: Rule -> whether it can be waived.
    """
    text = path.read_bytes() if path.exists() else b""
    if not any(line.partition(b"#")[0].strip() for line in text.splitlines()):
        return NONE
    from policies.framework.waiver_entry import Waiver, parse_entries, parse_entry  # noqa: PLC0415 - imports pydantic
    from policies.framework.waiver_history import read_first_days, term_of  # noqa: PLC0415 - as the line above

    entries = parse_entries(text)
    if entries is None:
        return Waivers({}, (message("the waivers' file is no list of waivers, so none of them counts"),))
    first_days = read_first_days(path) if entries else {}
    in_force: dict[WaivedFinding, Waiver] = {}
    problems: list[Message] = []
    for number, entry in enumerate(entries, 1):
        waiver, complaints = parse_entry(entry, Waiver)
        if waiver:
            complaints += _check(waiver, today=today, rules=rules)
            complaints += _check_history(waiver, first_days.get(term_of(entry) or ("", "", "", "")))
            if waiver.key in in_force:
                complaints.append("is there twice")
        if waiver and not complaints:
            in_force[waiver.key] = waiver
        problems += [Message(f"waiver {number} {complaint}") for complaint in complaints]
    return Waivers(in_force, tuple(problems))


def find_unmatched(
    waivers: Waivers, used: "Iterable[WaivedFinding]", *, stacks: Iterable[str]
) -> list[Message]:
    """
    Return a problem for each waiver of this stack that waived nothing.

    Args:
        waivers: All waivers; those of other stacks are no problem.
        used: The keys of the waivers that waived a violation.
        stacks: The start of each stack's URNs; without any, every waiver counts.
    """
    prefixes = tuple(stacks) or ("urn:",)
    unused = set(waivers.in_force) - set(used)
    return [
        Message(
            f"the waiver of {rule} for {setting or urn.rsplit('::', 1)[-1]} matches no violation; remove it"
        )
        for rule, urn, setting in sorted(unused)
        if urn.startswith(prefixes)
    ]


def _check_history(waiver: "Waiver", first: date | None) -> list[str]:
    """Return what is wrong with an entry that stands since a day in the repository's history."""
    if first is None or first >= waiver.created or waiver.expires - first <= _LONGEST:
        return []
    return [
        f"stands in the repository since {first}, so it lasts longer than {_LONGEST.days} days: a new term "
        "needs a ticket of its own"
    ]


def _check(waiver: "Waiver", *, today: date, rules: dict[str, bool]) -> list[str]:
    complaints: list[str] = []
    if waiver.rule not in rules:
        complaints.append("names no rule of this pack")
    elif not rules[waiver.rule]:
        complaints.append(f"is for {waiver.rule}, which can't be waived")
    return complaints + waiver.check_term(today, _LONGEST)

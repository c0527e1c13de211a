"""Waivers: reviewed exceptions of one rule for one resource, until a day."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from policies.wording import Text, say

if TYPE_CHECKING:
    from policies.waiver import Waiver

FILE: Final = Path(__file__).parent / "waivers.yaml"
_LONGEST: Final = timedelta(days=90)


@dataclass(frozen=True)
class Waivers:
    """What the file says on a day: waivers in force, and what is wrong with the others."""

    in_force: "dict[tuple[str, str], Waiver]"
    """(rule, URN) -> the waiver."""

    problems: tuple[Text, ...]
    """Each names its entry by number."""


NONE: Final = Waivers({}, ())


def read(path: Path, *, today: date, rules: dict[str, bool]) -> Waivers:
    """
    Read the file; what is wrong with an entry is a problem of its own and waives nothing.

    Args:
        path: The file; one that does not exist waives nothing.
        today: The day, in UTC.
        rules: Rule -> whether it can be waived at all.
    """
    text = path.read_bytes() if path.exists() else b""
    if not any(line.partition(b"#")[0].strip() for line in text.splitlines()):
        return NONE
    # Most stacks have none, and what reads them takes a fifth of the pack's start.
    from policies.waiver import entries_of, parsed  # noqa: PLC0415

    entries = entries_of(text)
    if entries is None:
        return Waivers({}, (say("the waivers' file is no list of waivers, so none of them counts"),))
    in_force: dict[tuple[str, str], Waiver] = {}
    problems: list[Text] = []
    for number, entry in enumerate(entries, 1):
        waiver, wrong = parsed(entry)
        if waiver:
            wrong += _wrong(waiver, today=today, rules=rules)
            if waiver.key in in_force:
                wrong.append("is there twice")
        if waiver and not wrong:
            in_force[waiver.key] = waiver
        problems += [Text(f"waiver {number} {what}") for what in wrong]
    return Waivers(in_force, tuple(problems))


def unmatched(waivers: Waivers, used: Iterable[tuple[str, str]], *, stack: str) -> list[Text]:
    """Return a problem for each waiver of this stack (the start of its URNs) that waived nothing."""
    left = set(waivers.in_force) - set(used)
    return [
        Text(f"the waiver of {rule} for {urn.rsplit('::', 1)[-1]} matches no violation; remove it")
        for rule, urn in sorted(left)
        if urn.startswith(stack)
    ]


def _wrong(waiver: "Waiver", *, today: date, rules: dict[str, bool]) -> list[str]:
    wrong: list[str] = []
    if waiver.rule not in rules:
        wrong.append("names no rule of this pack")
    elif not rules[waiver.rule]:
        wrong.append(f"is for {waiver.rule}, which can't be waived")
    if waiver.created > today:
        wrong.append(f"was created on {waiver.created}, which is yet to come")
    if waiver.expires - waiver.created > _LONGEST:
        wrong.append(f"lasts longer than {_LONGEST.days} days")
    if waiver.expires < today:
        wrong.append(f"expired on {waiver.expires}")
    return wrong

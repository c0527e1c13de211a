"""What was looked for at a vendor, what was found, and what that means for the stack's settings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.adoption.settings_text import SettingPath, inline
from core.failure import Failure

FindingStatus = Literal["managed", "set", "found", "missing", "ambiguous", "unfit", "unknown"]
"""
managed: the stack made it or took it over; set: the settings name it; found: they can; missing: the next `up`
makes it; ambiguous: several are there; unfit: it can't be taken over as it is; unknown: nobody said.
"""

UNDECIDED: frozenset[FindingStatus] = frozenset(("ambiguous", "unfit", "unknown"))
"""Where a person has to do something."""


@dataclass(frozen=True)
class Sought:
    """One thing that a stack declares and that may exist already."""

    what: str
    path: SettingPath
    """Of the setting that takes it over, below the block's name."""

    resource: str
    """Its name in the stack's state."""

    present: Any = None
    """What the setting is now, if it is set."""


@dataclass(frozen=True)
class Candidate:
    """
    One thing at the vendor that may be what is sought.

    `value` is what the setting would be. `told` is what a person should know of it, and `obstacle` why it
    can't be taken over as it is: the engine would replace it, or could not import it.
    """

    id: str
    value: Any
    told: str = ""
    obstacle: str = ""


@dataclass(frozen=True)
class Finding:
    """What came of it."""

    what: str
    path: SettingPath
    status: FindingStatus
    id: str = ""
    value: Any = None
    told: str = ""
    candidates: tuple[str, ...] = ()


AdoptableResource = tuple[Sought, Callable[[], Sequence[Candidate]]]
"""What is sought, and what asks the vendor for it. Raises Failure."""


def looked_for(
    things: Iterable[AdoptableResource], known: Mapping[str, str]
) -> tuple[list[Finding], Failure | None]:
    """
    Ask one vendor for everything that the stack's state does not know; `known` are the ids in it, by names.

    After a failure the vendor is asked no more, and what is left is unknown.
    """
    findings: list[Finding] = []
    failure: Failure | None = None
    for sought, ask in things:
        if sought.resource in known:
            findings.append(Finding(sought.what, sought.path, "managed", known[sought.resource]))
            continue
        if failure is None:
            try:
                findings.append(judged(sought, ask()))
                continue
            except Failure as refused:
                failure = refused
        findings.append(Finding(sought.what, sought.path, "unknown"))
    return findings, failure


def judged(sought: Sought, candidates: Sequence[Candidate]) -> Finding:
    """
    Decide what becomes of what was found; never guess between several.

    With a setting that is set, the candidates are what it names.
    """
    what, path, present = sought.what, sought.path, sought.present
    fitting = [one for one in candidates if not one.obstacle] or list(candidates)
    if not fitting:
        lost = "the setting names what is not there: correct it, or remove it."
        return Finding(what, path, "unfit" if present else "missing", told=lost if present else "")
    if len(fitting) > 1:
        listed = tuple(one.id for one in fitting)
        told = "several are there: write the right one into the setting, or rename or remove the others."
        return Finding(what, path, "ambiguous", told=told, candidates=listed)
    (one,) = fitting
    if one.obstacle:
        return Finding(what, path, "unfit", one.id, told=one.obstacle)
    if present and one.value != present:
        differs = f"the setting is {inline(present)} and should be {inline(one.value)}: correct it."
        return Finding(what, path, "unfit", one.id, told=differs)
    return Finding(what, path, "set" if present else "found", one.id, one.value, one.told)

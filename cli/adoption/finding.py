"""The result of searching one vendor for existing resources, and what it means for the stack's settings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from cli.adoption.settings_text import SettingPath, to_inline_yaml
from core.failure import Failure

FindingStatus = Literal["managed", "set", "found", "missing", "ambiguous", "unfit", "unknown"]
"""
managed: the stack made it or took it over; set: the settings name it; found: they can; missing: the next `up`
makes it; ambiguous: several are there; unfit: it can't be taken over as it is; unknown: nobody said.
"""

UNDECIDED: frozenset[FindingStatus] = frozenset(("ambiguous", "unfit", "unknown"))
"""Statuses that a person has to resolve."""


@dataclass(frozen=True)
class SoughtResource:
    """One resource that a stack declares and that may exist already."""

    what: str
    path: SettingPath
    """Path of the setting that takes it over, below the block's name."""

    resource: str
    """The resource's name in the stack's state."""

    present: Any = None
    """The present value of the setting, if it is set."""


@dataclass(frozen=True)
class Candidate:
    """
    One resource at the vendor that may be the one that is sought.

    `value` is the value for the setting. `note` is what a person should know about the resource, and
    `obstacle` why it can't be taken over as it is: the engine would replace it, or could not import it.
    """

    id: str
    value: Any
    note: str = ""
    obstacle: str = ""


@dataclass(frozen=True)
class Finding:
    """The result of looking for one existing resource at a vendor."""

    what: str
    path: SettingPath
    status: FindingStatus
    id: str = ""
    value: Any = None
    note: str = ""
    candidates: tuple[str, ...] = ()


AdoptableResource = tuple[SoughtResource, Callable[[], Sequence[Candidate]]]
"""A resource that is sought, and a function that asks the vendor for its candidates. Raises Failure."""


def find_existing(
    resources: Iterable[AdoptableResource], known: Mapping[str, str]
) -> tuple[list[Finding], Failure | None]:
    """
    Ask one vendor for all resources that the stack's state does not have; `known` are its ids by name.

    After a failure the vendor is not asked again, and the resources that are left are unknown.
    """
    findings: list[Finding] = []
    failure: Failure | None = None
    for sought, ask in resources:
        if sought.resource in known:
            findings.append(Finding(sought.what, sought.path, "managed", known[sought.resource]))
            continue
        if failure is None:
            try:
                findings.append(decide(sought, ask()))
                continue
            except Failure as error:
                failure = error
        findings.append(Finding(sought.what, sought.path, "unknown"))
    return findings, failure


def decide(sought: SoughtResource, candidates: Sequence[Candidate]) -> Finding:
    """
    Decide what a resource's candidates mean for its setting.

    Several candidates are ambiguous; none is chosen.

    If the setting is set, the candidates are the resources that it names.
    """
    what, path, present = sought.what, sought.path, sought.present
    fitting = [candidate for candidate in candidates if not candidate.obstacle] or list(candidates)
    if not fitting:
        lost = "the setting names what is not there: correct it, or remove it."
        return Finding(what, path, "unfit" if present else "missing", note=lost if present else "")
    if len(fitting) > 1:
        ids = tuple(candidate.id for candidate in fitting)
        note = "several are there: write the right one into the setting, or rename or remove the others."
        return Finding(what, path, "ambiguous", note=note, candidates=ids)
    (candidate,) = fitting
    if candidate.obstacle:
        return Finding(what, path, "unfit", candidate.id, note=candidate.obstacle)
    if present and candidate.value != present:
        actual, expected = to_inline_yaml(present), to_inline_yaml(candidate.value)
        note = f"the setting is {actual} and should be {expected}: correct it."
        return Finding(what, path, "unfit", candidate.id, note=note)
    return Finding(what, path, "set" if present else "found", candidate.id, candidate.value, candidate.note)

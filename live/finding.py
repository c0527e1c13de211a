"""What a look at the vendors finds, and what could not be looked at."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from core.failure import Failure, split_failure
from core.text import printable


@dataclass(frozen=True)
class LiveFinding:
    """Something that exists at a vendor and that the stack does not declare, or declares otherwise."""

    thing: str
    """Its name, such as `neon/branch/PROJECT/BRANCH`; it begins with the vendor and the kind."""

    what: str
    """What is wrong with it: a clause that begins with `it` or `its`."""

    next_step: str

    can_be_reviewed: bool = False
    """Whether an entry of policies/undeclared.yaml may say why it is right."""

    called: str = ""
    """Vendor, kind, place and the name that somebody gave it or its project, such as
    `uptimerobot/monitor/example health`; empty where names say nothing."""


@dataclass(frozen=True)
class Lookup:
    """One question to a vendor."""

    title: str
    prefix: str
    """The beginning of the names of all things that it may find."""

    find: Callable[[], Iterable[LiveFinding]]
    """Raises Failure where the vendor does not answer, or may not be asked."""


@dataclass(frozen=True)
class BlindSpot:
    """What could not be looked at, and why."""

    what: str
    reason: str
    prefix: str = ""
    """The beginning of the names of all things that were not looked for; empty if there are none."""


def look(
    lookups: Iterable[Lookup], on_progress: Callable[[str], object]
) -> tuple[list[LiveFinding], list[BlindSpot]]:
    """Make every lookup; return what was found, each thing once, and the lookups that failed."""
    found: dict[str, LiveFinding] = {}
    unknown: list[BlindSpot] = []
    for lookup in lookups:
        on_progress(lookup.title)
        try:
            for finding in lookup.find():
                found.setdefault(finding.thing, finding)
        except Failure as failure:
            unknown.append(BlindSpot(lookup.title, explain(failure), lookup.prefix))
    return list(found.values()), unknown


def name(*parts: str) -> str:
    """Return the name of a thing; its parts may come from a vendor."""
    return "/".join(map(printable, parts))


def explain(failure: Failure) -> str:
    """Return a failure's cause in one line."""
    return split_failure(failure)[0]

"""How a drill's parts are called and its numbers written, in every report of it."""

from datetime import datetime, timedelta
from typing import Final

from objectives import spoken
from recovery.drill.comparison import DEFINITIONS
from recovery.drill.evidence import Check, Drill, Kind, Measured, Milestone, Scenario

TITLES: Final[dict[Kind, str]] = {
    "corruption": "A bad write",
    "loss": "The database's vendor is gone",
    "replica": "Vendor and primary vault are gone",
    "files": "Files are lost",
    "state": "The stack's state is gone",
}
PATHS: Final = {
    "history": "the vendor's own history",
    "vault": "the primary vault alone",
    "replica": "the replica vault alone",
}
MILESTONES: Final[dict[Milestone, str]] = {
    "first_query": "first query",
    "verified": "verified",
    "health": "healthy",
}
"""What is reached then."""


def duration(seconds: float | None) -> str:
    """Write a duration as a person says it, tenths of a second while they matter."""
    if seconds is None:
        return "not measured"
    if 0 < seconds < 0.0995:
        return f"{max(1, round(seconds * 1000))} ms"
    if 0 <= seconds < 59.95:
        return f"{seconds:.1f} s"
    sign = "-" if seconds < 0 else ""
    return sign + spoken(timedelta(seconds=round(abs(seconds))))


def stamp(moment: datetime) -> str:
    """Write a moment so that a spreadsheet takes it."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def measures(scenario: Scenario) -> dict[str, Measured]:
    """Return everything of a scenario that has an objective, by what it is called."""
    times = {f"until {MILESTONES[name]}": measured for name, measured in scenario.times.items()}
    return {"data lost": scenario.loss, **times}


def sentence(drill: Drill) -> str:
    """Say in a sentence what a drill shows."""
    if drill.verdict == "passed":
        many = len(drill.scenarios) > 1
        what = "Each of the scenarios" if many else "The scenario"
        return (
            f"{what} came back within its objectives, every check ran and held, a damaged copy was found "
            "damaged, and nothing of the drill is left."
        )
    count, stack = len(drill.faults), drill.identity.stack
    if count == 1:
        return f"1 fault. Until it is corrected, nothing shows that {stack} comes back."
    return f"{count} faults. Until they are corrected, nothing shows that {stack} comes back."


def folded(check: Check) -> bool:
    """Say whether a report may fold a check away: one of the many kinds of definitions, and it passed."""
    return check.outcome == "passed" and check.name.startswith(DEFINITIONS)

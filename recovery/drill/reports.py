"""A drill's evidence as reports: one HTML page that loads nothing else, and Markdown for a job's summary."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.objectives import format_duration
from recovery.drill import records
from recovery.drill.comparison import DEFINITIONS
from recovery.drill.evidence import Check, Drill, DrillVerdict, Measured, Milestone, Scenario, ScenarioKind
from recovery.vault.objects import ObjectInfo

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

TITLES: Final[dict[ScenarioKind, str]] = {
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
    return sign + format_duration(timedelta(seconds=round(abs(seconds))))


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


_TEMPLATES.filters.update(duration=duration, stamp=stamp)


_MOST: Final = 26
"""Half a year of weekly drills."""


@dataclass(frozen=True)
class Point:
    """One drill's number; None: it was not measured."""

    drill: str
    seconds: float | None
    verdict: DrillVerdict


@dataclass(frozen=True)
class Trend:
    """One number over drills, the oldest first; the objective is the newest drill's."""

    what: str
    objective_seconds: float
    points: tuple[Point, ...]

    @property
    def scale_seconds(self) -> float:
        """What fills the chart: the objective too where it would not flatten everything."""
        highest = max((point.seconds or 0 for point in self.points), default=0)
        return max(highest, self.objective_seconds) if self.shows_objective else highest or 1

    @property
    def shows_objective(self) -> bool:
        highest = max((point.seconds or 0 for point in self.points), default=0)
        return highest >= self.objective_seconds / 4


def trends(drill: Drill, earlier: Iterable[Drill]) -> dict[ScenarioKind, list[Trend]]:
    """Return the numbers of each scenario of a drill, with those of earlier drills of the same stack."""
    before = [
        one
        for one in earlier
        if one.identity.stack == drill.identity.stack
        and one.identity.place == drill.identity.place
        and one.identity.id < drill.identity.id
    ]
    history = [*sorted(before, key=lambda one: one.identity.id)[1 - _MOST :], drill]
    return {
        scenario.kind: [
            Trend(what, measured.objective_seconds, _points(history, scenario.kind, what))
            for what, measured in measures(scenario).items()
        ]
        for scenario in drill.scenarios
    }


def _points(history: list[Drill], kind: ScenarioKind, what: str) -> tuple[Point, ...]:
    return tuple(
        Point(one.identity.id, found[what].seconds if what in found else None, scenario.verdict)
        for one in history
        for scenario in one.scenarios
        if scenario.kind == kind
        for found in [measures(scenario)]
    )


def render_html(drill: Drill, *, earlier: Iterable[Drill] = (), stored: ObjectInfo | None = None) -> str:
    """
    Return the page.

    `earlier` are the drills that it is compared with; `stored` is what the vault tells of the document, where
    it is stored already.
    """
    return _TEMPLATES.get_template("page.html").render(
        titles=TITLES,
        paths=PATHS,
        milestones=MILESTONES,
        measures=measures,
        drill=drill,
        identity=drill.identity,
        sentence=sentence(drill),
        took=(drill.finished - drill.started).total_seconds(),
        trends=trends(drill, earlier),
        folded=folded,
        alike={scenario.kind: list(filter(folded, scenario.checks)) for scenario in drill.scenarios},
        spans={scenario.kind: _span(scenario) for scenario in drill.scenarios},
        sha256=hashlib.sha256(records.written(drill)).hexdigest(),
        stored=stored,
    )


def _span(scenario: Scenario) -> float:
    """Return the seconds that a timeline shows."""
    ends = [phase.offset_seconds + phase.seconds for phase in scenario.phases]
    times: list[Any] = [measured.seconds for measured in scenario.times.values() if measured.seconds]
    return max([*ends, *times], default=0) or 1


def render_markdown(drill: Drill) -> str:
    """Return the Markdown: verdict and numbers on top, checks folded away."""
    return "\n".join(_lines(drill))


def _lines(drill: Drill) -> Iterator[str]:
    identity = drill.identity
    mark = "✅" if drill.verdict == "passed" else "❌"
    yield f"## {mark} Recovery drill of `{identity.stack}`: {drill.verdict}"
    yield ""
    yield f"{sentence(drill)} {stamp(drill.started)}, `{identity.id}`."
    yield ""
    if identity.place == "twin":
        yield "It ran on the twin: it shows that the procedure works, and nothing of production's data."
        yield ""
    yield from (f"- {_text(fault)}" for fault in drill.faults)
    if drill.faults:
        yield ""
    for scenario in drill.scenarios:
        yield from _scenario(scenario)
    commit = f"`{identity.commit[:12]}`" if identity.commit else "unknown"
    controls = ", ".join(f"{one.framework} {one.id}" for one in identity.controls)
    yield f"Commit {commit}{' with changes' if identity.changed else ''}. Answers {controls}."
    yield ""
    yield f"SHA-256 of the evidence: `{hashlib.sha256(records.written(drill)).hexdigest()}`"
    yield ""


def _scenario(scenario: Scenario) -> Iterator[str]:
    yield f"### {TITLES[scenario.kind]}: {scenario.verdict}"
    yield ""
    point = scenario.recovery_point
    if point:
        yield f"Recovered from {PATHS[point.path]}: {_text(point.id)}, which shows {stamp(point.as_of)}."
        yield ""
    yield "| | measured | allowed | |"
    yield "|---|---|---|---|"
    for what, measured in measures(scenario).items():
        mark = "✅" if measured.met else "❌"
        yield f"| {what} | {duration(measured.seconds)} | {duration(measured.objective_seconds)} | {mark} |"
    yield ""
    good = sum(check.outcome == "passed" for check in scenario.checks)
    yield f"<details><summary>{good} of {len(scenario.checks)} checks passed</summary>"
    yield ""
    yield "| check | expected | actual | outcome |"
    yield "|---|---|---|---|"
    yield from (_row(check) for check in scenario.checks if not folded(check))
    if alike := sum(map(folded, scenario.checks)):
        yield f"| {alike} kinds of definitions | word by word | word by word | passed |"
    yield ""
    yield "</details>"
    yield ""
    for untested in scenario.not_tested:
        yield f"Not tested: {_text(untested.what)}, {_text(untested.why)}.<br>"
    if scenario.not_tested:
        yield ""


def _row(check: Check) -> str:
    why = f" ({check.why})" if check.why else ""
    cells = (check.name, check.expected, check.actual, check.outcome.replace("_", " ") + why)
    return f"| {' | '.join(_text(cell) for cell in cells)} |"


def _text(text: str) -> str:
    """Return what a table's cell shows as it is: no break, no markup."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "\\`")
    return " ".join(safe.split())

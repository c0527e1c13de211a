"""Reports of a drill: an HTML page that loads nothing else, with trends, and Markdown for a job's summary."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from core.objectives import format_duration
from core.pages import open_templates
from recovery.drill import records
from recovery.drill.comparison import DEFINITIONS
from recovery.drill.evidence import (
    CallAttempt,
    Check,
    CopyAfterwards,
    CopyPath,
    Drill,
    DrillVerdict,
    Measurement,
    Milestone,
    Scenario,
    ScenarioKind,
)
from recovery.vault.objects import ObjectInfo

_TEMPLATES: Final = open_templates(Path(__file__).parent)

_MAX_POINTS: Final = 26
"""Drills in a trend: half a year of weekly drills."""

TITLES: Final[dict[ScenarioKind, str]] = {
    "corruption": "A bad write",
    "loss": "The database's vendor is gone",
    "replica": "Vendor and primary vault are gone",
    "elsewhere": "Vendor and the vaults' cloud are gone",
    "files": "Files are lost",
    "state": "The stack's state is gone",
    "credentials": "A credential is stolen",
    "service": "A bad deployment",
}
PATHS: Final[dict[CopyPath, str]] = {
    "history": "the vendor's own history",
    "vault": "the primary vault alone",
    "replica": "the replica vault alone",
    "elsewhere": "the encrypted copy at another cloud alone",
}
MILESTONES: Final[dict[Milestone, str]] = {
    "first_query": "first query",
    "verified": "verified",
    "health": "healthy",
    "detected": "detected",
    "paged": "paged",
    "rolled_back": "rolled back",
}


def head(scenario: Scenario) -> str:
    """Return the heading of a scenario; with the service's name, or the store's where that says more."""
    store, heading = scenario.recovered, TITLES[scenario.kind]
    if scenario.service:
        return f"{heading}: {scenario.service}"
    return heading if not store or store.name == store.kind else f"{heading}: {store.name}"


def format_seconds(seconds: float | None) -> str:
    """Return a duration for people: with milliseconds or tenths of a second if it is short."""
    if seconds is None:
        return "not measured"
    if 0 < seconds < 0.0995:
        return f"{max(1, round(seconds * 1000))} ms"
    if 0 <= seconds < 59.95:
        return f"{seconds:.1f} s"
    sign = "-" if seconds < 0 else ""
    return sign + format_duration(timedelta(seconds=round(abs(seconds))))


def format_time(moment: datetime) -> str:
    """Return a UTC time in a form that spreadsheets read."""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def measurements(scenario: Scenario) -> dict[str, Measurement]:
    """Return everything of a scenario that has an objective, by its title."""
    times = {f"until {MILESTONES[name]}": measured for name, measured in scenario.times.items()}
    if not scenario.has_loss:
        return times
    return {"data lost": scenario.loss, **times}


def summarize(drill: Drill) -> str:
    """Return the result of a drill in one or two sentences."""
    if drill.verdict == "passed":
        if [one.kind for one in drill.scenarios] == ["credentials"]:
            return _summarize_attempts(drill.scenarios[0])
        if all(one.kind == "service" for one in drill.scenarios):
            return (
                "The bad deployment was seen from outside and rolled back within the objective, and the "
                "service runs as before."
            )
        many = len(drill.scenarios) > 1
        subject = "Each of the scenarios" if many else "The scenario"
        return (
            f"{subject} came back within its objectives, every check ran and held, a damaged copy was found "
            "damaged, and nothing of the drill is left."
        )
    count, stack = len(drill.faults), drill.identity.stack
    if count == 1:
        return f"1 fault. Until it is corrected, nothing shows that {stack} comes back."
    return f"{count} faults. Until they are corrected, nothing shows that {stack} comes back."


def _summarize_attempts(scenario: Scenario) -> str:
    """Return what a passed drill of credentials showed."""
    counts = count_attempts(scenario)
    shown = f"{counts.refused} destructive calls were refused, {counts.allowed} were allowed as expected"
    if not scenario.afterwards:
        return f"{shown}, {counts.unknown} are unknown. Every answer is a simulation: no call was made."
    return f"{shown}, and after each credential at least one copy of every store was restored and compared."


@dataclass(frozen=True)
class AttemptCounts:
    """How the destructive calls of a drill were answered."""

    refused: int
    allowed: int
    unknown: int


def count_attempts(scenario: Scenario) -> AttemptCounts:
    """Count the answers to a scenario's destructive calls."""
    outcomes = [attempt.outcome for attempt in scenario.attempts]
    return AttemptCounts(*(outcomes.count(one) for one in ("refused", "allowed", "unknown")))


@dataclass(frozen=True)
class StolenCredential:
    """What was tried with one credential, and what was left."""

    name: str
    attempts: tuple[CallAttempt, ...]
    afterwards: tuple[CopyAfterwards, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(one.fault for one in (*self.attempts, *self.afterwards) if one.fault)

    @property
    def shown_attempts(self) -> tuple[tuple[CallAttempt, int], ...]:
        """The attempts with how often each was made: calls on several objects of a kind are one line."""
        counts: dict[tuple[str, ...], int] = {}
        first: dict[tuple[str, ...], CallAttempt] = {}
        for attempt in self.attempts:
            known = (
                attempt.call.rpartition(" ")[0] or attempt.call,
                attempt.target,
                attempt.expected,
                attempt.outcome,
                attempt.answer,
            )
            key = known if attempt.call.split(" ")[0] in _METHODS else (attempt.call, *known[1:])
            counts[key] = counts.get(key, 0) + 1
            first.setdefault(key, attempt)
        return tuple((first[key], count) for key, count in counts.items())

    @property
    def sources(self) -> str:
        """Where each store was restored from, in words."""
        stores: dict[str, list[str]] = {}
        for copy in self.afterwards:
            stores.setdefault(copy.store, [])
            if copy.state != "lost":
                stores[copy.store].append(copy.path + ("" if copy.state == "restored" else " (unharmed)"))
        return "; ".join(f"{store}: {', '.join(paths) or 'nothing'}" for store, paths in stores.items())


_METHODS: Final = frozenset(("DELETE", "PATCH", "POST", "PUT"))


def group_by_credential(scenario: Scenario) -> tuple[StolenCredential, ...]:
    """Return a scenario's attempts and copies, by credential in the order of the drill."""
    names = dict.fromkeys(one.credential for one in (*scenario.attempts, *scenario.afterwards))
    return tuple(
        StolenCredential(
            name,
            tuple(one for one in scenario.attempts if one.credential == name),
            tuple(one for one in scenario.afterwards if one.credential == name),
        )
        for name in names
    )


def is_foldable(check: Check) -> bool:
    """Return whether a report folds a check away: a passed one of the many kinds of definitions."""
    return check.outcome == "passed" and check.name.startswith(DEFINITIONS)


_TEMPLATES.filters.update(duration=format_seconds, time=format_time)


@dataclass(frozen=True)
class Point:
    """A measurement of one drill; None if it was not measured."""

    drill: str
    seconds: float | None
    verdict: DrillVerdict


@dataclass(frozen=True)
class Trend:
    """A measurement over several drills, the oldest first, with the objective of the newest."""

    title: str
    objective_seconds: float
    points: tuple[Point, ...]

    @property
    def scale_seconds(self) -> float:
        """The full height of the chart; it includes the objective unless that would flatten the chart."""
        highest = max((point.seconds or 0 for point in self.points), default=0)
        return max(highest, self.objective_seconds) if self.shows_objective else highest or 1

    @property
    def shows_objective(self) -> bool:
        highest = max((point.seconds or 0 for point in self.points), default=0)
        return highest >= self.objective_seconds / 4


def compute_trends(drill: Drill, earlier: Iterable[Drill]) -> dict[str, list[Trend]]:
    """Return the trends of each scenario of a drill by its title, with earlier drills of the same stack."""
    before = [
        other
        for other in earlier
        if other.identity.stack == drill.identity.stack
        and other.identity.place == drill.identity.place
        and other.identity.id < drill.identity.id
    ]
    history = [*sorted(before, key=lambda other: other.identity.id)[1 - _MAX_POINTS :], drill]
    return {
        scenario.title: [
            Trend(title, measured.objective_seconds, _points(history, scenario.title, title))
            for title, measured in measurements(scenario).items()
        ]
        for scenario in drill.scenarios
    }


def _points(history: list[Drill], of_scenario: str, title: str) -> tuple[Point, ...]:
    points: list[Point] = []
    for drill in history:
        for scenario in drill.scenarios:
            if scenario.title == of_scenario:
                measured = measurements(scenario).get(title)
                seconds = measured.seconds if measured else None
                points.append(Point(drill.identity.id, seconds, scenario.verdict))
    return tuple(points)


def render_html(drill: Drill, *, earlier: Iterable[Drill] = (), stored: ObjectInfo | None = None) -> str:
    """
    Return the report as an HTML page.

    `earlier` are the drills to compare with; `stored` is the document in the vault, if it is stored.
    """
    return _TEMPLATES.get_template("page.html").render(
        head=head,
        paths=PATHS,
        milestones=MILESTONES,
        measurements=measurements,
        drill=drill,
        identity=drill.identity,
        summary=summarize(drill),
        total_seconds=(drill.finished - drill.started).total_seconds(),
        trends=compute_trends(drill, earlier),
        is_foldable=is_foldable,
        group_by_credential=group_by_credential,
        folded_checks={scenario.title: _fold(scenario) for scenario in drill.scenarios},
        same_as=_find_repetitions(drill),
        timeline_seconds={scenario.title: _timeline_seconds(scenario) for scenario in drill.scenarios},
        sha256=hashlib.sha256(records.to_json(drill)).hexdigest(),
        stored=stored,
    )


def _fold(scenario: Scenario) -> list[Check]:
    return list(filter(is_foldable, scenario.checks))


def _find_repetitions(drill: Drill) -> dict[str, str]:
    """Return the titles of scenarios whose folded checks are those of an earlier one, with its heading."""
    repetitions: dict[str, str] = {}
    for number, scenario in enumerate(drill.scenarios):
        folded = _fold(scenario)
        for earlier in drill.scenarios[:number] if folded else ():
            if _fold(earlier) == folded:
                repetitions[scenario.title] = head(earlier)
                break
    return repetitions


def _timeline_seconds(scenario: Scenario) -> float:
    """Return the length of a scenario's timeline in seconds."""
    ends = [phase.offset_seconds + phase.seconds for phase in scenario.phases]
    times: list[Any] = [measured.seconds for measured in scenario.times.values() if measured.seconds]
    return max([*ends, *times], default=0) or 1


def render_markdown(drill: Drill) -> str:
    """Return the report as Markdown: verdict and times first, checks folded away."""
    return "\n".join(_markdown_lines(drill))


def _markdown_lines(drill: Drill) -> Iterator[str]:
    identity = drill.identity
    mark = "✅" if drill.verdict == "passed" else "❌"
    yield f"## {mark} Recovery drill of `{identity.stack}`: {drill.verdict}"
    yield ""
    yield f"{summarize(drill)} {format_time(drill.started)}, `{identity.id}`."
    yield ""
    if identity.place == "twin":
        yield "It ran on the twin: it shows that the procedure works, and nothing of production's data."
        yield ""
    yield from (f"- {_escape(fault)}" for fault in drill.faults)
    if drill.faults:
        yield ""
    for scenario in drill.scenarios:
        yield from _scenario_lines(scenario)
    commit = f"`{identity.commit[:12]}`" if identity.commit else "unknown"
    controls = ", ".join(f"{control.framework} {control.id}" for control in identity.controls)
    yield f"Commit {commit}{' with changes' if identity.changed else ''}. Answers {controls}."
    yield ""
    yield f"SHA-256 of the evidence: `{hashlib.sha256(records.to_json(drill)).hexdigest()}`"
    yield ""


def _scenario_lines(scenario: Scenario) -> Iterator[str]:
    yield f"### {head(scenario)}: {scenario.verdict}"
    yield ""
    point = scenario.recovery_point
    if scenario.kind == "credentials":
        yield from _credential_lines(scenario)
        return
    if point:
        as_of = format_time(point.as_of)
        yield f"Recovered from {PATHS[point.path]}: {_escape(point.id)}, which shows {as_of}."
        yield ""
    yield "| | measured | allowed | |"
    yield "|---|---|---|---|"
    for title, measured in measurements(scenario).items():
        mark = "✅" if measured.met else "❌"
        objective = format_seconds(measured.objective_seconds)
        yield f"| {title} | {format_seconds(measured.seconds)} | {objective} | {mark} |"
    yield ""
    passed = sum(check.outcome == "passed" for check in scenario.checks)
    yield f"<details><summary>{passed} of {len(scenario.checks)} checks passed</summary>"
    yield ""
    yield "| check | expected | actual | outcome |"
    yield "|---|---|---|---|"
    yield from (_check_row(check) for check in scenario.checks if not is_foldable(check))
    if folded := sum(map(is_foldable, scenario.checks)):
        yield f"| {folded} kinds of definitions | word by word | word by word | passed |"
    yield ""
    yield "</details>"
    yield ""
    for untested in scenario.not_tested:
        yield f"Not tested: {_escape(untested.what)}, {_escape(untested.why)}.<br>"
    if scenario.not_tested:
        yield ""


def _credential_lines(scenario: Scenario) -> Iterator[str]:
    yield "| credential | refused | allowed | unknown | left |"
    yield "|---|---|---|---|---|"
    stolen = group_by_credential(scenario)
    for credential in stolen:
        outcomes = [attempt.outcome for attempt in credential.attempts]
        counts = (str(outcomes.count(name)) for name in ("refused", "allowed", "unknown"))
        yield f"| {_escape(credential.name)} | {' | '.join(counts)} | {_escape(credential.sources)} |"
    yield ""
    for credential in stolen:
        yield f"<details><summary>{_escape(credential.name)}, call by call</summary>"
        yield ""
        yield "| call | on | expected | answer | left |"
        yield "|---|---|---|---|---|"
        for attempt, count in credential.shown_attempts:
            times = f" ({count} times)" if count > 1 else ""
            cells = (attempt.call + times, attempt.target, attempt.expected)
            answer = f"{attempt.outcome}, {attempt.how}: {attempt.answer}"
            yield f"| {' | '.join(map(_escape, (*cells, answer, attempt.left)))} |"
        yield ""
        yield "</details>"
        yield ""
    for untested in scenario.not_tested:
        yield f"Not tested: {_escape(untested.what)}, {_escape(untested.why)}.<br>"
    yield ""


def _check_row(check: Check) -> str:
    why = f" ({check.why})" if check.why else ""
    cells = (check.name, check.expected, check.actual, check.outcome.replace("_", " ") + why)
    return f"| {' | '.join(_escape(cell) for cell in cells)} |"


def _escape(text: str) -> str:
    """Return a text without line breaks and with Markdown and HTML escaped, for a cell of a table."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|").replace("`", "\\`")
    return " ".join(safe.split())

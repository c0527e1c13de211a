"""A drill's evidence as Markdown, for a job's summary or a ticket; the page has all of it."""

import hashlib
from collections.abc import Iterator

from recovery.drill import records
from recovery.drill.evidence import Check, Drill, Scenario
from recovery.drill.report.wording import PATHS, TITLES, duration, folded, measures, sentence, stamp


def render(drill: Drill) -> str:
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

"""A drill's evidence as one HTML page that needs nothing else: no network, no script, no file beside it."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recovery.drill import records
from recovery.drill.evidence import Drill, Scenario
from recovery.drill.report import wording
from recovery.drill.report.trend import trends
from recovery.vault.held import Held

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(duration=wording.duration, stamp=wording.stamp)


def render(drill: Drill, *, earlier: Iterable[Drill] = (), stored: Held | None = None) -> str:
    """
    Return the page.

    `earlier` are the drills that it is compared with; `stored` is what the vault tells of the document, where
    it is stored already.
    """
    return _TEMPLATES.get_template("page.html").render(
        titles=wording.TITLES,
        paths=wording.PATHS,
        milestones=wording.MILESTONES,
        measures=wording.measures,
        drill=drill,
        identity=drill.identity,
        sentence=wording.sentence(drill),
        took=(drill.finished - drill.started).total_seconds(),
        trends=trends(drill, earlier),
        folded=wording.folded,
        alike={scenario.kind: list(filter(wording.folded, scenario.checks)) for scenario in drill.scenarios},
        spans={scenario.kind: _span(scenario) for scenario in drill.scenarios},
        sha256=hashlib.sha256(records.written(drill)).hexdigest(),
        stored=stored,
    )


def _span(scenario: Scenario) -> float:
    """Return the seconds that a timeline shows."""
    ends = [phase.offset_seconds + phase.seconds for phase in scenario.phases]
    times: list[Any] = [measured.seconds for measured in scenario.times.values() if measured.seconds]
    return max([*ends, *times], default=0) or 1

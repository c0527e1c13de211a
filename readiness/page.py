"""The report as an HTML page that loads nothing else, in the style of the drill's."""

from pathlib import Path
from typing import Final

from core.pages import open_templates
from readiness.results import Readiness
from readiness.trend import ReadinessTrend, describe_age, describe_trend

_TEMPLATES: Final = open_templates(Path(__file__).parent)


def render_page(readiness: Readiness, trend: ReadinessTrend | None = None) -> str:
    """Return the report as a page, with what moved since earlier ones."""
    return _TEMPLATES.get_template("page.html").render(
        readiness=readiness,
        trend=trend,
        describe_age=describe_age,
        trend_sentence=describe_trend(trend, readiness) if trend else "",
    )

"""The report as an HTML page that loads nothing else, in the style of the drill's."""

from pathlib import Path
from typing import Final

from core.pages import open_templates
from readiness.results import Readiness

_TEMPLATES: Final = open_templates(Path(__file__).parent)


def render_page(readiness: Readiness) -> str:
    """Return the report as a page."""
    return _TEMPLATES.get_template("page.html").render(readiness=readiness)

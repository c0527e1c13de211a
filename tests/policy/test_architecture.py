"""docs/architecture.md is what the engine says of production."""

import json
import runpy
from pathlib import Path

_DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_is_drawn_from_what_production_declares() -> None:
    drawing = runpy.run_path(str(_DOCS / "architecture.py"))
    recorded = json.loads(drawing["RECORDING"].read_text())
    assert (_DOCS / "architecture.md").read_text() == drawing["render"](recorded), (
        "run: python docs/architecture.py > docs/architecture.md"
    )

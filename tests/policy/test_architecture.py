"""docs/architecture.md shows what the engine announces of production, and what the modules import."""

import json
import runpy
from pathlib import Path

from import_graph import CHECKOUT, read_imports

_DOCS = Path(__file__).parents[2] / "docs"


def test_the_diagrams_are_drawn_from_production_and_from_the_imports() -> None:
    drawing = runpy.run_path(str(_DOCS / "architecture.py"))
    recorded = json.loads(drawing["RECORDING"].read_text())
    assert (_DOCS / "architecture.md").read_text() == drawing["render"](recorded, read_imports(CHECKOUT)), (
        "run: python docs/architecture.py > docs/architecture.md"
    )

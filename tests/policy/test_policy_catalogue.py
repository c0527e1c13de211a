"""docs/policies.md says what the rules say."""

from pathlib import Path

from policies.catalogue import render

_DOCUMENT = Path(__file__).parents[2] / "docs" / "policies.md"


def test_the_document_is_made_from_the_rules() -> None:
    assert _DOCUMENT.read_text() == render(), "run: python -m policies.catalogue > docs/policies.md"

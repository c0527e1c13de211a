"""docs/policies.md says what the rules say."""

import re
from pathlib import Path

from policy_count import count_policies

from policies.catalogue import render

_CHECKOUT = Path(__file__).parents[2]
_DOCUMENT = _CHECKOUT / "docs" / "policies.md"


def test_the_policy_reference_is_generated_from_the_rules() -> None:
    assert _DOCUMENT.read_text() == render(), "run: python -m policies.catalogue > docs/policies.md"


def test_documents_state_the_number_of_policies() -> None:
    said = {
        int(number)
        for document in (*_CHECKOUT.glob("*.md"), *_CHECKOUT.glob("docs/**/*.md"))
        for number in re.findall(r"(\d+) (?:policies|rules)\b", document.read_text())
    }
    assert said == {count_policies("prod"), count_policies("local")}, (
        "what production passes, and what the twin does"
    )

"""docs/incidents.md names tests that exist, at least one for each incident."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def test_each_incident_of_the_table_names_tests_that_exist() -> None:
    rows = [
        line for line in (ROOT / "docs" / "incidents.md").read_text().splitlines() if re.match(r"\| \d", line)
    ]
    source = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)\(", source, re.MULTILINE))
    assert len(rows) >= 16
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        assert not set(named) - known, (row[:40], set(named) - known)

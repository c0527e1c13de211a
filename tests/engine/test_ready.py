"""`./bulwark ready` as a user types it, on a deployed stack whose platform has one fault."""

from pathlib import Path

import pytest
from fast_twin import FastTwin

pytestmark = pytest.mark.shares("fast_twin")

GREEN = {
    "health-is-complete",
    "limits-hold",
    "data-are-as-declared",
    "certificate-is-trusted",
}
OTHERS = {"answers-have-an-id": "failed", "exceptions-are-current": "not_looked_at"}
"""The second is read of the stack's health, and this stack has no exception."""


def test_it_finds_the_fault_and_shows_what_it_measured(fast_twin: FastTwin, tmp_path: Path) -> None:
    home, page = fast_twin.installation.home, tmp_path / "ready.html"
    home.platform_faults.write_text("no-request-id\n")
    try:
        only = [word for name in sorted({*GREEN, *OTHERS}) for word in ("--only", name)]
        ended = fast_twin.bulwark("ready", "--json", "--html", str(page), *only)
    finally:
        home.platform_faults.unlink()
    assert ended.code == 1, ended.text[-2_000:]
    document = ended.json
    outcomes = {found["id"]: found["outcome"] for found in document["checks"]}
    assert outcomes == {**dict.fromkeys(GREEN, "passed"), **OTHERS}
    assert (document["verdict"], document["place"]) == ("not_ready", "twin")
    assert "answers-have-an-id" in document["sentence"]
    assert document["requests"] > 100  # the limit of the API was measured
    assert "answers-have-an-id" in page.read_text()
